"""Cells of a suite: resumed, never asked twice, and a failure of one does not stop the others."""

from __future__ import annotations

from pathlib import Path

import pytest

import planted_suites
from planted_suites import PLANTED
from unswayed.errors import BadInput
from unswayed.pipeline.audit import Run
from unswayed.suite.collect import collect
from unswayed.suite.state import FILE, is_suite, read_state

SMALL = """
conditions = ["base", "wrong-caption"]
[benchmarks.scenes]
limit = 6
[benchmarks.gone]
benchmark = "cvbench"
data = "nowhere"
[models.good]
model = "scripted:oracle"
[models.lost]
model = "openai:m"
base_url = ["http://127.0.0.1:9/v1"]
patience = 0.2
[models.mute]
model = "scripted:failer:p=1"
"""


def test_failures_are_recorded_and_the_others_go_on(tmp_path: Path) -> None:
    states, watched = planted_suites.run(tmp_path, SMALL)
    by_name = {state.name: state for state in states}
    assert [name for name, state in by_name.items() if state.state == "done"] == ["good/scenes"]
    assert "nowhere" in by_name["good/gone"].reason
    assert "127.0.0.1:9" in by_name["lost/scenes"].reason
    assert "planted failure" in by_name["mute/scenes"].reason
    assert len(watched.states) == 6
    assert is_suite(tmp_path / "out")
    assert len(read_state(tmp_path / "out")[1]) == 6
    again, _ = planted_suites.run(tmp_path, SMALL, only=("good/scenes",))
    assert [state.state for state in again] == ["done"]
    assert len(collect(tmp_path / "out").results.runs) == 6


def test_the_same_call_asks_nothing_again_and_a_changed_one_is_refused_for_its_run_alone(
    tmp_path: Path,
) -> None:
    text = SMALL.replace("[benchmarks.gone]", "[benchmarks.scenes-easy]").replace(
        'benchmark = "cvbench"\n', ""
    )
    text = text.replace('data = "nowhere"', "limit = 4")
    planted_suites.run(tmp_path, text, only=("good",))
    table = tmp_path / "out" / "runs" / "good" / "scenes" / "trials.parquet"
    before = table.stat().st_mtime_ns
    states, watched = planted_suites.run(tmp_path, text, only=("good",))
    assert [state.state for state in states] == ["done", "done"]
    assert not watched.asked
    assert table.stat().st_mtime_ns == before
    states, _ = planted_suites.run(tmp_path, text.replace("limit = 6", "limit = 5"), only=("good",))
    assert [state.state for state in states] == ["failed", "done"]
    assert "begun with other settings" in states[0].reason


def test_runs_are_ordinary_run_folders_judged_by_the_panel(suite_folder: Path) -> None:
    run = Run.load(suite_folder / "runs" / "strong" / "scenes")
    assert run.trials.num_rows == 44 * 4
    assert run.manifest["judging"]["panel"][0]["judge"].startswith("rules")
    assert len(run.manifest["judging"]["panel"]) == 3
    assert run.manifest["asks"]["about"]["questions"] == 44


@pytest.mark.parametrize("content", ["{}", '{"format": 9}', "[]", "{", '{"format": 1, "cells": [{"x": 1}]}'])
def test_a_damaged_state_file_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(BadInput, match=r"suite\.json"):
        read_state(tmp_path)


def test_a_suite_without_a_run_says_so(tmp_path: Path) -> None:
    suite = planted_suites.suite_of(tmp_path, PLANTED)
    planted_suites.run_suite(suite, [], tmp_path / "out", planted_suites.Watched())
    with pytest.raises(BadInput, match="no run of this suite"):
        collect(tmp_path / "out")
