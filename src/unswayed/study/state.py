"""The state of every run of a study, stored at any moment in `study.json`.

A folder belongs to the settings of its arms: arms and seeds may be added, nothing may be changed or removed.
A run that a killed study left as running is waiting, unless its model exists.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from unswayed.errors import BadInput, RunChanged
from unswayed.store.atomic_files import os_errors_as_bad_input, write_atomic
from unswayed.store.study_records import STATE_FILE, RunState, StudyState
from unswayed.study.settings import Study
from unswayed.training.config.loader import changed_settings

_SHOWN_CHANGES = 8


class StudyStateFile:
    """The state of a study, stored on every change. Open it with `StudyStateFile.open`, under the folder's
    lock."""

    def __init__(self, folder: Path, study: Study, runs: list[RunState]) -> None:
        self.folder = folder
        self.study = study
        self._runs = {(run.arm, run.seed): run for run in runs}

    @classmethod
    def open(cls, folder: Path, study: Study) -> StudyStateFile:
        """Starts in `folder`, or resumes there. Raises `RunChanged` where it was begun with other
        settings."""
        check_study_folder(folder, study)
        stored = {(run.arm, run.seed): run for run in _stored_runs(folder)}
        runs = []
        # Seed by seed, so that an interrupted study has all arms.
        for seed in study.seeds:
            for arm, config in study.arms.items():
                new = RunState(arm, seed, steps=config.grpo.steps)
                runs.append(_after_restart(folder, stored.get((arm, seed), new)))
        with os_errors_as_bad_input(folder):
            folder.mkdir(parents=True, exist_ok=True)
        state_file = cls(folder, study, runs)
        state_file.write()
        return state_file

    def __iter__(self) -> Iterator[RunState]:
        return iter(list(self._runs.values()))

    def __getitem__(self, run: tuple[str, int]) -> RunState:
        return self._runs[run]

    def path(self, run: RunState) -> Path:
        """The run's folder."""
        return self.folder / run.folder

    def update(self, run: RunState, *, write: bool = True) -> None:
        """Replaces the state of a run, and writes the file unless `write` is False."""
        self._runs[run.arm, run.seed] = run
        if write:
            self.write()

    def write(self) -> None:
        """Writes `study.json` atomically."""
        state = StudyState(self.study.settings(), self.study.seeds, tuple(self._runs.values()))
        write_atomic(self.folder / STATE_FILE, (json.dumps(state.as_dict(), indent=2) + "\n").encode())


def check_study_folder(folder: Path, study: Study) -> None:
    """Raises `RunChanged` unless the folder is new or `study` still has everything that it was begun with."""
    if not (folder / STATE_FILE).exists():
        if (folder / "manifest.json").exists() or (folder / "config.json").exists():
            raise BadInput(f"{folder} is the folder of a run; give a study another one with --out")
        return
    old, now = StudyState.read(folder), study.settings()
    changes = [f"arm {name!r} is missing" for name in old.arms if name not in now]
    changes += [f"seed {seed} is missing" for seed in old.seeds if seed not in study.seeds]
    for name in old.arms:
        if name in now:
            changes += [f"{name}: {line}" for line in changed_settings(old.arms[name], now[name])]
    if changes:
        hidden = len(changes) - _SHOWN_CHANGES
        rest = f"; and {hidden} more" if hidden > 0 else ""
        raise RunChanged(
            f"{folder} was begun with other settings ({'; '.join(changes[:_SHOWN_CHANGES])}{rest}); arms and "
            "seeds can be added, and --only trains some of them, but for anything else give another folder "
            "with --out"
        )


def _stored_runs(folder: Path) -> tuple[RunState, ...]:
    return StudyState.read(folder).runs if (folder / STATE_FILE).exists() else ()


def _after_restart(folder: Path, run: RunState) -> RunState:
    """Corrects what a killed study could not store."""
    if (folder / run.folder / "model").is_dir():
        return replace(run, state="done", reason="", step=run.steps)
    return replace(run, state="waiting") if run.state == "running" else run
