"""Table `floors` of a config: lower bounds on properties of the rollouts, per condition (arm R4)."""

from __future__ import annotations

from dataclasses import dataclass

from unswayed.training.config.common import require_range


@dataclass(frozen=True)
class FloorSettings:
    """Lower bounds on means per condition; 0 or less: no such bound."""

    agree: float = 0.0
    """Share of rollouts whose answer is the option that the blind reader infers from their thought."""
    gain: float = 0.0
    """Mean masked gain towards the correct option, in nats."""
    words: int = 0
    """Words in a rollout's own thought, its prefill not counted."""
    words_share: float = 0.9
    """Share of rollouts that must have so many words (0.9: the 10th percentile is at least `words`)."""
    entropy: float = 0.0
    """Mean entropy of a rollout's tokens, in nats; every rollout has the same weight."""
    rate: float = 0.05
    """Step size of the multipliers."""
    most: float = 2.0
    """Maximum of a multiplier."""
    memory: float = 0.9
    """Decay of the running means: the share of itself that a mean keeps at each step."""

    def __post_init__(self) -> None:
        for name, most in (("agree", 1.0), ("words_share", 1.0), ("memory", 0.9999)):
            require_range(f"floors.{name}", getattr(self, name), 0.0, most)
        for name in ("rate", "most", "gain", "entropy", "words"):
            require_range(f"floors.{name}", getattr(self, name), 0.0)

    @property
    def active(self) -> dict[str, float]:
        """Bound by signal name, for the bounds that are set."""
        bounds = {
            "agree": self.agree,
            "gain": self.gain,
            "words": self.words_share if self.words else 0.0,
            "entropy": self.entropy,
        }
        return {name: bound for name, bound in bounds.items() if bound > 0}

    @property
    def in_advantages(self) -> tuple[str, ...]:
        """Names of the active bounds that enter the advantages: all but entropy, which has a loss term."""
        return tuple(name for name in self.active if name != "entropy")

    @property
    def needs_frozen_model(self) -> bool:
        """Whether the blind reader is needed."""
        return self.agree > 0 or self.gain > 0
