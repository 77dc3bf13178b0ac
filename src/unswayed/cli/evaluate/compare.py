"""``unswayed compare``: two runs on the same questions, paired."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from unswayed import report
from unswayed.cli.shared import output
from unswayed.errors import BadInput
from unswayed.formatting import visible
from unswayed.metrics.compare import Comparison, compare
from unswayed.pipeline.audit import Run
from unswayed.pipeline.reread import run_grammars
from unswayed.report.compare_tables import compare_rows
from unswayed.report.rendering import write_text
from unswayed.store.manifest import run_format


class Format(StrEnum):
    table = "table"
    markdown = "markdown"
    csv = "csv"
    latex = "latex"
    json = "json"


_TEXT = {
    Format.markdown: report.compare_markdown,
    Format.csv: report.compare_csv,
    Format.latex: report.compare_latex,
    Format.json: report.compare_json,
}


def command(
    first: Annotated[Path, typer.Argument(help="a run folder")],
    second: Annotated[Path, typer.Argument(help="a run folder on the same questions")],
    form: Annotated[
        Format, typer.Option("--format", "-f", help="table: for the terminal; csv and json: full precision")
    ] = Format.table,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="file to write; default: stdout")] = None,
) -> None:
    """Compare SECOND with FIRST by condition: accuracy, drop, faithful accuracy, P(correct), letter entropy.

    Differences are paired by question. Questions on which the two runs were misled to different options are
    left out, with a warning. Other answer grammars and judges are reported. Two runs of one model in
    different prompt formats stand side by side, with the formats in the head.

    [bold]Examples[/]

    unswayed compare runs/before runs/after

    unswayed compare runs/before runs/after --format csv > comparison.csv
    """
    runs = Run.load(first), Run.load(second)
    comparison = compare(runs[0].trials, runs[1].trials)
    readings = tuple(reading_differences(runs[0].manifest, runs[1].manifest))
    formats = [run_format(run.manifest).name for run in runs]
    comparison = replace(
        comparison,
        warnings=(*readings, *comparison.warnings),
        first_format=formats[0],
        second_format=formats[1],
    )
    if form is Format.table:
        if out is not None:
            raise BadInput("--out needs --format markdown, csv, latex or json")
        output.out.print(_terminal_table(comparison))
    elif out is None:
        output.echo(_TEXT[form](comparison))
    else:
        write_text(out, _TEXT[form](comparison))
    for warning in comparison.warnings:
        output.err.print(f"warning: {visible(warning)}", markup=False, highlight=False, soft_wrap=True)


def reading_differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[str]:
    """Differences in how the texts of two runs were read, from their manifests."""
    for what, read in (("answer grammars", run_grammars), ("judges", _judges)):
        if (a := read(first)) != (b := read(second)):
            yield (
                f"the runs were read by different {what} ({', '.join(a) or 'unknown'}; "
                f"{', '.join(b) or 'unknown'}), so differences may come from the reading"
            )


def _judges(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    panel = manifest.get("judging", {}).get("panel") or [
        {"judge": manifest["asks"].get("judge", ""), "version": ""}
    ]
    return tuple(sorted(f"{seat['judge']} {seat.get('version', '')}".strip() for seat in panel))


def _terminal_table(comparison: Comparison) -> Table:
    head, lines = compare_rows(comparison, intervals=False)
    view = Table(box=None, pad_edge=False, header_style="bold")
    for i, title in enumerate(head):
        view.add_column(escape(visible(title)), justify="left" if i < 2 else "right", no_wrap=i == 0)
    previous = ""
    for condition, *cells in lines:
        name = "" if condition == previous else escape(visible(condition))
        view.add_row(name, *(escape(cell) for cell in cells))
        previous = condition
    return view
