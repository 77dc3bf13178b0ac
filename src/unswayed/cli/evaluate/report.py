"""``unswayed report``: build a run's page or tables again from its stored trials, without asking a model."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from unswayed import report
from unswayed.cli.shared import output
from unswayed.errors import BadInput
from unswayed.formatting import visible
from unswayed.interventions import FOLDER, is_probed, measure, measure_pictures, probed_trials
from unswayed.judges.rules import RuleJudge
from unswayed.metrics import summarise
from unswayed.metrics.claims.audit_claims import SMALLEST_EFFECT
from unswayed.metrics.summary import Summary
from unswayed.pipeline import panel_columns
from unswayed.pipeline.audit import Run
from unswayed.report.rendering import write_text
from unswayed.store.run_folder import stored_image
from unswayed.suite.state import is_suite


class Format(StrEnum):
    html = "html"
    csv = "csv"
    latex = "latex"
    markdown = "markdown"
    svg = "svg"


def command(
    run: Annotated[
        Path, typer.Argument(help="folder of a run, a suite, a study or a training run, e.g. runs/first")
    ],
    form: Annotated[
        Format,
        typer.Option("--format", "-f", help="html: a page; svg: a study's figure; else: a table"),
    ] = Format.html,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="file to write; default: report.html, or stdout")
    ] = None,
    measure: Annotated[
        str | None,
        typer.Option(help="with svg: the measure to draw over steps; default: accuracy against consistency"),
    ] = None,
    smallest_effect: Annotated[
        float | None,
        typer.Option(help="points of accuracy below which the claims count an effect as none; default: 2"),
    ] = None,
) -> None:
    """Build the report of RUN again from its stored trials.

    [bold]Examples[/]

      unswayed report runs/first

      unswayed report runs/first --smallest-effect 1

      unswayed report runs/first --format latex > table.tex

      unswayed report runs/suite --format latex > tables.tex

      unswayed report studies/mini

      unswayed report studies/mini --format svg --measure robust_accuracy
    """
    if measure is not None and form is not Format.svg:
        raise BadInput("--measure selects what a figure shows; give --format svg too")
    if is_suite(run):
        if smallest_effect is not None:
            raise BadInput("--smallest-effect is for the claims of one run, not for those of a suite")
        write_suite(run, form, out)
        return
    if is_study(run):
        if smallest_effect is not None:
            raise BadInput("--smallest-effect is for the claims of one run, not for those of a study")
        write_study(run, form, out, measure)
        return
    if form is Format.svg:
        raise BadInput(f"--format svg draws a study or training run, and {run} is neither")
    if smallest_effect is not None and not 0 < smallest_effect < 100:
        raise BadInput(f"--smallest-effect is {smallest_effect:g}; give points above 0 and below 100")
    loaded = Run.load(run)
    effect = SMALLEST_EFFECT if smallest_effect is None else smallest_effect / 100
    with output.err.status("measuring"):
        summary = summarise(loaded.trials, smallest_effect=effect)
    if form is Format.html:
        output.out.print(f"report: {write_report(loaded, summary, out)}", highlight=False, soft_wrap=True)
        return
    tables = {Format.csv: report.to_csv, Format.latex: report.to_latex, Format.markdown: report.to_markdown}
    text = tables[form](summary)
    if out is None:
        output.echo(text)
    else:
        write_text(out, text)


def write_study(folder: Path, form: Format, out: Path | None, measure: str | None = None) -> None:
    """Write the page of a study or training run, or its figure."""
    from unswayed.report.study.page import write_study_report, write_training_figure

    if form not in (Format.html, Format.svg):
        raise BadInput(
            f"--format {form.value} is the table of one audit; the measures of a study over steps are in "
            f"{folder / 'dynamics.parquet'}, and each audit of a training run is a folder under audits/"
        )
    with output.err.status("measuring"):
        if form is Format.html:
            path = write_study_report(folder, out)
        else:
            target = out or folder / f"{measure or 'trajectories'}.svg"
            path = write_training_figure(folder, target, measure)
    name = "report" if form is Format.html else "figure"
    output.out.print(f"{name}: {path}", highlight=False, markup=False, soft_wrap=True)


def write_suite(folder: Path, form: Format, out: Path | None) -> None:
    """Measure a suite; write its results and its page, or print its tables."""
    from unswayed.cli.suite.tables import results_table
    from unswayed.report.suite import tables
    from unswayed.report.suite.page import PAGE, build
    from unswayed.suite.collect import collect
    from unswayed.suite.results_file import FILE, write_results

    if form is Format.svg:
        raise BadInput("--format svg draws a study or training run; give html, csv, latex or markdown")
    with output.err.status("measuring") as status:
        collected = collect(folder, lambda note: status.update(escape(visible(note))))
        write_results(collected.results, folder / FILE)
        target = out or folder / PAGE
        if form is Format.html:
            write_text(target, build(collected))
    for warning in collected.warnings:
        output.err.print(f"[yellow]left out[/] {escape(visible(warning))}", highlight=False, soft_wrap=True)
    if form is Format.html:
        output.out.print(results_table(collected.results))
        output.out.print(
            f"\nreport: {target}\nresults: {folder / FILE}", highlight=False, markup=False, soft_wrap=True
        )
        return
    formats = {Format.csv: tables.to_csv, Format.latex: tables.to_latex, Format.markdown: tables.to_markdown}
    text = formats[form](collected.results)
    if out is None:
        output.echo(text)
    else:
        write_text(out, text)


def is_study(folder: Path) -> bool:
    """Whether the folder is that of a study or training run, not of an audit."""
    return any((folder / name).is_file() for name in ("study.json", "dynamics.jsonl"))


def write_report(run: Run, summary: Summary, out: Path | None = None) -> Path:
    """Write the page of a stored run, by default into its folder; returns its path."""
    assert run.path is not None
    folder = run.path
    page = report.build(
        summary,
        run.trials,
        run.manifest,
        lambda sha: stored_image(folder, sha) or stored_image(folder / FOLDER, sha),
        judge_report=run.judges(),
        thought_use=measure(run) if is_probed(run) else None,
        image_use=measure_pictures(run) if is_probed(run) else None,
        probe_trials=probed_trials(run) if is_probed(run) else None,
    )
    target = out or folder / "report.html"
    write_text(target, page)
    if old := panel_columns.outdated_rules(run.manifest):
        output.err.print(
            f"the thoughts were judged by {old}; this version has {RuleJudge.name}: "
            f"unswayed judge {folder} --judge rules",
            markup=False,
        )
    return target
