"""What `unswayed status` says of a folder: planted runs, a live writer, a damaged and a foreign folder."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from synthetic import cues, stream
from unswayed.backends import scripted
from unswayed.cli.operations.status import as_dict, duration, lines
from unswayed.errors import BadInput
from unswayed.model_io import Generation, Request
from unswayed.operations.folder_status import folder_status
from unswayed.operations.lock_holders import Holder, lock_holders
from unswayed.operations.run_status import run_status
from unswayed.pipeline.audit import audit
from unswayed.retry import Retry
from unswayed.store import Part
from unswayed.store.atomic_files import Lock
from unswayed.store.study_records import RunState, StudyState

ABOUT = {"benchmark": "made", "questions": 10}
CONDITIONS = ["base", "wrong-think"]


class Interrupted(scripted.Scripted):
    """Stops behind `most` answers; what is asked with an odd number fails, if `faults`."""

    most = 1000
    faults = False

    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        self.most -= len(requests)
        if self.most < 0:
            raise asyncio.CancelledError
        answers = await super().generate(requests)
        if self.faults:
            answers = [
                Generation("", "error", error="server said \x1b[31m500") if request.seed % 2 else answer
                for request, answer in zip(requests, answers, strict=True)
            ]
        return answers


def asked(folder: Path, most: int = 1000, faults: bool = False, part: Part | None = None) -> None:
    plain = scripted.make("scripted:silent-flipper:p=0.5,chunk=4,concurrency=1")
    backend = Interrupted(plain.kind, plain.behaviour, plain.name).bind(stream(10))
    backend.most, backend.faults = most, faults
    work = audit(
        backend,
        list(stream(10)),
        CONDITIONS,
        cues=cues,
        store=folder,
        part=part,
        about=ABOUT,
        retry=Retry(attempts=1),
    )
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(work)


def test_a_finished_run(tmp_path: Path) -> None:
    asked(tmp_path / "run")
    status = run_status(tmp_path / "run")
    assert (status.state, status.planned, status.stored, status.remaining) == ("finished", 20, 20, 0)
    assert (status.open, status.errors, status.sessions, status.holders) == (0, {}, 1, ())
    text = "\n".join(lines(folder_status(tmp_path / "run"), status.last_write or 0))
    assert "finished; scripted:silent-flipper" in text
    assert "stored 20 of 20 trials (100 %)" in text
    assert "no process of this machine writes to it" in text


def test_an_interrupted_run_says_what_remains(tmp_path: Path) -> None:
    asked(tmp_path / "run", most=8)
    status = run_status(tmp_path / "run")
    assert status.state == "stopped"
    assert 0 < status.stored <= 8
    assert status.remaining == 20 - status.stored
    assert status.seconds_left is None
    assert "run the same audit command again" in "\n".join(lines(folder_status(tmp_path / "run"), 0))


def test_errors_are_counted_by_reason_until_they_are_asked_again(tmp_path: Path) -> None:
    asked(tmp_path / "run", faults=True)
    status = run_status(tmp_path / "run")
    (count,) = status.errors.values()
    assert 0 < count == status.remaining
    assert status.stored == 20 - count
    asked(tmp_path / "run")
    assert run_status(tmp_path / "run").errors == {}


def test_who_writes_is_told_and_not_disturbed(tmp_path: Path) -> None:
    asked(tmp_path / "run", most=8)
    lock = Lock(tmp_path / "run")
    try:
        assert lock_holders(tmp_path / "run") == (Holder(os.getpid(), True),)
        status = folder_status(tmp_path / "run")
        assert status.runs[0].state == "running"
        assert f"written by process {os.getpid()}" in "\n".join(lines(status, 0))
    finally:
        lock.close()
    assert lock_holders(tmp_path / "run") == ()


def test_parts_that_were_begun_are_named(tmp_path: Path) -> None:
    asked(tmp_path / "run", part=Part(2, 3))
    status = run_status(tmp_path / "run")
    assert (status.parts, status.stored, status.remaining) == (("2/3",), 6, 14)


def test_a_folder_of_runs_and_a_study(tmp_path: Path) -> None:
    asked(tmp_path / "a" / "one")
    asked(tmp_path / "b", most=8)
    status = folder_status(tmp_path)
    assert [run.folder.name for run in status.runs] == ["one", "b"]
    value = json.loads(json.dumps(as_dict(status)))
    assert [run["state"] for run in value["runs"]] == ["finished", "stopped"]
    runs = (RunState("grpo", 1, "failed", "out of memory \x1b[0m", 7, 20), RunState("sft", 1))
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "study.json").write_text(json.dumps(StudyState({}, (1,), runs).as_dict()))
    told = lines(folder_status(tmp_path / "study"), 0)
    assert told[1].startswith("  grpo, seed 1: failed, 7 of 20 steps: out of memory")
    assert told[2] == "  sft, seed 1: waiting, 0 steps"


def test_a_training(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"train": {"steps": 30}}')
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n{"step": 2}\n{"st')
    (member,) = folder_status(tmp_path).members
    assert (member.state, member.done, member.planned) == ("stopped", 2, 30)


@pytest.mark.parametrize("made", [False, True])
def test_nothing_there_is_one_error(tmp_path: Path, made: bool) -> None:
    if made:
        (tmp_path / "x").mkdir()
    with pytest.raises(BadInput, match="give the folder of"):
        folder_status(tmp_path / "x")


def test_hostile_manifests_and_stamps_are_bounded(tmp_path: Path) -> None:
    asked(tmp_path / "run", most=8)
    path = tmp_path / "run" / "manifest.json"
    manifest: dict[str, Any] = json.loads(path.read_text())
    manifest["sessions"][-1]["started"] = "yesterday"
    manifest["asks"]["about"] = ["x"]
    path.write_text(json.dumps(manifest))
    status = run_status(tmp_path / "run")
    assert (status.planned, status.remaining, status.benchmark) == (None, None, "")


@pytest.mark.parametrize(("seconds", "text"), [(None, "–"), (45, "45 s"), (720, "12 min"), (12600, "3.5 h")])
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text
