"""What every training is told, whatever it learns by: the tables that all config files have.

Frozen dataclasses, one a table of the file; every field has its meaning below it. What is particular to
reinforcement learning stands in `settings`, to supervised finetuning in `sft.settings`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from unswayed.errors import BadInput


@dataclass(frozen=True)
class Model:
    """Which weights training begins with."""

    path: str = "pebble"
    """`pebble` (the bundled model), a folder, or a name on the Hub."""
    revision: str = ""
    """Commit or tag of a Hub model; empty: its newest."""
    dtype: str = "auto"
    """`auto` (bfloat16 on a GPU, float32 on the CPU), `float32`, `bfloat16` or `float16`."""
    device: str = "auto"
    """`auto` (a GPU where there is one) or `cpu`."""
    threads: int = 1
    """CPU threads; the bundled model gains nothing from more."""


@dataclass(frozen=True)
class Data:
    """What is trained on."""

    benchmark: str = "scenes"
    """A name from `unswayed benchmarks`, or a .tsv file."""
    split: str = "train"
    """Which split; empty: all rows."""
    limit: int = 4096
    """How many questions; 0: all (drawn ones: 512)."""
    seed: int = 0
    """Draws the questions."""
    folder: str = ""
    """The benchmark's file, or the folder that holds it; empty for drawn ones."""


@dataclass(frozen=True)
class Pace:
    """How weights are moved, by AdamW."""

    micro_batch: int = 0
    """Rows (rollouts, examples) in one forward and backward pass on one device; 0: all of a step."""
    lr: float = 1e-5
    """Highest learning rate."""
    warmup: int = 0
    """Steps in which the learning rate rises."""
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """How the learning rate goes on after the warmup: it stays, or falls to 0 at the last step."""
    weight_decay: float = 0.0
    """AdamW's."""
    max_grad_norm: float = 1.0
    """Gradients are cut to this norm."""
    gradient_checkpointing: bool = False
    """Trade time for memory."""
    peft_rank: int = 0
    """Rank of LoRA adapters on all linear layers; 0: all weights are trained. OUT/model has them merged."""


@dataclass(frozen=True)
class Audit:
    """The audits of the model while it trains: fixed held-out questions, greedy."""

    every: int = 50
    """Steps between two audits; also one before the first step and one after the last. 0: none."""
    benchmark: str = ""
    """What is asked; empty: as `data`."""
    split: str = "dev"
    """Which split, of questions that are not trained on; empty: all rows."""
    limit: int = 96
    """How many questions."""
    seed: int = 1000
    """Draws the questions, the wrong options and the phrasings."""
    folder: str = ""
    """The benchmark's file or folder; empty: as `data`."""
    conditions: tuple[str, ...] = ("base", "wrong-caption", "correct-caption", "wrong-think", "correct-think")
    """Names from `unswayed conditions`."""
    max_tokens: int = 96
    """Of a generation."""
    letters: bool = True
    """Also measure letter probabilities."""
    batch: int = 0
    """Rows of a batch; 0: by the free memory."""
    kl: bool = True
    """Also measure how far the model is from the start (KL, see `policy`), whatever `grpo.beta`. With
    adapters they are switched off for it; otherwise a frozen second copy of the first weights is kept."""
    reader: bool = False
    """Also ask the blind reader: a frozen second copy of the first weights. Worth it only where that
    model can find an option from the words of a thought alone; its agreement at step 0 says so."""


@dataclass(frozen=True)
class Save:
    """Checkpoints and trackers."""

    every: int = 50
    """Steps between two checkpoints; one more stands at the end."""
    keep: int = 2
    """How many checkpoints are kept."""
    report_to: tuple[str, ...] = ()
    """Trackers, by TRL's names: tensorboard, wandb, trackio."""
    completions: bool = False
    """Write all rollouts with their rewards, a Parquet file a step, under checkpoints/completions."""


_COUNTED = ("micro_batch", "lr", "warmup", "weight_decay", "max_grad_norm", "peft_rank")


@dataclass(frozen=True)
class Training:
    """One training: what it begins with, on what, how it is watched and kept."""

    arm: str = ""
    """A label, by which runs are compared."""
    seed: int = 0
    """Of whatever is drawn."""
    model: Model = field(default_factory=Model)
    data: Data = field(default_factory=Data)
    audit: Audit = field(default_factory=Audit)
    save: Save = field(default_factory=Save)

    @property
    def pace(self) -> Pace:
        """The table that says how weights are moved."""
        raise NotImplementedError

    @property
    def rows(self) -> int:
        """Rollouts or examples of one step."""
        raise NotImplementedError

    def check(self) -> None:
        """Raises `BadInput` for the first setting of the common tables that cannot be."""
        pace = next(name for name, value in vars(self).items() if value is self.pace)
        at_least(
            *((f"{pace}.{name}", getattr(self.pace, name), 0) for name in _COUNTED),
            ("audit.every", self.audit.every, 0),
            ("audit.limit", self.audit.limit, 1),
            ("save.every", self.save.every, 1),
            ("save.keep", self.save.keep, 1),
            ("data.limit", self.data.limit, 0),
        )
        if self.pace.micro_batch and self.rows % self.pace.micro_batch:
            raise BadInput(
                f"{pace}.micro_batch is {self.pace.micro_batch}; it must divide the {self.rows} of a step"
            )


def at_least(*fields: tuple[str, float, float]) -> None:
    """Raises `BadInput` for the first of (name, value, least) that is less than it may be."""
    for name, value, least in fields:
        if value < least:
            raise BadInput(f"{name} is {value}; the least is {least}")
