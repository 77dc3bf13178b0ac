"""Config of one GRPO run: every table and field of the file, with its meaning and its default."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from unswayed.errors import BadInput
from unswayed.training.config.augmentation import AugmentSettings
from unswayed.training.config.common import OptimizerSettings, TrainingConfig, require_minimums
from unswayed.training.config.floors import FloorSettings
from unswayed.training.config.reward import RewardSettings


@dataclass(frozen=True)
class GrpoSettings(OptimizerSettings):
    """Table `grpo`: Group Relative Policy Optimization (Shao et al. 2024, arXiv 2402.03300), on TRL."""

    steps: int = 200
    """Optimizer steps in total."""
    prompts: int = 8
    """Questions per step."""
    num_generations: int = 8
    """Rollouts per question (G)."""
    loss: Literal["dapo", "grpo", "bnpo", "dr_grpo", "cispo", "sapo", "luspo", "vespo"] = "dapo"
    """TRL's `loss_type`."""
    scale_rewards: Literal["group", "batch", "none"] = "group"
    """Standard deviation by which advantages are divided."""
    beta: float = 0.0
    """Weight of the KL term to the first weights; 0: none, and no second copy of the model."""
    epsilon: float = 0.2
    """Lower clip range (and upper, where `epsilon_high` is 0)."""
    epsilon_high: float = 0.0
    """Upper clip range; 0: as `epsilon`."""
    iterations: int = 1
    """Optimizer steps per batch of rollouts. Checkpoints and stops wait for the last of them."""
    importance: Literal["token", "sequence"] = "token"
    """Level of the importance ratio; `sequence` with loss `grpo` is GSPO."""
    entropy_coef: float = 0.0
    """Weight of an entropy bonus."""
    mask_truncated: bool = False
    """Leave rollouts that reached the token limit out of the loss."""
    temperature: float = 1.0
    """Sampling temperature of the rollouts."""
    top_p: float = 1.0
    """Nucleus sampling threshold of the rollouts."""
    max_tokens: int = 96
    """Longest rollout in tokens, its prefill not counted."""
    vllm: bool = False
    """Generate with vLLM in the same process (needs a GPU and trl's extra `vllm`)."""
    vllm_memory: float = 0.3
    """Share of the GPU's memory that vLLM may use."""
    share_prompts: bool = True
    """Process a prompt that several rollouts share once (see `grpo.prefix_sharing`). Rollouts and loss are
    the same, up to rounding. False: as TRL does it, every rollout processes its own prompt."""


@dataclass(frozen=True)
class GuardSettings:
    """Table `guard`: when a collapsed run is stopped, by signs that last for `patience` steps. The guard does
    not change what is learned, so it is the one table that may change in a folder that was begun."""

    patience: int = 50
    """Consecutive steps after which the run is stopped; 0: never. During them no checkpoint is written."""
    reward: float = 0.1
    """Mean reward below this fraction of its best value so far (of medians over `patience` steps); 0: off."""
    entropy: float = 1e-4
    """Mean token entropy below this, in nats, while every group has equal rewards and fewer than nine in ten
    rollouts are correct, so that nothing is learned; 0: off."""
    length: float = 0.0
    """Mean tokens of a rollout below this fraction of the first `patience` steps; 0: off, because thoughts
    that shorten while they are rewarded are a finding, not a failure."""


@dataclass(frozen=True)
class GrpoConfig(TrainingConfig):
    """One arm, one seed."""

    arm: str = "grpo"
    """Label by which runs are compared. A name in `arms.ARMS` also sets what that arm stands for; settings of
    the file lie above it."""
    seed: int = 0
    """Seed of rollouts, question order, augmentation and cues."""
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    reward: RewardSettings = field(default_factory=RewardSettings)
    floors: FloorSettings = field(default_factory=FloorSettings)
    grpo: GrpoSettings = field(default_factory=GrpoSettings)
    guard: GuardSettings = field(default_factory=GuardSettings)

    @property
    def optimizer(self) -> GrpoSettings:
        """The table `grpo`."""
        return self.grpo

    @property
    def rows_per_step(self) -> int:
        """Rollouts in one optimizer step."""
        return self.grpo.prompts * self.grpo.num_generations

    def __post_init__(self) -> None:
        g = self.grpo
        self.validate_common()
        require_minimums(
            ("grpo.steps", g.steps, 1),
            ("grpo.prompts", g.prompts, 1),
            ("grpo.num_generations", g.num_generations, 2),
            ("grpo.max_tokens", g.max_tokens, 1),
            ("grpo.iterations", g.iterations, 1),
            ("guard.patience", self.guard.patience, 0),
            ("guard.reward", self.guard.reward, 0),
            ("guard.entropy", self.guard.entropy, 0),
            ("guard.length", self.guard.length, 0),
        )
        for name in ("reward", "length"):
            if (fraction := getattr(self.guard, name)) > 1:
                raise BadInput(f"guard.{name} is {fraction:g}; give a fraction from 0 to 1")
        if g.temperature <= 0:
            raise BadInput(
                f"grpo.temperature is {g.temperature:g}; GRPO needs varied rollouts: give more than 0"
            )
        if self.augment.groups == "paired" and g.num_generations < 3:
            raise BadInput(
                f"grpo.num_generations is {g.num_generations}; with augment.groups = 'paired' give 3 or more"
            )
        if self.reward.cross and self.augment.groups != "paired":
            raise BadInput(
                "reward.cross compares rollouts of one group under several conditions; set "
                "augment.groups = 'paired'"
            )
        if self.reward.segments and self.floors.in_advantages:
            raise BadInput("reward.segments and floors both set the advantages; use one of them")
        if self.reward.segments and g.importance == "sequence":
            raise BadInput("reward.segments needs advantages per token; set grpo.importance = 'token'")
        if self.augment.groups == "paired" and g.vllm:
            raise BadInput("grpo.vllm needs equal prompts in a group; with it, set augment.groups = 'same'")
