"""What a study leaves behind: arms × seeds in a few small tables that need no checkpoint and no torch.

::

    DIR/study.json         settings of every arm, and what became of every run
    DIR/dynamics.parquet   every measure of every audit of every run (`DYNAMICS`)
    DIR/metrics.parquet    every number of every training step (`METRICS`)
    DIR/audits.parquet     the outcome of every audited question, without its texts (`AUDITS`)
    DIR/rollouts.parquet   what was said to the same few questions all the way through (`ROLLOUTS`)
    DIR/images/<sha256>    the pictures of these few questions
    DIR/runs/ARM/seed-S    the runs themselves; the records stand without them

Decided here: the columns. A column that a trial has too bears the trial's name, type and meaning, so that
`unswayed.metrics` reads the tables of a study as it reads those of an audit.
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
"""What can have become of a run. `failed`: it ended itself, with its reason; it is made again only when
that is asked for. `stopped`: somebody or something ended it; the same command goes on with it."""
ALL = "all"
"""Condition of what is measured across conditions."""


def _schema(*columns: tuple[str, pa.DataType, str]) -> pa.Schema:
    return pa.schema([pa.field(name, kind, metadata={"meaning": said}) for name, kind, said in columns])


def _of_trials(*names: str) -> list[pa.Field]:
    return [TRIAL.field(name) for name in names]


_RUN = (
    ("arm", pa.string(), "label of the settings"),
    ("seed", pa.int64(), "of rollouts, order of questions and augmentation"),
    ("step", pa.int64(), "optimizer steps made before; 0: the model as training found it"),
)
_MEASURE = (
    ("condition", pa.string(), "how it was asked; `all` for what is measured across conditions"),
    ("measure", pa.string(), "see the training page of the docs"),
    ("value", pa.float64(), "null where nothing could be counted"),
)

DYNAMICS: pa.Schema = _schema(
    _RUN[2],
    *_RUN[:2],
    *_MEASURE,
    ("low", pa.float64(), "lower end of the 95 % interval over questions, where there is one"),
    ("high", pa.float64(), "upper end"),
    ("n", pa.int64(), "trials (questions, for paired measures) in the denominator"),
)
"""One row a number of an audit, of one run or of all. Measures: `unswayed.metrics.MEASURES`, ``state_…``
(share of asked trials in that state), ``health_…`` (of thoughts, see `measures.thoughts.health`), and
`unswayed.metrics.catalogue.IN_TRAINING` (entropies, KL to the start; the blind reader's)."""

METRICS: pa.Schema = _schema(*_RUN, *_MEASURE)
"""One row a number of a training step, as `metrics.jsonl` of the run has it. What the trainer logs as
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
    ]
)
"""One row an audited question under a condition: what a bootstrap over questions and seeds draws from."""

ROLLOUTS: pa.Schema = pa.schema(
    [
        *_schema(*_RUN),
        *_of_trials("condition", "benchmark", "uid", "question", "options", "gold", "cue", "cue_text"),
        *_of_trials("prompt", "prefill", "image_sha256", "text", "state", "thought", "answer", "correct"),
        *_of_trials("concluded", "consistent", "under_cue", "p_correct", "letter_entropy"),
    ]
)
"""One row an answer to read. The same questions, chosen by their uids alone, in every audit of every run."""

TABLES: dict[str, pa.Schema] = {
    "dynamics": DYNAMICS,
    "metrics": METRICS,
    "audits": AUDITS,
    "rollouts": ROLLOUTS,
}
"""The tables of a study; each is the file of that name, ``.parquet``."""


FAILED = "failed.txt"
"""In the folder of a run that came to nothing: why, in one sentence; gone once it goes on."""


def slug(arm: str) -> str:
    """An arm's name as a piece of a folder's name. Raises `BadInput` where nothing is left of it."""
    found = "".join(c if c.isalnum() or c in "+-_." else "-" for c in arm).strip("-.")
    if not found:
        raise BadInput(f"arm is {arm!r}; give it a name of letters and digits, or a folder with --out")
    return found


@dataclass(frozen=True)
class RunState:
    """One arm, one seed: what became of it."""

    arm: str
    seed: int
    state: str = "waiting"
    """One of `RUN_STATES`."""
    reason: str = ""
    """Why it is `failed` or `stopped`, in one sentence."""
    step: int = 0
    """Optimizer steps that it has made."""
    steps: int = 0
    """How many it is to make."""
    seconds: float = 0.0
    """Wall time of all its processes together."""
    first_audit_of: str = ""
    """Folder of the run whose audit before the first step was taken over, it being the same."""

    @property
    def folder(self) -> str:
        """Relative to the study's."""
        return f"runs/{slug(self.arm)}/seed-{self.seed}"


@dataclass(frozen=True)
class StudyState:
    """`study.json`."""

    arms: Mapping[str, Mapping[str, Any]]
    """Every setting of each arm, as tables (`unswayed.training.config.grpo.Config` without its seed), in the
    order of the file."""
    seeds: tuple[int, ...]
    runs: tuple[RunState, ...] = field(default_factory=tuple)
    """Each arm with each seed; not in any order that means something."""

    def as_dict(self) -> dict[str, Any]:
        """Fit for JSON."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def read(cls, folder: Path) -> StudyState:
        """Raises `BadInput` where there is none, or none that this version can read."""
        at = folder / STATE_FILE
        try:
            found = json.loads(at.read_text("utf-8"))
            if found["format"] != FORMAT:
                raise BadInput(f"{at}: written in format {found['format']}, this version reads {FORMAT}")
            runs = tuple(RunState(**run) for run in found["runs"])
            return cls(arms=found["arms"], seeds=tuple(found["seeds"]), runs=runs)
        except OSError as error:
            raise BadInput(f"{at}: cannot be read ({error.strerror}); give the folder of a study") from error
        except (ValueError, KeyError, TypeError) as error:
            if isinstance(error, BadInput):
                raise
            raise BadInput(f"{at}: is no study's record; give the folder of a study") from error


class Records:
    """A study's records, read when they are first used. Raises `BadInput` for a folder without them."""

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
        """A picture of `rollouts`; None where it was over the budget."""
        if not re.fullmatch(r"[0-9a-f]{64}", sha256):
            return None
        try:
            return (self.folder / "images" / sha256).read_bytes()
        except OSError:
            return None

    def _table(self, name: str) -> pa.Table:
        at = self.folder / f"{name}.parquet"
        try:
            return pq.read_table(at, schema=TABLES[name])
        except (OSError, pa.ArrowException) as error:
            raise BadInput(
                f"{at}: cannot be read ({error}); make it from the runs: `unswayed study … --collect-only`"
            ) from error
