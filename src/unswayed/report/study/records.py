"""The records that a study's page is made of, from the folder of a study or of a single training run.

A study has a `study.json`, a training run a `dynamics.jsonl`. No model is asked and nothing is trained.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from unswayed.errors import BadInput
from unswayed.metrics.training.series import StudySeries, build_series
from unswayed.store.study_records import FAILED, STATE_FILE, Records, RunState

SINGLE_RUN_ROLLOUTS = 4
"""Questions with answers on the page of a single training run."""


@dataclass(frozen=True)
class StudyRecords:
    """Settings, run states and tables of a study."""

    title: str
    arms: Mapping[str, Mapping[str, Any]]
    """Settings by arm, in the order of the study."""
    runs: Sequence[RunState]
    audits: pa.Table
    metrics: pa.Table
    dynamics: pa.Table
    rollouts: pa.Table
    load_image: Callable[[str], bytes | None]

    def series(self) -> StudySeries:
        """All series of measures. Raises `BadInput` where nothing has been audited."""
        if not self.audits.num_rows:
            raise BadInput(f"{self.title}: no audit in the records yet; train on, or set audit.every")
        return build_series(self.audits, self.metrics, self.dynamics, arms=list(self.arms))


def load(folder: Path) -> StudyRecords:
    """The records of a study, or of one training run. Raises `BadInput` where there are none."""
    if (folder / STATE_FILE).is_file():
        records = Records(folder)
        tables = {name: getattr(records, name) for name in ("audits", "metrics", "dynamics", "rollouts")}
        state = records.study
        return StudyRecords(
            folder.resolve().name, state.arms, state.runs, load_image=records.picture, **tables
        )
    if not (folder / "dynamics.jsonl").is_file():
        raise BadInput(f"{folder}: no study and no training run; give the folder of one")
    return _single_run(folder)


def _single_run(folder: Path) -> StudyRecords:
    """One training run as a study of one arm and one seed."""
    from unswayed.study.collect import run_records

    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        arm, seed = str(config["arm"]), int(config["seed"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"{folder / 'config.json'}: cannot be read as a training run's settings ({error})"
        ) from error
    images: dict[str, Path] = {}
    tables = run_records(RunState(arm, seed), folder, SINGLE_RUN_ROLLOUTS, images)
    last = max((row for row in tables["metrics"]["step"].to_pylist()), default=0)
    steps = int(config.get("grpo", {}).get("steps", last))
    reason = (folder / FAILED).read_text("utf-8").strip() if (folder / FAILED).exists() else ""
    outcome = "done" if (folder / "model").exists() else "failed" if reason else "stopped"
    state = RunState(arm, seed, outcome, reason, last, steps)

    def load_image(sha256: str) -> bytes | None:
        path = images.get(sha256)
        return (
            path.read_bytes() if path and re.fullmatch(r"[0-9a-f]{64}", sha256) and path.is_file() else None
        )

    return StudyRecords(f"{arm}, seed {seed}", {arm: config}, [state], load_image=load_image, **tables)
