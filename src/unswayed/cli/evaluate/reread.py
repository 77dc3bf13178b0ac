"""``unswayed reread``: read a stored run again with the present answer grammar, without asking the model."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from unswayed.answers.parser import GRAMMAR
from unswayed.cli.shared import output
from unswayed.judges.rules import RuleJudge
from unswayed.pipeline.audit import Run
from unswayed.pipeline.reread import reread_run, run_rules


def command(
    run: Annotated[Path, typer.Argument(help="a run folder, e.g. runs/first")],
    write: Annotated[
        bool, typer.Option("--write", help="store the new readings; without it nothing is changed")
    ] = False,
) -> None:
    """Read the raw texts of RUN with the present grammar and rules; say which trials change.

    With --write the new readings fill the columns of the run. The raw texts stay as they are, and the columns
    that are replaced are kept in RUN/readings. Where the rules judged the run, they judge it again; other
    judges are asked again by `unswayed judge`. An interrupted call can be repeated.

    [bold]Examples[/]

      unswayed reread runs/first

      unswayed reread runs/first --write && unswayed report runs/first
    """
    rules = run_rules(Run.load(run).manifest)
    result = asyncio.run(reread_run(run, write=write))
    output.out.print(
        f"grammar {' and '.join(result.before)} before, {GRAMMAR} now: {result.changed:,} of "
        f"{result.trials:,} trials are read differently; right answers: {result.correct[0]:,} before, "
        f"{result.correct[1]:,} now",
        highlight=False,
        soft_wrap=True,
    )
    if result.moves:
        output.out.print(moves_table("reading", result.moves))
    if result.judges_rules:
        changed = sum(result.verdict_moves.values())
        output.out.print(
            f"{rules} before, {RuleJudge.name} now: {changed:,} verdicts change", highlight=False
        )
        if result.verdict_moves:
            output.out.print(moves_table("verdict", result.verdict_moves))
    elif result.thoughts_changed:
        output.out.print(
            f"{result.thoughts_changed:,} thoughts are read differently and have to be judged again: "
            f"unswayed judge {run} --judge …",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    if not write:
        output.out.print("nothing was changed; --write stores this", highlight=False)


def moves_table(what: str, moves: dict[tuple[str, str], int]) -> Table:
    """Number of trials by what they were read as before and now, the most frequent change first."""
    table = Table()
    table.add_column(f"{what} before")
    table.add_column("now")
    table.add_column("trials", justify="right")
    for (before, after), count in moves.items():
        table.add_row(before, after, f"{count:,}")
    return table
