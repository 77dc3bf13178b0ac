"""What has become of every run of a study, on the disk at any moment: `study.json`.

Decided here: a folder belongs to the settings of its arms. Arms and seeds may be added, nothing may be
changed or left out. A run that a killed study left as running waits, unless its model is there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from unswayed.errors import BadInput, RunChanged
from unswayed.store.atomic_files import told, write_whole
from unswayed.store.study_records import STATE_FILE, RunState, StudyState
from unswayed.study.settings import Study
from unswayed.training.config import loader as configs


class Book:
    """The state of a study, kept on the disk. Make one with `Book.open`, under the folder's lock."""

    def __init__(self, folder: Path, study: Study, runs: list[RunState]) -> None:
        self.folder = folder
        self.study = study
        self._runs = {(run.arm, run.seed): run for run in runs}

    @classmethod
    def open(cls, folder: Path, study: Study) -> Book:
        """Begin in `folder`, or go on there. Raises `RunChanged` where it was begun with other settings."""
        check(folder, study)
        before = {(run.arm, run.seed): run for run in _before(folder)}
        runs = []
        # Seed by seed, so that a study cut short has all arms.
        for seed in study.seeds:
            for arm, config in study.arms.items():
                new = RunState(arm, seed, steps=config.grpo.steps)
                runs.append(_found(folder, before.get((arm, seed), new)))
        with told(folder):
            folder.mkdir(parents=True, exist_ok=True)
        book = cls(folder, study, runs)
        book.write()
        return book

    def __iter__(self) -> Iterator[RunState]:
        return iter(list(self._runs.values()))

    def __getitem__(self, run: tuple[str, int]) -> RunState:
        return self._runs[run]

    def path(self, run: RunState) -> Path:
        """The run's folder."""
        return self.folder / run.folder

    def note(self, run: RunState, *, write: bool = True) -> None:
        """What is known of a run now; not `write` where it is not worth a write."""
        self._runs[run.arm, run.seed] = run
        if write:
            self.write()

    def write(self) -> None:
        """Put it on the disk, whole or not at all."""
        state = StudyState(self.study.settings(), self.study.seeds, tuple(self._runs.values()))
        write_whole(self.folder / STATE_FILE, (json.dumps(state.as_dict(), indent=2) + "\n").encode())


def check(folder: Path, study: Study) -> None:
    """Raise `RunChanged` unless the folder is a new one or `study` has all that it was begun with."""
    if not (folder / STATE_FILE).exists():
        if (folder / "manifest.json").exists() or (folder / "config.json").exists():
            raise BadInput(f"{folder} is the folder of a run; give a study another one with --out")
        return
    old, now = StudyState.read(folder), study.settings()
    changed = [f"arm {name!r} is gone" for name in old.arms if name not in now]
    changed += [f"seed {seed} is gone" for seed in old.seeds if seed not in study.seeds]
    for name in old.arms:
        if name in now:
            changed += [f"{name}: {line}" for line in configs.changed(old.arms[name], now[name])]
    if changed:
        more = f"; and {len(changed) - 8} more" if len(changed) > 8 else ""
        raise RunChanged(
            f"{folder} was begun with other settings ({'; '.join(changed[:8])}{more}); arms and seeds can be "
            "added, and --only trains some of them, but for anything else give another folder with --out"
        )


def _before(folder: Path) -> tuple[RunState, ...]:
    return StudyState.read(folder).runs if (folder / STATE_FILE).exists() else ()


def _found(folder: Path, run: RunState) -> RunState:
    """What a study that was killed could not write down."""
    if (folder / run.folder / "model").is_dir():
        return replace(run, state="done", reason="", step=run.steps)
    return replace(run, state="waiting") if run.state == "running" else run
