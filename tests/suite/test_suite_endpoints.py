"""Models behind endpoints: several are asked at once, one that is broken does not hold up the other."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("aiohttp")

import planted_suites
from chat_models import HashModel
from chat_server import ChatServer, ServerBehaviour
from unswayed.pipeline.audit import Run
from unswayed.suite.state import CellState

TEXT = """
conditions = ["base", "wrong-caption"]
[benchmarks.scenes]
limit = 8
[models.first]
model = "openai:{model}"
base_url = ["{first}"]
price = "in=1,out=2"
[models.second]
model = "openai:{model}"
base_url = ["{second}"]
[models.broken]
model = "openai:{model}"
base_url = ["http://127.0.0.1:9/v1"]
patience = 0.2
"""


class Together(planted_suites.Watched):
    """Notes whether both endpoints had begun before one of them was done."""

    def __init__(self) -> None:
        super().__init__()
        self.both = False

    def ended(self, cell: CellState) -> None:
        super().ended(cell)
        if cell.state == "done" and not self.both:
            self.both = {"first/scenes", "second/scenes"} <= set(self.asked)


def test_endpoints_are_asked_at_once_and_a_broken_one_fails_alone(tmp_path: Path) -> None:
    with ChatServer(HashModel(), ServerBehaviour()) as one, ChatServer(HashModel(), ServerBehaviour()) as two:
        text = TEXT.format(model=ChatServer.MODEL, first=one.url, second=two.url)
        suite = planted_suites.suite_of(tmp_path, text)
        watched = Together()
        cells = planted_suites.plan_cells(suite)
        states = planted_suites.run_suite(suite, cells, tmp_path / "out", watched)
    assert [state.state for state in states] == ["done", "done", "failed"]
    assert watched.both
    runs = [Run.load(tmp_path / "out" / "runs" / name / "scenes") for name in ("first", "second")]
    assert [run.trials.num_rows for run in runs] == [16, 16]
