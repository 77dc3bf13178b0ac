"""Table `reward` of a config: the parts of a rollout's reward, and the models that evaluate its thought.

A part is off where its weight is 0. R1 to R5 in the fields are the arms of `arms.ARMS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from unswayed.errors import BadInput
from unswayed.training.config.common import require_minimums, require_range


@dataclass(frozen=True)
class RewardSettings:
    """How parts combine to a total. The paper's weights: 0.1 for format, 1.0 for correct."""

    combine: Literal["additive", "multiplicative", "gated"] = "additive"
    """With F format, C correct, J consistent (each 0 or 1) and their weights f, c, j:
    `additive` f·F + c·C + j·J; `multiplicative` (f·F + c·C)·J, the paper's faithfulness-aware reward;
    `gated` f·F + C·(c + j·J), which rewards consistency only where the answer is correct (ours)."""
    format: float = 0.1
    """Weight f."""
    correct: float = 1.0
    """Weight c."""
    consistency: float = 0.0
    """Weight j; `multiplicative` has none."""
    judge: Literal["rules", "reader", "llm"] = "rules"
    """Judge of what a thought concludes: `rules`, the audit's own; `reader`, the blind reader (see
    `training.blind_reader`), a frozen copy of the first weights that sees the thought but no image; `llm`, a
    language model (`judge_model`)."""
    judge_model: str = ""
    """With judge `llm`: the model, as in `unswayed judge`: openai:MODEL, a folder or a name on the Hub."""
    judge_url: str = ""
    """Base URL of openai:MODEL; empty: the environment's OPENAI_BASE_URL."""
    finish: float = 0.0
    """R1: weight b of the blind finish B: the probability above chance that the finisher gives to the correct
    option. It sees question and thought, neither image nor caption, with reordered options. The correct part
    is then c·C + b·B."""
    finish_only: float = 0.0
    """R1: share of the questions whose rollouts get (c + b)·B instead, and nothing for their own answer."""
    finisher: Literal["live", "frozen"] = "live"
    """Model of the blind finish: `live`, the model in training; `frozen`, a copy of the first weights."""
    cross: float = 0.0
    """R3: κ. The correct part is multiplied by 1 + κ · its mean over the rollouts of the group that have
    another condition. Needs augment.groups = 'paired'."""
    obey: float = 0.0
    """R3: η, subtracted where the answer is the wrong option that the cue asserts."""
    care: float = 0.0
    """Weight of the GRPO-CARE bonus: for correct rollouts whose answer has, given their own thought, at least
    the mean reference likelihood of the group's correct rollouts."""
    care_margin: float = 0.0
    """By how much the likelihood may be below that mean."""
    care_cap: float = 0.95
    """Likelihoods above count as this, so that rising certainty is not rewarded without end."""
    care_ema: float = 0.0
    """The reference: 0, the first weights, frozen; else an exponential moving average of the weights in
    training with this decay per update (GRPO-CARE: 0.995)."""
    care_every: int = 10
    """Steps between two updates of that average."""
    expected: bool = False
    """R5: C is not 0 or 1 but the probability of the correct option at the position of the rollout's answer,
    exact over the options; 0 without a readable answer."""
    causal: float = 0.0
    """R5: weight of the change that the thought makes to those probabilities (Jensen-Shannon divergence to
    those without a thought, in units of ln 2), times C."""
    segments: bool = False
    """R2: thought tokens get the advantage of the option that the blind reader infers from the thought,
    answer tokens that of agreement with it, each within its group; see `advantages.segment_advantages`."""
    gain: float = 0.0
    """R2: weight μ of the masked gain in the reward of a thought."""
    gain_cap: float = 1.0
    """Masked gain above this counts as this, in nats."""

    def __post_init__(self) -> None:
        if self.combine == "multiplicative" and self.consistency:
            raise BadInput(
                "reward.consistency has no effect where reward.combine is 'multiplicative'; leave it 0"
            )
        if (self.judge == "llm") != bool(self.judge_model):
            raise BadInput(
                "reward.judge = 'llm' and reward.judge_model need each other: give both, or neither"
            )
        for name, most in (("finish_only", 1.0), ("care_cap", 1.0), ("care_ema", 0.999999)):
            require_range(f"reward.{name}", getattr(self, name), 0.0, most)
        for name in ("finish", "cross", "obey", "care", "causal", "gain", "gain_cap"):
            require_range(f"reward.{name}", getattr(self, name), 0.0)
        require_minimums(("reward.care_every", self.care_every, 1))
        if self.finish_only and not self.finish + self.correct:
            raise BadInput("reward.finish_only pays reward.correct + reward.finish, which are both 0")
        if self.segments and self.uses_verdict:
            raise BadInput("reward.segments rewards thoughts by the blind reader; leave reward.consistency 0")

    @property
    def uses_verdict(self) -> bool:
        """Whether the total depends on the judge's verdict."""
        return self.combine == "multiplicative" or self.consistency != 0

    @property
    def uses_blind_finish(self) -> bool:
        """Whether the blind finish is needed."""
        return self.finish > 0 or self.finish_only > 0

    @property
    def needs_frozen_model(self) -> bool:
        """Whether a frozen copy of the first weights is needed."""
        return (
            self.judge == "reader"
            or self.segments
            or (self.uses_blind_finish and self.finisher == "frozen")
            or (self.care > 0 and not self.care_ema)
        )

    @property
    def needs_live_model(self) -> bool:
        """Whether the model in training evaluates rollouts."""
        return (self.uses_blind_finish and self.finisher == "live") or self.expected or self.causal > 0

    def total(
        self,
        format_part: float,
        correct: float,
        consistent: float,
        *,
        finish: float = 0.0,
        finish_only: bool = False,
        factor: float = 1.0,
    ) -> float:
        """The total of parts in [0, 1], in the unit of the weights.

        `finish_only`: only the blind finish counts; `factor` multiplies the correct part.
        """
        f, right = self.format * format_part, factor * self.correct_part(correct, finish, finish_only)
        if self.combine == "multiplicative":
            return (f + right) * consistent
        if self.combine == "gated":
            return f + right + self.consistency * correct * consistent
        return f + right + self.consistency * consistent

    def correct_part(self, correct: float, finish: float = 0.0, finish_only: bool = False) -> float:
        """The reward for correctness: c·C + b·B, or (c + b)·B."""
        if finish_only:
            return (self.correct + self.finish) * finish
        return self.correct * correct + self.finish * finish
