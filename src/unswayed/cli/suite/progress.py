"""Progress of a suite in the terminal: one bar over the whole, one for each run that is being asked."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from unswayed.cli.shared import output
from unswayed.errors import BadInput
from unswayed.formatting import visible
from unswayed.suite.estimate import question_count
from unswayed.suite.plan import Cell
from unswayed.suite.settings import Suite
from unswayed.suite.state import CellState


class SuiteProgress:
    """A `SuiteObserver` that draws bars on a terminal, and prints a line as each run ends."""

    def __init__(self, suite: Suite, cells: Sequence[Cell]) -> None:
        self._expected = {c.name: _expected(suite, c) for c in cells}
        self._done: dict[str, int] = {}
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=output.err,
            transient=True,
        )
        self._whole = self._bars.add_task("suite", total=sum(self._expected.values()))
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> SuiteProgress:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def progress(self, cell: str, done: int, total: int | None, note: str) -> None:
        if cell not in self._tasks:
            self._tasks[cell] = self._bars.add_task(escape(cell), total=total)
        text = f"{cell}: {note}" if note else cell
        self._bars.update(self._tasks[cell], completed=done, total=total, description=escape(visible(text)))
        if cell in self._expected:
            self._done[cell] = done
            if total is not None:
                self._expected[cell] = total
            self._bars.update(
                self._whole, completed=sum(self._done.values()), total=sum(self._expected.values())
            )
        elif total is not None and done >= total:  # a run is judged
            self._bars.remove_task(self._tasks.pop(cell))

    def ended(self, cell: CellState) -> None:
        if cell.name in self._tasks:
            self._bars.remove_task(self._tasks.pop(cell.name))
        self._done[cell.name] = self._expected[cell.name] = cell.trials
        self._bars.update(self._whole, completed=sum(self._done.values()), total=sum(self._expected.values()))
        errors = f", {cell.errors:,} errors" if cell.errors else ""
        text = f"{cell.name} · {cell.state}: {cell.trials:,} trials{errors}, {cell.seconds:,.0f} s"
        if cell.reason:
            text = f"{cell.name} · failed: {cell.reason}"
        self._bars.console.print(escape(visible(text)), highlight=False, soft_wrap=True)


def _expected(suite: Suite, cell: Cell) -> int:
    """Trials of a cell before its questions were read; 0 where that is not known."""
    try:
        questions = question_count(suite.benchmarks[cell.benchmark], cell.benchmark)
    except BadInput:
        return 0
    return questions * len(cell.conditions) * suite.settings.samples
