"""``unswayed report``: rebuild a run's page or tables from what is stored, without asking anybody."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from unswayed import report
from unswayed.audit import Run
from unswayed.cli import show
from unswayed.measures.summary import Summary


class Format(StrEnum):
    html = "html"
    csv = "csv"
    latex = "latex"
    markdown = "markdown"


def command(
    run: Annotated[Path, typer.Argument(help="a run folder, e.g. runs/first")],
    form: Annotated[
        Format, typer.Option("--format", "-f", help="the page, or the table by condition")
    ] = Format.html,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="file to write; default: report.html, or stdout")
    ] = None,
) -> None:
    """Build the report of RUN again, from its trials alone.

    [bold]Examples[/]

      unswayed report runs/first

      unswayed report runs/first --format latex > table.tex
    """
    opened = Run.load(run)
    with show.err.status("measuring"):
        summary = opened.summary()
    if form is Format.html:
        show.out.print(f"report: {write_report(opened, summary, out)}", highlight=False, soft_wrap=True)
        return
    tables = {Format.csv: report.to_csv, Format.latex: report.to_latex, Format.markdown: report.to_markdown}
    text = tables[form](summary)
    if out is None:
        typer.echo(text, nl=not text.endswith("\n"))
    else:
        write_text(out, text)


def write_report(run: Run, summary: Summary, out: Path | None = None) -> Path:
    """Write the page of a stored run, by default into its folder; returns where."""
    assert run.path is not None
    folder = run.path
    page = report.build(
        summary, run.trials, run.manifest, lambda sha: picture(folder, sha), judging=run.judges()
    )
    target = out or folder / "report.html"
    write_text(target, page)
    return target


def picture(folder: Path, sha256: str) -> bytes | None:
    """A picture that the run kept; None where it was over the budget."""
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        return None
    try:
        return (folder / "images" / sha256).read_bytes()
    except OSError:
        return None


def write_text(path: Path, text: str) -> None:
    """Write whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
