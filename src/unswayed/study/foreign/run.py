"""A run that was trained elsewhere, in a study's folder: its numbers, and audits of its checkpoints."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from unswayed.errors import BadInput
from unswayed.pipeline.audit import Run
from unswayed.store.atomic_files import os_errors_as_bad_input, write_atomic
from unswayed.store.study_records import STATE_FILE, RunState, StudyState
from unswayed.study.foreign.logs import Point
from unswayed.study.foreign.measures import rows_by_step

FOREIGN = {"run": {"trained": "elsewhere"}}
"""The settings of an arm whose settings are not known."""
Audit = Callable[[int, Path, Path], Run]
"""(step, model, run folder) → the audit of one checkpoint."""


def add_run(study: Path, arm: str, seed: int) -> Path:
    """The folder of this run in `study`, which is made where there is none. A run that is there is kept.

    Raises `BadInput` for a study with arms that were trained in it.
    """
    with os_errors_as_bad_input(study):
        study.mkdir(parents=True, exist_ok=True)
    state = StudyState.read(study) if (study / STATE_FILE).exists() else StudyState({}, ())
    if own := [name for name, settings in state.arms.items() if settings != FOREIGN]:
        raise BadInput(f"{study}: arm {own[0]!r} was trained in this study; give another folder with --out")
    run = RunState(arm, seed, state="done")
    runs = [old for old in state.runs if (old.arm, old.seed) != (arm, seed)]
    if taken := [old.arm for old in runs if old.arm != arm and old.folder == run.folder]:
        raise BadInput(f"--arm {arm!r} has the same folder as {taken[0]!r}; give another name")
    state = replace(
        state,
        arms={**state.arms, arm: FOREIGN},
        seeds=tuple(sorted({*state.seeds, seed})),
        runs=(*runs, run),
    )
    folder = study / run.folder
    with os_errors_as_bad_input(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(study / STATE_FILE, (json.dumps(state.as_dict(), indent=2) + "\n").encode())
    return folder


def write_metrics(folder: Path, points: Sequence[Point]) -> list[dict[str, Any]]:
    """Replace the logged numbers of the run in `folder`; the rows, one a step."""
    rows = rows_by_step(points)
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    write_atomic(folder / "metrics.jsonl", lines.encode())
    return rows


def audit_checkpoints(
    folder: Path, checkpoints: Mapping[int, Path], audit: Audit, arm: str, seed: int
) -> list[int]:
    """Audit every checkpoint that was not audited before; the steps that were audited now.

    Each audit is a run folder, ``audits/step-N``, and is resumed where it was cut off.
    """
    from unswayed.training.evaluation import DynamicsTable, dynamics_rows

    table = DynamicsTable(folder)
    measured = {row["step"] for row in table.read()}
    new = [step for step in checkpoints if step not in measured]
    for step in new:
        run = audit(step, checkpoints[step], folder / "audits" / f"step-{step:06d}")
        table.add(list(dynamics_rows(run.summary(), step, arm, seed)))
    return new
