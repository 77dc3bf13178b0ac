"""Arms × seeds as processes: whatever ends, is killed or is added, nothing is lost and nothing made twice."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("trl")

from places import SUPPORT
from unswayed.errors import BadInput, RunChanged
from unswayed.store.atomic_files import Lock
from unswayed.store.study_records import RunState, StudyState
from unswayed.study import scheduler
from unswayed.study.scheduler import assigned_cores, run_study
from unswayed.study.settings import Study, load_study

FAKE = [sys.executable, str(SUPPORT / "study_worker.py")]
TWO = "seeds = [0, 1]\nprocesses = 2\nbase.grpo.steps = 4\n[arms.one]\ngrpo.lr = 1e-3\n[arms.two]\n"
TROUBLE = "[arms.fails]\ngrpo.lr = 1e-4\n[arms.dies]\ngrpo.lr = 1e-2\n"
COMMAND = """
import sys
from unswayed.study import scheduler
scheduler.WORKER = {worker!r}
from unswayed.cli import main
sys.argv = ["unswayed", "study", {file!r}, "--out", {out!r}]
main()
"""


class Said:
    """A watcher that keeps what it hears."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.steps: list[tuple[str, int, int]] = []

    def run(self, run: RunState, note: str) -> None:
        self.steps.append((run.arm, run.seed, run.step))

    def line(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "WORKER", FAKE)


def study(folder: Path, text: str = TWO) -> Study:
    file = folder / "study.toml"
    file.write_text(text)
    return load_study(file)


def states(folder: Path) -> dict[str, str]:
    return {f"{run.arm}-{run.seed}": run.state for run in StudyState.read(folder).runs}


def contents(folder: Path) -> dict[str, tuple[str, int]]:
    """Hash and time of every file."""
    return {
        str(file.relative_to(folder)): (
            hashlib.sha256(file.read_bytes()).hexdigest(),
            file.stat().st_mtime_ns,
        )
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def each_step_once(folder: Path, steps: int) -> bool:
    made = [file.read_text().split() for file in folder.glob("runs/*/seed-*/steps.txt")]
    return all(run == [str(i) for i in range(1, steps + 1)] for run in made)


def test_all_runs_are_made_two_at_once(tmp_path: Path) -> None:
    said, out = Said(), tmp_path / "out"
    ended = run_study(study(tmp_path), out, said)
    assert [(run.seed, run.arm) for run in ended] == [(0, "one"), (0, "two"), (1, "one"), (1, "two")]
    assert all((run.state, run.step, run.reason) == ("done", 4, "") for run in ended)
    assert tuple(ended) == StudyState.read(out).runs
    assert ("two", 1, 3) in said.steps
    assert "one seed 1 · step 9: base 50%" in said.lines
    hours = [
        line.split() for file in out.glob("runs/*/*/hours.txt") for line in file.read_text().splitlines()
    ]
    at_once, most = 0, 0
    for _, what in sorted(hours):
        at_once += 1 if what == "begun" else -1
        most = max(most, at_once)
    assert most <= 2
    if len(os.sched_getaffinity(0)) >= 2:
        kept = {tuple(json.loads(file.read_text())) for file in out.glob("runs/*/*/cores.json")}
        assert len(kept) == 2
        assert len({core for share in kept for core in share}) == sum(map(len, kept)), "none is shared"


def test_cores_are_shared_out_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {2, 3, 5, 7, 11})
    assert [assigned_cores(place, 2) for place in range(2)] == [[2, 3], [5, 7]]
    assert [assigned_cores(place, 5) for place in range(5)] == [[2], [3], [5], [7], [11]]
    assert assigned_cores(0, 1) == [], "alone it may use all"
    assert all(assigned_cores(place, 6) == [] for place in range(6)), "too few for one each"


def test_who_fails_or_is_killed_stops_no_other(tmp_path: Path) -> None:
    said, out = Said(), tmp_path / "out"
    plan = study(tmp_path, TWO.replace("[0, 1]", "[0]") + TROUBLE)
    ended = {run.arm: run for run in run_study(plan, out, said)}
    assert {arm: run.state for arm, run in ended.items()} == {
        "one": "done",
        "two": "done",
        "fails": "failed",
        "dies": "stopped",
    }
    assert ended["fails"].reason == "step 2: the loss is nan; it diverged"
    assert ended["fails"].step == 1
    assert "signal 9" in ended["dies"].reason
    assert "Traceback" in (out / "runs" / "fails" / "seed-0" / "log.txt").read_text()
    assert "fails seed 0 · failed: step 2: the loss is nan; it diverged" in said.lines

    finished = {arm: contents(out / "runs" / arm) for arm in ("one", "two", "fails")}
    ended = {run.arm: run for run in run_study(plan, out, said)}
    assert ended["dies"].state == "done", "the same command goes on with it"
    assert ended["fails"].state == "failed", "it is not tried again by itself"
    assert {arm: contents(out / "runs" / arm) for arm in finished} == finished

    (out / "runs" / "fails" / "seed-0" / "mended").touch()
    assert all(run.state == "done" for run in run_study(plan, out, said, retry_failed=True))
    assert each_step_once(out, 4)
    assert {arm: contents(out / "runs" / arm) for arm in ("one", "two")} == {
        arm: finished[arm] for arm in ("one", "two")
    }


def test_arms_and_seeds_may_be_added_but_nothing_changed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    one = TWO.replace("[0, 1]", "[0]")
    run_study(study(tmp_path, one), out, Said(), only=["one"])
    assert states(out) == {"one-0": "done", "two-0": "waiting"}
    before, record = contents(out / "runs"), (out / "study.json").read_bytes()
    for changed, what in (
        (one.replace("1e-3", "2e-3"), r"one: grpo.lr: 0.001, now 0.002"),
        (one.replace("[0]", "[1]"), "seed 0 is missing"),
        (one.replace("arms.two", "arms.too"), "arm 'two' is missing"),
    ):
        with pytest.raises(RunChanged, match=what):
            run_study(study(tmp_path, changed), out, Said())
    assert contents(out / "runs") == before
    assert (out / "study.json").read_bytes() == record
    more = TWO + "[arms.three]\ngrpo.lr = 1.0\n"
    ended = run_study(study(tmp_path, more), out, Said(), only=["one", "three"])
    assert len(ended) == 4
    assert all(run.state == "done" for run in ended)
    after = contents(out / "runs")
    assert {name: after[name] for name in before} == before


def test_a_folder_that_is_not_its_own_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    lock = Lock(out)
    with pytest.raises(BadInput, match="another process"):
        run_study(study(tmp_path), out, Said())
    lock.close()
    (out / ".lock").unlink()
    (out / "manifest.json").write_text("{}")
    with pytest.raises(BadInput, match="the folder of a run"):
        run_study(study(tmp_path), out, Said())
    assert sorted(file.name for file in out.iterdir()) == ["manifest.json"]


def begun(tmp_path: Path, out: Path, steps: int) -> subprocess.Popen[str]:
    """The command, once every first run has made a step."""
    study(tmp_path, TWO.replace("steps = 4", f"steps = {steps}").replace("[0, 1]", "[0]"))
    code = COMMAND.format(worker=FAKE, file=str(tmp_path / "study.toml"), out=str(out))
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until(lambda: len(list(out.glob("runs/*/seed-0/steps.txt"))) == 2, process)
    return process


def until(found: Callable[[], bool], process: subprocess.Popen[str] | None = None) -> None:
    deadline = time.monotonic() + 60
    while not found():
        if process is not None and process.poll() is not None:
            raise AssertionError(process.communicate())
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_study_killed_goes_on_with_every_step_made_once(tmp_path: Path) -> None:
    """Its workers hear of its end, save the step under way, and let the next ones in."""
    out = tmp_path / "out"
    process = begun(tmp_path, out, 40)
    process.kill()
    process.communicate()
    assert states(out)["one-0"] == "running", "it could not write down more"
    ended = run_study(load_study(tmp_path / "study.toml"), out, Said())
    assert all((run.state, run.step) == ("done", 40) for run in ended)
    assert each_step_once(out, 40)


def test_ctrl_c_stops_all_at_a_saved_step(tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = begun(tmp_path, out, 40)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "the same command again" in " ".join(errors.split())
    assert states(out) == {"one-0": "stopped", "two-0": "stopped"}
    assert all(
        (run.state, run.step) == ("done", 40)
        for run in run_study(load_study(tmp_path / "study.toml"), out, Said())
    )
    assert each_step_once(out, 40)
