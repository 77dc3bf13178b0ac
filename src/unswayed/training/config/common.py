"""Tables that every training config has, whatever the training method: model, data, audit, save, optimizer.

Frozen dataclasses, one for each table of the TOML file; the text below a field documents it. Settings of
reinforcement learning are in `grpo`, those of supervised finetuning in `sft`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from unswayed.errors import BadInput
from unswayed.formats import Format
from unswayed.formats.registry import find_format


@dataclass(frozen=True)
class ModelSettings:
    """Table `model`: the weights that training starts from."""

    path: str = "pebble"
    """`pebble` or `pebble-loose` (the bundled models), a folder, or a name on the Hugging Face Hub."""
    revision: str = ""
    """Commit or tag of a Hub model; empty: the newest."""
    format: str = "common"
    """Prompt format of rollouts, examples and audits: `common`, `native` (found from `path`), a name from
    `unswayed formats`, or a .toml file."""
    dtype: str = "auto"
    """`auto` (bfloat16 on a GPU, float32 on the CPU), `float32`, `bfloat16` or `float16`."""
    device: str = "auto"
    """`auto` (a GPU where there is one) or `cpu`."""
    threads: int = 1
    """CPU threads; the bundled model does not train faster with more."""


@dataclass(frozen=True)
class DataSettings:
    """Table `data`: the training questions."""

    benchmark: str = "scenes"
    """A name from `unswayed benchmarks`, or a .tsv file."""
    split: str = "train"
    """Split to train on; empty: all rows."""
    limit: int = 4096
    """Number of questions; 0: all (for generated benchmarks: 512)."""
    seed: int = 0
    """Seed that selects the questions."""
    folder: str = ""
    """The benchmark's file, or the folder that holds it; empty for generated benchmarks."""
    mixture: dict[str, float] = field(default_factory=dict)
    """Several benchmarks with their shares, which need not sum to 1, in place of `benchmark`:
    ``{sat2-32k = 32, pixmo-count = 15}``. `limit` is then the total, and 0: as many as the shares permit.
    Uids get the benchmark's name in front."""
    splits: dict[str, str] = field(default_factory=dict)
    """Splits of single benchmarks of the mixture, by name; `split` is for the others."""
    folders: dict[str, str] = field(default_factory=dict)
    """Files or folders of single benchmarks of the mixture, by name; `folder` is for the others."""


@dataclass(frozen=True)
class OptimizerSettings:
    """Settings of the optimizer (AdamW), shared by the tables `grpo` and `sft`."""

    micro_batch: int = 0
    """Rows (rollouts or examples) in one forward and backward pass on one device; 0: all rows of a step."""
    lr: float = 1e-5
    """Peak learning rate."""
    warmup: int = 0
    """Steps over which the learning rate rises to its peak."""
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """Learning rate after the warmup: constant, or a decay to 0 at the last step."""
    weight_decay: float = 0.0
    """Weight decay of AdamW."""
    max_grad_norm: float = 1.0
    """Gradients are clipped to this norm."""
    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass: less memory, more time."""
    peft_rank: int = 0
    """Rank of LoRA adapters on all linear layers; 0: all weights are trained. OUT/model holds the merged
    weights."""


@dataclass(frozen=True)
class AuditSettings:
    """Table `audit`: greedy audits of the model during training, on fixed held-out questions."""

    every: int = 50
    """Steps between two audits; there is also one before the first step and one after the last. 0: none."""
    benchmark: str = ""
    """Benchmark of the audits; empty: that of `data`."""
    split: str = "dev"
    """Split of the audits; it must not share questions with the training data. Empty: all rows."""
    limit: int = 96
    """Number of questions."""
    seed: int = 1000
    """Seed of the question sample, of the asserted wrong options and of the cue phrasings."""
    folder: str = ""
    """The benchmark's file or folder; empty: that of `data`."""
    mixture: dict[str, float] = field(default_factory=dict)
    """Several benchmarks with their shares in place of `benchmark`, audited together; empty, with `benchmark`
    empty as well: that of `data`."""
    splits: dict[str, str] = field(default_factory=dict)
    """Splits of single benchmarks of the mixture, by name; `split` is for the others."""
    folders: dict[str, str] = field(default_factory=dict)
    """Files or folders of single benchmarks of the mixture, by name; empty: those of `data`."""
    conditions: tuple[str, ...] = ("base", "wrong-caption", "correct-caption", "wrong-think", "correct-think")
    """Names from `unswayed conditions`."""
    max_tokens: int = 96
    """Longest generation, in tokens."""
    letters: bool = True
    """Whether to measure option-letter probabilities too."""
    batch: int = 0
    """Rows of a batch; 0: as many as the free memory allows."""
    kl: bool = True
    """Whether to measure the KL divergence to the first weights (see `training.token_stats`), independent of
    `grpo.beta`. With adapters they are disabled for it; otherwise a frozen second copy of the first weights
    is kept in memory."""
    reader: bool = False
    """Whether to run the blind reader: a frozen second copy of the first weights. It is informative only
    where that model can infer an option from a thought alone; its agreement at step 0 shows that."""


@dataclass(frozen=True)
class SaveSettings:
    """Table `save`: checkpoints and experiment trackers."""

    every: int = 50
    """Steps between two checkpoints; the last step is saved as well."""
    keep: int = 2
    """Number of checkpoints that are kept."""
    report_to: tuple[str, ...] = ()
    """Trackers, by TRL's names: tensorboard, wandb, trackio."""
    completions: bool = False
    """Write all rollouts with their rewards to checkpoints/completions, one Parquet file per step."""


_NOT_NEGATIVE = ("micro_batch", "lr", "warmup", "weight_decay", "max_grad_norm", "peft_rank")


@dataclass(frozen=True)
class TrainingConfig:
    """One training run: the settings that every training method has."""

    arm: str = ""
    """Label by which runs are compared."""
    seed: int = 0
    """Seed of everything random in the run."""
    model: ModelSettings = field(default_factory=ModelSettings)
    data: DataSettings = field(default_factory=DataSettings)
    audit: AuditSettings = field(default_factory=AuditSettings)
    save: SaveSettings = field(default_factory=SaveSettings)

    @property
    def prompt_format(self) -> Format:
        """The prompt format that `model.format` names. Raises `BadInput` if there is none."""
        return _prompt_format(self.model.format, self.model.path)

    @property
    def optimizer(self) -> OptimizerSettings:
        """The table that holds the optimizer settings."""
        raise NotImplementedError

    @property
    def rows_per_step(self) -> int:
        """Rollouts or examples in one optimizer step."""
        raise NotImplementedError

    def validate_common(self) -> None:
        """Raises `BadInput` for the first invalid value in the common tables."""
        self.prompt_format  # noqa: B018 - raises
        table = next(name for name, value in vars(self).items() if value is self.optimizer)
        require_minimums(
            *((f"{table}.{name}", getattr(self.optimizer, name), 0) for name in _NOT_NEGATIVE),
            ("audit.every", self.audit.every, 0),
            ("audit.limit", self.audit.limit, 1),
            ("save.every", self.save.every, 1),
            ("save.keep", self.save.keep, 1),
            ("data.limit", self.data.limit, 0),
        )
        for name, settings in (("data", self.data), ("audit", self.audit)):
            for kind in ("splits", "folders"):
                mixture = settings.mixture or (self.data.mixture if name == "audit" else {})
                if unknown := sorted(set(getattr(settings, kind)) - set(mixture)):
                    raise BadInput(f"{name}.{kind} names {unknown[0]!r}, which is not in {name}.mixture")
        micro_batch = self.optimizer.micro_batch
        if micro_batch and self.rows_per_step % micro_batch:
            raise BadInput(
                f"{table}.micro_batch is {micro_batch}; it must divide the {self.rows_per_step} rows of a "
                "step"
            )


@lru_cache(maxsize=8)
def _prompt_format(spec: str, model: str) -> Format:
    return find_format(spec, model)


def require_minimums(*settings: tuple[str, float, float]) -> None:
    """Raises `BadInput` for the first (name, value, minimum) whose value is below its minimum."""
    for name, value, minimum in settings:
        if value < minimum:
            raise BadInput(f"{name} is {value}; the minimum is {minimum}")


def require_range(name: str, value: float, least: float, most: float | None = None) -> None:
    """Raises `BadInput` unless `value` lies in [`least`, `most`]; `most` None: no upper end."""
    if value < least or (most is not None and value > most):
        allowed = f"{least:g} or more" if most is None else f"from {least:g} to {most:g}"
        raise BadInput(f"{name} is {value:g}; give {allowed}")
