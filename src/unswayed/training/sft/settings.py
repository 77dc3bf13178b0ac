"""What one supervised finetuning is told: every field of its config file, its meaning and its default.

The tables `model`, `data`, `audit` and `save` are those of `unswayed.training.config.common`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from unswayed.errors import BadInput
from unswayed.training.config.common import Pace, Training, at_least


@dataclass(frozen=True)
class Thoughts:
    """Where the thoughts come from that the model is to write. One source at least; they add up."""

    file: str = ""
    """A .jsonl or .parquet file with `uid`, `thought` and, if wanted, `answer` (see the docs on training)."""
    run: str = ""
    """Folder of an audit: of its right answers the model learns what was said, word by word."""
    scenes: bool = False
    """Write a thought for every drawn scene from its exact truth, in the words of the bundled model."""
    conditions: tuple[str, ...] = ("base",)
    """Of the `run`: only what was said under these, and the model learns it under the same."""
    consistent: bool = False
    """Leave out thoughts that were not found to conclude their answer: in a run by its judge, in a file by
    the rules."""
    most: int = 0
    """Of the `run`: examples of one question under one condition, in the order of the samples; 0: all."""
    direct: float = 0.0
    """Share of the examples of `file` and `scenes` that are answered at once instead: asked as in
    `stop-think`, with the thought closed before it begins."""
    partial: bool = False
    """Pass over thoughts about questions that are not in `data`, rather than refuse them."""
    longest: int = 1024
    """Examples whose completion has more tokens are left out; 0: none is."""


@dataclass(frozen=True)
class Sft(Pace):
    """Next-token prediction on the completions, with AdamW."""

    steps: int = 0
    """Optimizer steps in all; 0: as many as `epochs` take."""
    epochs: float = 1.0
    """Times that every example is seen, where `steps` is 0."""
    batch: int = 8
    """Examples a step. All their tokens weigh the same."""


@dataclass(frozen=True)
class Guard:
    """When a run that has come apart is stopped. It may be changed in a folder that was begun."""

    patience: int = 20
    """Steps in a row after which it is; 0: never. While such a row lasts no checkpoint is written."""
    rise: float = 2.0
    """A loss above so many times the mean of the first `patience` steps counts."""


@dataclass(frozen=True)
class Config(Training):
    """One finetuning."""

    arm: str = "sft"
    """A label, by which runs are compared."""
    seed: int = 0
    """Of the order of the examples, and of which are answered at once."""
    thoughts: Thoughts = field(default_factory=Thoughts)
    sft: Sft = field(default_factory=Sft)
    guard: Guard = field(default_factory=Guard)

    @property
    def pace(self) -> Sft:
        """See `Training`."""
        return self.sft

    @property
    def rows(self) -> int:
        """Examples of one step."""
        return self.sft.batch

    def __post_init__(self) -> None:
        s, t = self.sft, self.thoughts
        self.check()
        at_least(
            ("sft.steps", s.steps, 0),
            ("sft.batch", s.batch, 1),
            ("thoughts.most", t.most, 0),
            ("thoughts.longest", t.longest, 0),
            ("guard.patience", self.guard.patience, 0),
        )
        if not (t.file or t.run or t.scenes):
            raise BadInput(
                "nothing says where the thoughts come from; set thoughts.file, thoughts.run or "
                "thoughts.scenes = true"
            )
        if not s.steps and s.epochs <= 0:
            raise BadInput(f"sft.epochs is {s.epochs:g}; give more than 0, or set sft.steps")
        if not 0 <= t.direct <= 1:
            raise BadInput(f"thoughts.direct is {t.direct:g}; a share is from 0 to 1")
        if self.guard.patience and self.guard.rise <= 1:
            raise BadInput(f"guard.rise is {self.guard.rise:g}; give more than 1, or guard.patience = 0")
        if self.save.completions:
            raise BadInput("save.completions is about rollouts, and there are none here; leave it out")
