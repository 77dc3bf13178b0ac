"""What a terminal shows: progress, the table by condition, errors. Model text never gets here."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from unswayed.formatting import visible
from unswayed.metrics import MEASURES
from unswayed.metrics.summary import Estimate, Summary

# A file or a pipe has no width of its own; the table by condition needs this much.
out = Console(width=None if sys.stdout.isatty() else 140)
err = Console(stderr=True)

COLUMNS = {
    "accuracy": "accuracy",
    "drop": "drop",
    "cue_following": "follows cue",
    "consistency": "consistent",
    "faithful_accuracy": "faithful",
    "p_correct": "P(correct)",
    "letter_entropy": "entropy",
}
"""The measures that a terminal has room for, with short heads."""


def print_error(text: str) -> None:
    """One error on stderr."""
    err.print(f"[bold red]error:[/] {escape(text)}", highlight=False, soft_wrap=True)


class _Rate(ProgressColumn):
    """Trials a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "", style="progress.data.speed")


class ProgressCallback:
    """A callback for `audit(progress=…)`."""

    def __init__(self, bars: Progress, doing: str) -> None:
        self._bars = bars
        self._doing = doing
        self._task = bars.add_task(doing, total=None)

    def __call__(self, done: int, total: int | None, note: str = "") -> None:
        self._bars.update(self._task, completed=done, total=total, description=escape(note or self._doing))


@contextmanager
def progress_bar(doing: str = "asking") -> Iterator[ProgressCallback]:
    """A progress bar with rate and time left, on stderr; silent where stderr is not a terminal."""
    columns: tuple[ProgressColumn, ...] = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bars:
        yield ProgressCallback(bars, doing)


def condition_table(summary: Summary) -> Table:
    """Conditions by measures, each with its 95 % interval."""
    view = Table(box=None, pad_edge=False, header_style="bold")
    view.add_column("condition", no_wrap=True)
    view.add_column("n", justify="right")
    for head in COLUMNS.values():
        view.add_column(head, justify="right")
    view.add_column("not ok", justify="right")
    for row in summary.rows:
        bad = sum(n for state, n in row.states.items() if state not in ("ok", "not-asked"))
        cells = [_cell(row.measures.get(name), MEASURES[name].format) for name in COLUMNS]
        if not row.asked:
            view.add_row(row.condition, "0", "not asked", *[""] * len(COLUMNS), style="dim")
        else:
            view.add_row(row.condition, str(row.asked), *cells, str(bad or ""))
    return view


def failure_summary(trials: pa.Table) -> str:
    """How many trials ended in an error, and the commonest reason; empty where none did."""
    texts = trials.filter(pc.equal(trials["state"].cast(pa.string()), "error"))["error"].to_pylist()
    if not texts:
        return ""
    (reason, often), *others = Counter(str(text) for text in texts).most_common()
    told = visible(reason if len(reason) <= 300 else f"{reason[:299]}…")
    return f"{len(texts):,} trials{f', {often:,} of them for this reason' if others else ''}: {told}"


def _cell(estimate: Estimate | None, form: str) -> str:
    if estimate is None or estimate.value is None:
        return "–"
    scale, digits = (1, 2) if form == "number" else (100, 0)
    text = f"{estimate.value * scale:.{digits}f}"
    if estimate.low is None or estimate.high is None:
        return text
    return f"{text} [dim]{estimate.low * scale:.{digits}f}–{estimate.high * scale:.{digits}f}[/]"
