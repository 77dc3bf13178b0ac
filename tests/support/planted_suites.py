"""Suites of planted respondents, whose rates are known, written and run for tests."""

from __future__ import annotations

from pathlib import Path

from unswayed.suite.loading import load_suite
from unswayed.suite.plan import plan_cells
from unswayed.suite.runner import run_suite
from unswayed.suite.settings import Suite
from unswayed.suite.state import CellState

CONDITIONS = ("base", "wrong-caption", "wrong-think", "wrong-think-quoted")
PLANTED = """
title = "Planted <b>suite</b>"
conditions = ["base", "wrong-caption", "wrong-think", "wrong-think-quoted"]

[benchmarks.scenes]
limit = 44

[benchmarks.scenes-hard]
limit = 26

[models.weak]
model = "scripted:caption-follower:p=0.8,acc=0.9,seed=1"
size = 7

[models.strong]
model = "scripted:caption-follower:p=0.2,acc=0.9,seed=1"
size = 7
finetuned_from = "weak"

[models.thinker]
model = "scripted:silent-flipper:p=0.5,acc=0.7,seed=3"
size = 3
finetuned_from = "weak"

[models.shut]
model = "scripted:caption-follower:p=0.05,acc=0.95,seed=4"
weights = "closed"
conditions = ["base", "wrong-caption", "wrong-think-quoted"]

[judges.rules]

[judges.noisy]
judge = "planted:wrong=0.2,seed=1"

[judges.shy]
judge = "planted:abstains=0.1,seed=2"
"""


class Watched:
    """A `SuiteObserver` that keeps what it was told."""

    def __init__(self) -> None:
        self.asked: dict[str, int] = {}
        self.states: list[CellState] = []

    def progress(self, cell: str, done: int, total: int | None, note: str) -> None:
        self.asked[cell] = done

    def ended(self, cell: CellState) -> None:
        self.states.append(cell)


def suite_of(folder: Path, text: str = PLANTED) -> Suite:
    """The suite in `text`, its file written into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "planted.toml").write_text(text, "utf-8")
    return load_suite(folder / "planted.toml")


def run(folder: Path, text: str = PLANTED, only: tuple[str, ...] = ()) -> tuple[list[CellState], Watched]:
    """Run the suite in `text` in ``folder/out``; the states of its cells, and what the observer saw."""
    suite = suite_of(folder, text)
    watched = Watched()
    return run_suite(suite, plan_cells(suite, only), folder / "out", watched), watched
