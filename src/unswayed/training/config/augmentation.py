"""Table `augment` of a config: the share of training questions that is put under each condition."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from unswayed.errors import BadInput

PAIRS = (("wrong-caption", "correct-caption"), ("wrong-think", "correct-think"))
"""Wrong and correct condition of each kind of cue."""


@dataclass(frozen=True)
class AugmentSettings:
    """Share of the questions under each condition; the rest has no cue.

    The paper augments 10 % each with correct and wrong captions and thoughts.
    """

    wrong_caption: float = 0.0
    """Share under `wrong-caption`."""
    correct_caption: float = 0.0
    """Share under `correct-caption`."""
    wrong_think: float = 0.0
    """Share under `wrong-think`."""
    correct_think: float = 0.0
    """Share under `correct-think`."""
    balanced: bool = True
    """Refuse unequal shares of wrong and correct cues of one kind."""
    groups: Literal["same", "paired"] = "same"
    """`same`: all rollouts of a group have the same condition. `paired`: of an augmented question a third of
    the rollouts has the wrong cue, as many have the correct one, and the rest has none; all share one
    baseline. The shares of wrong and correct cues are then added up."""

    def __post_init__(self) -> None:
        shares = self.by_condition()
        for name, share in shares.items():
            if not 0 <= share <= 1:
                raise BadInput(f"augment.{name.replace('-', '_')} is {share}; a share is from 0 to 1")
        if sum(shares.values()) > 1 + 1e-9:
            raise BadInput(f"the augment shares add up to {sum(shares.values()):g}; the maximum is 1")
        for wrong, correct in PAIRS:
            if self.balanced and not math.isclose(shares[wrong], shares[correct]):
                raise BadInput(
                    f"augment shares of {wrong} ({shares[wrong]:g}) and {correct} ({shares[correct]:g}) "
                    "differ, so that following or negating cues would be rewarded; make them equal, or set "
                    "augment.balanced = false"
                )

    def by_condition(self) -> dict[str, float]:
        """Share by condition name, without the rest that has no cue."""
        return {
            "wrong-caption": self.wrong_caption,
            "correct-caption": self.correct_caption,
            "wrong-think": self.wrong_think,
            "correct-think": self.correct_think,
        }
