"""``unswayed suite``: many models on many benchmarks, resumable, with one report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from unswayed.cli.evaluate.report import Format, write_suite
from unswayed.cli.shared import output
from unswayed.cli.suite import progress, tables
from unswayed.errors import BadInput
from unswayed.formatting import visible

EPILOG = """[bold]Examples[/]

  unswayed suite suites/smoke.toml

  unswayed suite suites/paper.toml --dry-run

  unswayed suite suites/paper.toml --only SpaceR --only cvbench --out runs/paper

  unswayed suite suites/paper.toml --until drop:3

  unswayed suite suites/smoke.toml --report-only --format latex > table.tex
"""


def command(
    config: Annotated[Path, typer.Argument(help="a TOML file; see suites/ and docs/suites.md")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="folder; resumed if it exists. Default: CONFIG without .toml"),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="only this model, benchmark or MODEL/BENCHMARK; repeatable"),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(help="drop:2: ask in batches until every drop is within ±2 points, or all is asked"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="print trials, tokens, hours and money, and ask nothing")
    ] = False,
    report_only: Annotated[
        bool, typer.Option("--report-only", help="ask nothing; measure what is stored and write the report")
    ] = False,
    form: Annotated[
        Format, typer.Option("--format", "-f", help="html: a page; csv, latex, markdown: tables on stdout")
    ] = Format.html,
) -> None:
    """Ask every model of CONFIG on every benchmark, let the judges read, and write one report.

    Every run is an ordinary run folder, OUT/runs/MODEL/BENCHMARK. Models behind endpoints are asked several
    at once, local ones one after the other. The same command continues after an interruption. A run that
    fails does not stop the others. Exit code 1: a run failed.
    """
    from unswayed.suite.estimate import estimate
    from unswayed.suite.loading import load_suite
    from unswayed.suite.plan import plan_cells
    from unswayed.suite.runner import run_suite
    from unswayed.suite.stopping import parse_until

    if form is Format.svg:
        raise BadInput("--format svg draws a study or training run; give html, csv, latex or markdown")
    if dry_run and report_only:
        raise BadInput("--dry-run and --report-only exclude each other; give one of them")
    suite = load_suite(config)
    if until is not None:
        parse_until(until)
        suite = replace(suite, settings=replace(suite.settings, until=until))
    cells = plan_cells(suite, only or [])
    folder = out or config.with_suffix("")
    if folder == config:
        raise BadInput(f"{config} has no file extension to remove; give a folder with --out")
    if dry_run:
        tables.print_estimate(suite, estimate(suite, cells, folder))
        return
    failed = []
    if not report_only:
        try:
            with progress.SuiteProgress(suite, cells) as shown:
                states = run_suite(suite, cells, folder, shown)
        except KeyboardInterrupt:
            output.err.print(
                f"\ninterrupted; the answers so far are kept in {folder}. To resume, run the same command "
                "again.",
                highlight=False,
            )
            raise typer.Exit(130) from None
        failed = [state for state in states if state.reason]
    write_suite(folder, form, None)
    for state in failed:
        output.err.print(
            f"[red]failed[/] {escape(visible(f'{state.name}: {state.reason}'))}",
            highlight=False,
            soft_wrap=True,
        )
    if failed:
        output.print_error(f"{len(failed)} of {len(cells)} runs failed; the same command asks them again")
        raise typer.Exit(1)


command.__doc__ = (command.__doc__ or "") + "\n\n" + EPILOG
