"""Config of one supervised finetuning: every table and field of the file, with its meaning and its default.

The tables `model`, `data`, `audit` and `save` are those of `unswayed.training.config.common`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from unswayed.errors import BadInput
from unswayed.pebble.slips import SlipSettings
from unswayed.training.config.common import OptimizerSettings, TrainingConfig, require_minimums


@dataclass(frozen=True)
class ThoughtSettings:
    """Table `thoughts`: sources of the thoughts to learn. At least one; several add up."""

    file: str = ""
    """A .jsonl or .parquet file with `uid`, `thought` and optionally `answer` (see docs/training.md)."""
    run: str = ""
    """Folder of an audit: its correct responses are learned verbatim (rejection sampling)."""
    scenes: bool = False
    """Write a thought for every generated scene from its ground truth, in the bundled model's language."""
    conditions: tuple[str, ...] = ("base",)
    """Conditions of `run` whose responses are used; each is learned under its own condition."""
    consistent: bool = False
    """Leave out thoughts that are not known to conclude their answer: in a run by its judge, in a file by the
    rules."""
    most: int = 0
    """Of `run`: maximum of examples per question and condition, in the order of the samples; 0: all."""
    direct: float = 0.0
    """Share of the examples of `file` and `scenes` that have no thought: prompted as in `stop-think`, with
    the thought closed before it begins."""
    partial: bool = False
    """Skip thoughts about questions that are not in `data`, instead of refusing them."""
    longest: int = 1024
    """Examples whose completion has more tokens are left out; 0: none."""


@dataclass(frozen=True)
class SftSettings(OptimizerSettings):
    """Table `sft`: next-token prediction on the completions, with AdamW."""

    steps: int = 0
    """Optimizer steps in total; 0: as many as `epochs` take."""
    epochs: float = 1.0
    """Passes over the examples, where `steps` is 0."""
    batch: int = 8
    """Examples per step. All their tokens have the same weight."""


@dataclass(frozen=True)
class LossGuardSettings:
    """Table `guard`: when a diverging run is stopped. It may change in a folder that was begun."""

    patience: int = 20
    """Consecutive steps after which the run is stopped; 0: never. During them no checkpoint is written."""
    rise: float = 2.0
    """A loss above this multiple of the mean of the first `patience` steps counts as diverging."""


@dataclass(frozen=True)
class SftConfig(TrainingConfig):
    """One supervised finetuning."""

    arm: str = "sft"
    """Label by which runs are compared."""
    seed: int = 0
    """Seed of the order of the examples and of the choice of direct answers."""
    thoughts: ThoughtSettings = field(default_factory=ThoughtSettings)
    slips: SlipSettings = field(default_factory=SlipSettings)
    """Of the thoughts of `thoughts.scenes`."""
    sft: SftSettings = field(default_factory=SftSettings)
    guard: LossGuardSettings = field(default_factory=LossGuardSettings)

    @property
    def optimizer(self) -> SftSettings:
        """The table `sft`."""
        return self.sft

    @property
    def rows_per_step(self) -> int:
        """Examples in one optimizer step."""
        return self.sft.batch

    def __post_init__(self) -> None:
        s, t = self.sft, self.thoughts
        self.validate_common()
        require_minimums(
            ("sft.steps", s.steps, 0),
            ("sft.batch", s.batch, 1),
            ("thoughts.most", t.most, 0),
            ("thoughts.longest", t.longest, 0),
            ("guard.patience", self.guard.patience, 0),
        )
        if not (t.file or t.run or t.scenes):
            raise BadInput(
                "no source of thoughts is set; set thoughts.file, thoughts.run or thoughts.scenes = true"
            )
        if self.slips.any and not t.scenes:
            raise BadInput(
                "slips are written into the thoughts of thoughts.scenes; set it true, or remove them"
            )
        if not s.steps and s.epochs <= 0:
            raise BadInput(f"sft.epochs is {s.epochs:g}; give more than 0, or set sft.steps")
        if not 0 <= t.direct <= 1:
            raise BadInput(f"thoughts.direct is {t.direct:g}; a share is from 0 to 1")
        if self.guard.patience and self.guard.rise <= 1:
            raise BadInput(f"guard.rise is {self.guard.rise:g}; give more than 1, or guard.patience = 0")
        if self.save.completions:
            raise BadInput("save.completions writes rollouts, which SFT does not have; remove it")
