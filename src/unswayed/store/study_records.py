"""The records of a study, arms × seeds: a few small tables that need no checkpoint and no torch.

::

    DIR/study.json         settings of every arm, and the state of every run
    DIR/dynamics.parquet   every measure of every audit of every run (`DYNAMICS`)
    DIR/metrics.parquet    every number of every training step (`METRICS`)
    DIR/audits.parquet     the outcome of every audited question, without its texts (`AUDITS`)
    DIR/rollouts.parquet   the answers to the same few questions in every audit (`ROLLOUTS`)
    DIR/images/<sha256>    the images of these few questions
    DIR/runs/ARM/seed-S    the runs themselves; the records stand without them

This module decides the columns. A column that a trial also has keeps the trial's name, type and meaning,
so that `unswayed.metrics` reads the tables of a study like those of an audit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from unswayed.errors import BadInput
from unswayed.trial import SCHEMA as TRIAL

FORMAT = 1
STATE_FILE = "study.json"
RUN_STATES = ("waiting", "running", "done", "failed", "stopped")
"""States of a run. `failed`: it ended with an error, whose reason is stored; it is repeated only on request.
`stopped`: it was interrupted; the same command continues it."""
ALL = "all"
"""The condition of measures taken across conditions."""


def _schema(*columns: tuple[str, pa.DataType, str]) -> pa.Schema:
    return pa.schema([pa.field(name, kind, metadata={"meaning": meaning}) for name, kind, meaning in columns])


def _of_trials(*names: str) -> list[pa.Field]:
    return [TRIAL.field(name) for name in names]


_RUN = (
    ("arm", pa.string(), "label of the settings"),
    ("seed", pa.int64(), "of rollouts, order of questions and augmentation"),
    ("step", pa.int64(), "optimizer steps made before; 0: the model before training"),
)
_MEASURE = (
    ("condition", pa.string(), "name of the condition; `all` for measures taken across conditions"),
    ("measure", pa.string(), "see the training page of the docs"),
    ("value", pa.float64(), "null where no trial counts"),
)

DYNAMICS: pa.Schema = _schema(
    _RUN[2],
    *_RUN[:2],
    *_MEASURE,
    ("low", pa.float64(), "lower end of the 95 % interval over questions, where there is one"),
    ("high", pa.float64(), "upper end"),
    ("n", pa.int64(), "trials (questions, for paired measures) in the denominator"),
)
"""One row per measured number of an audit, of one run or of all.

Measures: `unswayed.metrics.MEASURES`, ``state_…`` (share of asked trials in that state), ``health_…`` (of
thoughts, see `unswayed.metrics.cot_health`), and
`unswayed.metrics.catalogue.IN_TRAINING` (entropies, KL to the start; the blind reader's)."""

METRICS: pa.Schema = _schema(*_RUN, *_MEASURE)
"""One row per number of a training step, as in `metrics.jsonl` of the run. What the trainer logs as
``CONDITION/NAME`` has that condition; everything else (``loss``, ``reward``, ``entropy``, …) has `all`."""

AUDITS: pa.Schema = pa.schema(
    [
        *_schema(*_RUN),
        *_of_trials("condition", "benchmark", "family", "uid", "group", "sample", "state"),
        *_of_trials("n_options", "gold", "cue", "answer", "concluded"),
        *_of_trials("correct", "followed_cue", "judged", "consistent", "under_cue", "acknowledges"),
        *_of_trials("p_correct", "letter_entropy", "letters_outside", "tokens"),
        pa.field("thought_characters", pa.int32(), metadata={"meaning": "length; null without a thought"}),
        pa.field("thought_template", pa.int64(), metadata={"meaning": "`thoughts.template_codes`, or null"}),
        *_of_trials("reasons", "reasons_true", "conclusion_follows", "caption_quotes", "caption_misquotes"),
    ]
)
"""One row per audited question and condition: the input of a bootstrap over questions and seeds."""

ROLLOUTS: pa.Schema = pa.schema(
    [
        *_schema(*_RUN),
        *_of_trials("condition", "benchmark", "uid", "question", "options", "gold", "cue", "cue_text"),
        *_of_trials("prompt", "prefill", "image_sha256", "text", "state", "thought", "answer", "correct"),
        *_of_trials("concluded", "consistent", "under_cue", "p_correct", "letter_entropy"),
    ]
)
"""One row per answer kept as an example. The same questions, chosen by uid, in every audit of every run."""

TABLES: dict[str, pa.Schema] = {
    "dynamics": DYNAMICS,
    "metrics": METRICS,
    "audits": AUDITS,
    "rollouts": ROLLOUTS,
}
"""The tables of a study; each is stored as ``NAME.parquet``."""


FAILED = "failed.txt"
"""In the folder of a failed run: the reason, in one sentence; deleted once the run continues."""


def slug(arm: str) -> str:
    """An arm's name as a folder name. Raises `BadInput` where no character of it is allowed there."""
    name = "".join(c if c.isalnum() or c in "+-_." else "-" for c in arm).strip("-.")
    if not name:
        raise BadInput(f"arm is {arm!r}; give it a name of letters and digits, or a folder with --out")
    return name


@dataclass(frozen=True)
class RunState:
    """The state of one run: one arm with one seed."""

    arm: str
    seed: int
    state: str = "waiting"
    """One of `RUN_STATES`."""
    reason: str = ""
    """Of `failed` or `stopped`, in one sentence."""
    step: int = 0
    """Optimizer steps made so far."""
    steps: int = 0
    """Optimizer steps planned."""
    seconds: float = 0.0
    """Wall time of all its processes together."""
    first_audit_of: str = ""
    """Folder of the run whose audit before the first step was reused, because it would be identical."""

    @property
    def folder(self) -> str:
        """Relative to the study's folder."""
        return f"runs/{slug(self.arm)}/seed-{self.seed}"


@dataclass(frozen=True)
class StudyState:
    """`study.json`."""

    arms: Mapping[str, Mapping[str, Any]]
    """Every setting of each arm, as tables (`unswayed.training.config.grpo.Config` without its seed), in the
    order of the file."""
    seeds: tuple[int, ...]
    runs: tuple[RunState, ...] = field(default_factory=tuple)
    """Each arm with each seed; the order has no meaning."""

    def as_dict(self) -> dict[str, Any]:
        """Serialisable as JSON."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def read(cls, folder: Path) -> StudyState:
        """The record of the study in `folder`. Raises `BadInput` if it is missing or of another format."""
        path = folder / STATE_FILE
        try:
            state = json.loads(path.read_text("utf-8"))
            if state["format"] != FORMAT:
                raise BadInput(f"{path}: written in format {state['format']}, this version reads {FORMAT}")
            runs = tuple(RunState(**run) for run in state["runs"])
            return cls(arms=state["arms"], seeds=tuple(state["seeds"]), runs=runs)
        except OSError as error:
            raise BadInput(
                f"{path}: cannot be read ({error.strerror}); give the folder of a study"
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            if isinstance(error, BadInput):
                raise
            raise BadInput(f"{path}: not the record of a study; give the folder of a study") from error


class Records:
    """The records of a study, read on first use. Raises `BadInput` for a folder without them."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.study = StudyState.read(self.folder)

    @cached_property
    def dynamics(self) -> pa.Table:
        """In `DYNAMICS`."""
        return self._table("dynamics")

    @cached_property
    def metrics(self) -> pa.Table:
        """In `METRICS`."""
        return self._table("metrics")

    @cached_property
    def audits(self) -> pa.Table:
        """In `AUDITS`."""
        return self._table("audits")

    @cached_property
    def rollouts(self) -> pa.Table:
        """In `ROLLOUTS`."""
        return self._table("rollouts")

    def picture(self, sha256: str) -> bytes | None:
        """An image of `rollouts`; None where it exceeded the budget."""
        if not re.fullmatch(r"[0-9a-f]{64}", sha256):
            return None
        try:
            return (self.folder / "images" / sha256).read_bytes()
        except OSError:
            return None

    def _table(self, name: str) -> pa.Table:
        path = self.folder / f"{name}.parquet"
        try:
            return pq.read_table(path, schema=TABLES[name])
        except (OSError, pa.ArrowException) as error:
            raise BadInput(
                f"{path}: cannot be read ({error}); make it again: `unswayed study … --collect-only`"
            ) from error
