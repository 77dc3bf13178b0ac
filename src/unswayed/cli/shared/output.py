"""Terminal output: progress, the table by condition, errors.

Text that comes from models, servers or files goes through `visible` here, so that no control character
reaches the terminal.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import typer
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

# A file or a pipe has no width; the table by condition needs 140 columns.
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
"""The measures in the terminal's table, with short heads."""


def print_error(text: str) -> None:
    """Print one error on stderr."""
    err.print(f"[bold red]error:[/] {escape(visible(text))}", highlight=False, soft_wrap=True)


def echo(text: str) -> None:
    """Print `text` on stdout: as it is to a file or pipe, with invisible characters shown to a terminal."""
    typer.echo(visible(text) if sys.stdout.isatty() else text, nl=not text.endswith("\n"))


def show_warning(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
    """In place of `warnings.showwarning`: our own warnings as one line on stderr, without file and line."""
    if issubclass(category, UserWarning):
        err.print(f"[yellow]warning:[/] {escape(visible(str(message)))}", highlight=False, soft_wrap=True)
    else:
        _default_showwarning(message, category, *place, **more)


_default_showwarning = warnings.showwarning


class _Rate(ProgressColumn):
    """Trials per second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "", style="progress.data.speed")


class ProgressCallback:
    """A callback for `audit(progress=…)`."""

    def __init__(self, bars: Progress, label: str) -> None:
        self._bars = bars
        self._label = label
        self._task = bars.add_task(label, total=None)

    def __call__(self, done: int, total: int | None, note: str = "") -> None:
        self._bars.update(
            self._task, completed=done, total=total, description=escape(visible(note or self._label))
        )


@contextmanager
def progress_bar(label: str = "asking") -> Iterator[ProgressCallback]:
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
        yield ProgressCallback(bars, label)


def condition_table(summary: Summary) -> Table:
    """Measures by condition, each with its 95 % interval; a measure that no condition has is left out."""
    view = Table(box=None, pad_edge=False, header_style="bold")
    view.add_column("condition", no_wrap=True)
    view.add_column("n", justify="right")
    columns = {
        name: head for name, head in COLUMNS.items() if any(name in row.measures for row in summary.rows)
    }
    for head in columns.values():
        view.add_column(head, justify="right")
    view.add_column("not ok", justify="right")
    for row in summary.rows:
        not_ok = sum(n for state, n in row.states.items() if state not in ("ok", "not-asked"))
        cells = [_cell(row.measures.get(name), MEASURES[name].format) for name in columns]
        if not row.asked:
            view.add_row(
                escape(visible(row.condition)), "0", "not asked", *[""] * (len(columns) - 1), "", style="dim"
            )
        else:
            view.add_row(escape(visible(row.condition)), str(row.asked), *cells, str(not_ok or ""))
    return view


def failure_summary(trials: pa.Table) -> str:
    """Number of trials that ended in an error, with the most frequent reason; empty where none did."""
    return _reasons(trials, "error")


def not_asked_summary(trials: pa.Table) -> str:
    """Number of trials that could not be asked, with the most frequent reason; empty where none."""
    return _reasons(trials, "not-asked")


def _reasons(trials: pa.Table, state: str) -> str:
    texts = trials.filter(pc.equal(trials["state"].cast(pa.string()), state))["error"].to_pylist()
    if not texts:
        return ""
    (reason, times), *others = Counter(str(text) for text in texts).most_common()
    shown = visible(reason if len(reason) <= 300 else f"{reason[:299]}…")
    return f"{len(texts):,} trials{f', {times:,} of them for this reason' if others else ''}: {shown}"


def _cell(estimate: Estimate | None, form: str) -> str:
    if estimate is None or estimate.value is None:
        return "–"
    scale, digits = (1, 2) if form == "number" else (100, 0)
    text = f"{estimate.value * scale:.{digits}f}"
    if estimate.low is None or estimate.high is None:
        return text
    return f"{text} [dim]{estimate.low * scale:.{digits}f}–{estimate.high * scale:.{digits}f}[/]"
