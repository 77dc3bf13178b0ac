"""``unswayed compare``: two runs on the same questions, paired."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from unswayed.cli.shared import output
from unswayed.metrics.compare import compare
from unswayed.metrics.summary import Estimate
from unswayed.pipeline.audit import Run


def command(
    first: Annotated[Path, typer.Argument(help="a run folder")],
    second: Annotated[Path, typer.Argument(help="another, on the same questions")],
) -> None:
    """Compare SECOND with FIRST: accuracy by condition, on the questions that both answered.

    [bold]Example[/]

      unswayed compare runs/before runs/after
    """
    found = compare(Run.load(first).trials, Run.load(second).trials)
    view = Table(box=None, pad_edge=False, header_style="bold")
    view.add_column("condition", no_wrap=True)
    for head in ("pairs", found.first, found.second, "difference", "p", "p (Holm)"):
        view.add_column(head, justify="right")
    for row in found.rows:
        view.add_row(
            row.condition,
            str(row.difference.n),
            _percent(row.first),
            _percent(row.second),
            _percent(row.difference, sign=True),
            _p(row.p_value),
            _p(row.p_holm),
        )
    output.out.print(view)
    alone = sum(row.only_first + row.only_second for row in found.rows)
    if alone:
        output.out.print(f"[dim]{alone} trials have no partner in the other run and are left out[/]")


def _percent(estimate: Estimate, *, sign: bool = False) -> str:
    if estimate.value is None:
        return "–"
    text = f"{estimate.value * 100:{'+' if sign else ''}.1f}"
    if estimate.low is None or estimate.high is None:
        return text
    return f"{text} [dim]{estimate.low * 100:.1f}…{estimate.high * 100:.1f}[/]"


def _p(p: float | None) -> str:
    return "–" if p is None else "<0.001" if p < 0.001 else f"{p:.3f}"
