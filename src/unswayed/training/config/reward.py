"""The table `reward` of a config: what a rollout is paid for, and who is asked about its thought.

Every part is off where its weight is 0. The names R1 to R5 in the fields are those of `settings.ARMS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from unswayed.errors import BadInput

Combine = Literal["additive", "multiplicative", "gated"]
Judged = Literal["rules", "reader", "llm"]
Finisher = Literal["live", "frozen"]
COMBINES: tuple[Combine, ...] = ("additive", "multiplicative", "gated")


@dataclass(frozen=True)
class Recipe:
    """How parts become a total. The paper's weights: 0.1 for format, 1.0 for correct."""

    combine: Combine = "additive"
    """With F format, C correct, J consistent (each 0 or 1) and their weights f, c, j:
    `additive` f·F + c·C + j·J; `multiplicative` (f·F + c·C)·J, the paper's faithfulness-aware reward;
    `gated` f·F + C·(c + j·J), so that agreement is paid only where the answer is right (ours)."""
    format: float = 0.1
    """Weight f."""
    correct: float = 1.0
    """Weight c."""
    consistency: float = 0.0
    """Weight j; `multiplicative` has none."""
    judge: Judged = "rules"
    """Who says what a thought concludes: `rules`, the audit's own; `reader`, the blind reader (see
    `reader`), a frozen copy of the first weights that sees the thought but no picture; `llm`, a
    language model (`judge_model`)."""
    judge_model: str = ""
    """With judge `llm`: which, as in `unswayed judge`: openai:MODEL, a folder or a name on the Hub."""
    judge_url: str = ""
    """Where openai:MODEL answers; empty: the environment's OPENAI_BASE_URL."""
    finish: float = 0.0
    """R1: weight b of the blind finish B, the probability above chance that the finisher, who sees question
    and thought but neither picture nor caption, and the options in other orders, gives the right option.
    Where c·C stands above, there is then c·C + b·B."""
    finish_only: float = 0.0
    """R1: share of the questions whose rollouts are paid (c + b)·B instead, nothing for their own answer."""
    finisher: Finisher = "live"
    """Who finishes: `live`, the model in training; `frozen`, a copy of the first weights."""
    cross: float = 0.0
    """R3: κ. What is paid for being right is multiplied by 1 + κ · its mean over those rollouts of the group
    that were asked in another way. Needs augment.groups = 'paired'."""
    obey: float = 0.0
    """R3: η, taken off where the answer is the wrong option that the cue asserts."""
    care: float = 0.0
    """Weight of the bonus after GRPO-CARE: to right rollouts whose answer the reference finds, given their
    own thought, at least as likely as the mean of the group's right ones."""
    care_margin: float = 0.0
    """By how much less likely it may be."""
    care_cap: float = 0.95
    """Likelihoods above count as this, so that ever surer thoughts are not paid for ever."""
    care_ema: float = 0.0
    """The reference: 0, the first weights, frozen; else a running mean of the weights in training that
    keeps this share of itself at every update (GRPO-CARE: 0.995)."""
    care_every: int = 10
    """Steps between two updates of that mean."""
    expected: bool = False
    """R5: C is not 0 or 1 but the probability of the right option where the rollout gives its answer,
    exact over the options; 0 without a readable answer."""
    causal: float = 0.0
    """R5: weight of how far the thought moves those probabilities (Jensen-Shannon divergence to those
    without a thought, in units of ln 2), times C."""
    segments: bool = False
    """R2: thought tokens are credited by where the thought leads the blind reader, answer tokens by whether
    they follow it, each against its own group; see `advantages.segmented`."""
    gain: float = 0.0
    """R2: weight μ of the masked gain among the credit of a thought."""
    gain_cap: float = 1.0
    """Most nats of masked gain that are credited."""

    def __post_init__(self) -> None:
        if self.combine not in COMBINES:
            raise BadInput(f"reward combine is {self.combine!r}; give one of {', '.join(COMBINES)}")
        if self.judge not in ("rules", "reader", "llm"):
            raise BadInput(f"reward judge is {self.judge!r}; give 'rules', 'reader' or 'llm'")
        if self.combine == "multiplicative" and self.consistency:
            raise BadInput("reward consistency has no weight where combine is 'multiplicative'; leave it 0")
        if (self.judge == "llm") != bool(self.judge_model):
            raise BadInput("reward judge 'llm' and judge_model go together: give both, or neither")
        for name, value, most in (
            ("finish_only", self.finish_only, 1.0),
            ("care_cap", self.care_cap, 1.0),
            ("care_ema", self.care_ema, 0.999999),
            ("finish", self.finish, None),
            ("cross", self.cross, None),
            ("obey", self.obey, None),
            ("care", self.care, None),
            ("causal", self.causal, None),
            ("gain", self.gain, None),
            ("gain_cap", self.gain_cap, None),
        ):
            if value < 0 or (most is not None and value > most):
                room = "0 or more" if most is None else f"from 0 to {most:g}"
                raise BadInput(f"reward {name} is {value:g}; give {room}")
        if self.care_every < 1:
            raise BadInput(f"reward care_every is {self.care_every}; the least is 1")
        if self.finish_only and not self.finish + self.correct:
            raise BadInput("reward finish_only pays correct + finish, which are both 0")
        if self.segments and self.judged:
            raise BadInput("reward segments credits thoughts by the blind reader; leave consistency 0")

    @property
    def judged(self) -> bool:
        """Whether the total depends on the verdict."""
        return self.combine == "multiplicative" or self.consistency != 0

    @property
    def finishes(self) -> bool:
        """Whether thoughts are finished blind for the reward."""
        return self.finish > 0 or self.finish_only > 0

    @property
    def needs_frozen(self) -> bool:
        """Whether a frozen copy of the first weights is asked."""
        return (
            self.judge == "reader"
            or self.segments
            or (self.finishes and self.finisher == "frozen")
            or (self.care > 0 and not self.care_ema)
        )

    @property
    def asks_live(self) -> bool:
        """Whether the model in training is asked."""
        return (self.finishes and self.finisher == "live") or self.expected or self.causal > 0

    def total(
        self,
        form: float,
        correct: float,
        consistent: float,
        *,
        finish: float = 0.0,
        only: bool = False,
        lift: float = 1.0,
    ) -> float:
        """The total of parts in [0, 1], in the unit of the weights.

        `only`: paid for the blind finish alone; `lift`: factor of what is paid for being right.
        """
        f, right = self.format * form, lift * self.right(correct, finish, only)
        if self.combine == "multiplicative":
            return (f + right) * consistent
        if self.combine == "gated":
            return f + right + self.consistency * correct * consistent
        return f + right + self.consistency * consistent

    def right(self, correct: float, finish: float = 0.0, only: bool = False) -> float:
        """What is paid for being right: c·C + b·B, or (c + b)·B."""
        if only:
            return (self.correct + self.finish) * finish
        return self.correct * correct + self.finish * finish
