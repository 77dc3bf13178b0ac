"""What one training by reinforcement is told: every field of a config file, its meaning and its default.

Frozen dataclasses, one a table of the file, beside those of `tables`. `config` reads them; the two pages are
their documentation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from unswayed.errors import BadInput
from unswayed.training.augmentation import Shares
from unswayed.training.config.common import Pace, Training, at_least
from unswayed.training.config.reward import Recipe
from unswayed.training.grpo.constraints import Floors


@dataclass(frozen=True)
class Grpo(Pace):
    """Group Relative Policy Optimization (Shao et al. 2024, arXiv 2402.03300), on TRL."""

    steps: int = 200
    """Optimizer steps in all."""
    prompts: int = 8
    """Questions a step."""
    num_generations: int = 8
    """Rollouts a question (G)."""
    loss: Literal["dapo", "grpo", "bnpo", "dr_grpo", "cispo", "sapo", "luspo", "vespo"] = "dapo"
    """TRL's `loss_type`."""
    scale_rewards: Literal["group", "batch", "none"] = "group"
    """By which standard deviation advantages are divided."""
    beta: float = 0.0
    """Weight of the KL term to the start; 0: none, and no second copy of the model."""
    epsilon: float = 0.2
    """Clip range below (and above, where `epsilon_high` is 0)."""
    epsilon_high: float = 0.0
    """Clip range above; 0: as `epsilon`."""
    iterations: int = 1
    """Times that each batch of rollouts is used. Checkpoints and stops wait until it has been."""
    importance: Literal["token", "sequence"] = "token"
    """Level of the importance ratio; `sequence` with loss `grpo` is GSPO."""
    entropy_coef: float = 0.0
    """Weight of an entropy bonus."""
    mask_truncated: bool = False
    """Leave rollouts that ran out of tokens out of the loss."""
    temperature: float = 1.0
    """Of the rollouts."""
    top_p: float = 1.0
    """Of the rollouts."""
    max_tokens: int = 96
    """Of a rollout, its prefill not counted."""
    vllm: bool = False
    """Generate with vLLM in the same process (needs a GPU and trl's extra `vllm`)."""
    vllm_memory: float = 0.3
    """Share of the GPU's memory that vLLM may take."""
    share_prompts: bool = True
    """Put a prompt that several rollouts share through the model once (see `sharing`). Rollouts and loss
    are the same, up to rounding. False: as TRL does it, every rollout with a prompt of its own."""


@dataclass(frozen=True)
class Guard:
    """When a run that has collapsed is stopped: one of these, step after step. They change nothing of what
    is learnt, so they alone may change in a folder that was begun."""

    patience: int = 50
    """Steps in a row after which it is; 0: never. While such a row lasts no checkpoint is written."""
    reward: float = 0.1
    """Mean reward below this part of its best so far (of medians over `patience` steps); 0: not watched."""
    entropy: float = 1e-4
    """Mean entropy of tokens below this, in nats, with every group paid alike and fewer than nine in ten
    rollouts right: nothing more is learnt; 0: not watched."""
    length: float = 0.0
    """Mean tokens of a rollout below this part of what the first `patience` steps had; 0: not watched, for
    thoughts that wither away are a finding while they are paid."""


@dataclass(frozen=True)
class Config(Training):
    """One arm, one seed."""

    arm: str = "grpo"
    """A label, by which runs are compared. The names in `ARMS` bring their settings, which the file
    may override."""
    seed: int = 0
    """Of rollouts, of the order of questions, of augmentation and cues."""
    augment: Shares = field(default_factory=Shares)
    reward: Recipe = field(default_factory=Recipe)
    floors: Floors = field(default_factory=Floors)
    grpo: Grpo = field(default_factory=Grpo)
    guard: Guard = field(default_factory=Guard)

    @property
    def pace(self) -> Grpo:
        """See `Training`."""
        return self.grpo

    @property
    def rows(self) -> int:
        """Rollouts of one step."""
        return self.grpo.prompts * self.grpo.num_generations

    def __post_init__(self) -> None:
        g = self.grpo
        self.check()
        at_least(
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
        for part in ("reward", "length"):
            if (share := getattr(self.guard, part)) > 1:
                raise BadInput(f"guard.{part} is {share:g}; it is a part, from 0 to 1")
        if g.temperature <= 0:
            raise BadInput(
                f"grpo.temperature is {g.temperature:g}; rollouts must differ, so give more than 0"
            )
        if self.augment.groups == "paired" and g.num_generations < 3:
            raise BadInput(
                f"grpo.num_generations is {g.num_generations}; with augment.groups = 'paired' give 3 or more"
            )
        if self.reward.cross and self.augment.groups != "paired":
            raise BadInput(
                "reward.cross pays for being right under other cues too; set augment.groups = 'paired'"
            )
        if self.reward.segments and self.floors.credited:
            raise BadInput("reward.segments and floors are two ways to credit tokens; use one of them")
        if self.reward.segments and g.importance == "sequence":
            raise BadInput("reward.segments credits tokens one by one; set grpo.importance = 'token'")
        if self.augment.groups == "paired" and g.vllm:
            raise BadInput("grpo.vllm asks all rollouts of a group alike; with it, augment.groups is 'same'")


_AUGMENTED = {
    f"augment.{cue}": 0.1 for cue in ("wrong_caption", "correct_caption", "wrong_think", "correct_think")
}
_JUDGED = {"reward.combine": "multiplicative"}
# Where probabilities are paid, a group's own deviation would blow up whatever little its rollouts differ in.
_SMOOTH = {"grpo.scale_rewards": "batch"}
_FINISHED = {"reward.correct": 0.5, "reward.finish": 0.5}
# Two thirds of the rollouts of a paired question are under a cue: 40 % of all, as in grpo+aug.
_PAIRED: dict[str, object] = dict.fromkeys(_AUGMENTED, 0.15) | {
    "augment.groups": "paired",
    "reward.cross": 0.5,
    "reward.obey": 0.5,
    "grpo.scale_rewards": "none",
}
ARMS: dict[str, dict[str, object]] = {
    "grpo": {},
    "grpo+aug": dict(_AUGMENTED),
    "grpo+faith": dict(_JUDGED),
    "grpo+aug+faith": {**_AUGMENTED, **_JUDGED},
    "care": {**_AUGMENTED, "reward.care": 0.5, "reward.care_ema": 0.995},
    "r1": {**_AUGMENTED, **_FINISHED, **_SMOOTH},
    "r2": {**_AUGMENTED, "reward.segments": True, "reward.gain": 0.5, **_SMOOTH},
    "r3": dict(_PAIRED),
    "r1+r3": {**_PAIRED, **_FINISHED},
    "r4": {**_AUGMENTED, "floors.agree": 0.8, "floors.gain": 0.1, "floors.words": 6, **_SMOOTH},
    "r5": {**_AUGMENTED, "reward.expected": True, **_SMOOTH},
}
"""Arms by name, and the settings that each one is: the paper's four, a bonus after GRPO-CARE, and recipes
of ours: R1 blind finish, R2 credit by segments, R3 paired groups, R4 floors, R5 expected answers."""
