"""What is going on in a folder: a run, a suite, a study, a training, or a folder that holds some of these."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from unswayed.errors import BadInput
from unswayed.operations.lock_holders import Holder, lock_holders
from unswayed.operations.run_status import RunStatus, run_status
from unswayed.store.study_records import FAILED, STATE_FILE, StudyState
from unswayed.suite import state as suite_state

_DEEPEST = 4
_TAIL = 1 << 16  # bytes of a metrics file in which its last line stands


@dataclass(frozen=True)
class Member:
    """A cell of a suite, a run of a study, or a training."""

    name: str
    state: str
    done: int
    planned: int
    unit: str
    """What `done` counts: trials or steps."""
    reason: str = ""
    """Why it failed or stopped."""


@dataclass(frozen=True)
class FolderStatus:
    """What a folder is, who writes to it, and how far its members are."""

    folder: Path
    kind: str
    """run, suite, study, training, or folder."""
    holders: tuple[Holder, ...] | None = None
    members: tuple[Member, ...] = ()
    runs: tuple[RunStatus, ...] = ()
    """The run; of a suite, training or folder, the audits in it that are not finished (of a folder: all)."""


def folder_status(folder: str | Path) -> FolderStatus:
    """The status of `folder`. Raises `BadInput` where there is nothing in it that has one."""
    folder = Path(folder)
    if not folder.is_dir():
        raise BadInput(f"{folder} is no folder; give the folder of a run, a suite, a study or a training")
    holders = lock_holders(folder)
    if suite_state.is_suite(folder):
        cells = tuple(
            Member(c.name, c.state, c.trials, 0, "trials", c.reason)
            for c in suite_state.read_state(folder)[1]
        )
        return FolderStatus(folder, "suite", holders, cells, tuple(_unfinished(folder)))
    if (folder / STATE_FILE).is_file():
        runs = tuple(
            Member(f"{r.arm}, seed {r.seed}", r.state, r.step, r.steps, "steps", r.reason)
            for r in StudyState.read(folder).runs
        )
        return FolderStatus(folder, "study", holders, runs)
    if (folder / "config.json").is_file() and (folder / "metrics.jsonl").is_file():
        return FolderStatus(
            folder, "training", holders, (_training(folder, holders),), tuple(_unfinished(folder))
        )
    if (folder / "manifest.json").is_file():
        return FolderStatus(folder, "run", holders, (), (run_status(folder),))
    found = tuple(run_status(path) for path in _run_folders(folder))
    if not found:
        raise BadInput(f"{folder} holds no run, suite, study or training; give the folder of one")
    return FolderStatus(folder, "folder", holders, (), found)


def _unfinished(folder: Path) -> Iterator[RunStatus]:
    for path in _run_folders(folder):
        status = run_status(path)
        if not status.finished or status.holders:
            yield status


def _run_folders(folder: Path, depth: int = 0) -> Iterator[Path]:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if not entry.is_dir(follow_symlinks=False) or entry.name.startswith("."):
            continue
        path = Path(entry.path)
        if (path / "manifest.json").is_file() and (path / "shards").is_dir():
            yield path
        elif depth < _DEEPEST:
            yield from _run_folders(path, depth + 1)


def _training(folder: Path, holders: tuple[Holder, ...] | None) -> Member:
    step = _last_step(folder / "metrics.jsonl")
    reason = ""
    if (folder / FAILED).is_file():
        reason = (folder / FAILED).read_text("utf-8", "replace")[:1000].strip()
    state = "failed" if reason else "done" if (folder / "model").is_dir() else "stopped"
    planned = 0
    try:
        config = json.loads((folder / "config.json").read_bytes())
        planned = next(
            (part["steps"] for part in config.values() if isinstance(part, dict) and "steps" in part), 0
        )
    except (OSError, ValueError, AttributeError):
        pass
    planned = planned if isinstance(planned, int) else 0
    return Member(folder.name, "running" if holders else state, step, planned, "steps", reason)


def _last_step(path: Path) -> int:
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL))
        lines = file.read().splitlines()
    for line in reversed(lines):
        try:
            step = json.loads(line)["step"]
        except (ValueError, KeyError, TypeError):
            continue
        if isinstance(step, int):
            return step
    return 0
