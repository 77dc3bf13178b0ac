"""``unswayed report``: rebuild a run's page or tables from what is stored, without asking anybody."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from unswayed import report
from unswayed.cli.shared import output
from unswayed.errors import BadInput
from unswayed.judges.rules import RuleJudge
from unswayed.metrics.summary import Summary
from unswayed.pipeline import panel_columns
from unswayed.pipeline.audit import Run


class Format(StrEnum):
    html = "html"
    csv = "csv"
    latex = "latex"
    markdown = "markdown"
    svg = "svg"


def command(
    run: Annotated[
        Path, typer.Argument(help="a run folder, e.g. runs/first, or that of a study or training run")
    ],
    form: Annotated[
        Format, typer.Option("--format", "-f", help="the page; the table by condition; svg: a study's figure")
    ] = Format.html,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="file to write; default: report.html, or stdout")
    ] = None,
    measure: Annotated[
        str | None,
        typer.Option(help="svg: draw this over steps; default: accuracy against consistency"),
    ] = None,
) -> None:
    """Build the report of RUN again, from what it stored alone.

    [bold]Examples[/]

      unswayed report runs/first

      unswayed report runs/first --format latex > table.tex

      unswayed report studies/mini

      unswayed report studies/mini --format svg --measure robust_accuracy
    """
    if measure is not None and form is not Format.svg:
        raise BadInput("--measure says what a figure shows; give --format svg too")
    if is_study(run):
        write_study(run, form, out, measure)
        return
    if form is Format.svg:
        raise BadInput(f"--format svg draws a study or training run, and {run} is neither")
    opened = Run.load(run)
    with output.err.status("measuring"):
        summary = opened.summary()
    if form is Format.html:
        output.out.print(f"report: {write_report(opened, summary, out)}", highlight=False, soft_wrap=True)
        return
    tables = {Format.csv: report.to_csv, Format.latex: report.to_latex, Format.markdown: report.to_markdown}
    text = tables[form](summary)
    if out is None:
        typer.echo(text, nl=not text.endswith("\n"))
    else:
        write_text(out, text)


def write_study(folder: Path, form: Format, out: Path | None, measure: str | None = None) -> None:
    """The page of a study or training run, or its figure."""
    from unswayed.report.study.page import write_study_report, write_training_figure

    if form not in (Format.html, Format.svg):
        raise BadInput(
            f"--format {form.value} is the table of one audit; its numbers over steps are in "
            f"{folder / 'dynamics.parquet'}, and each audit of a training run is a folder under audits/"
        )
    with output.err.status("measuring"):
        if form is Format.html:
            found = write_study_report(folder, out)
        else:
            to = out or folder / f"{measure or 'trajectories'}.svg"
            found = write_training_figure(folder, to, measure)
    name = "report" if form is Format.html else "figure"
    output.out.print(f"{name}: {found}", highlight=False, markup=False, soft_wrap=True)


def is_study(folder: Path) -> bool:
    """Whether the folder is a study's or a training run's, and not an audit's."""
    return any((folder / name).is_file() for name in ("study.json", "dynamics.jsonl"))


def write_report(run: Run, summary: Summary, out: Path | None = None) -> Path:
    """Write the page of a stored run, by default into its folder; returns where."""
    assert run.path is not None
    folder = run.path
    page = report.build(
        summary, run.trials, run.manifest, lambda sha: stored_image(folder, sha), judge_report=run.judges()
    )
    target = out or folder / "report.html"
    write_text(target, page)
    if old := panel_columns.outdated_rules(run.manifest):
        output.err.print(
            f"its thoughts were read by {old}, and this version has {RuleJudge.name}: "
            f"unswayed judge {folder} --judge rules",
            markup=False,
        )
    return target


def stored_image(folder: Path, sha256: str) -> bytes | None:
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
