"""How a claim is decided from its parts: one rule for claims on an audit and on training.

A claim is a few numbers, each predicted to lie above a threshold (0, or minus the smallest effect of
interest). It *holds* where the 95 % interval of every part lies above its threshold (an intersection-union
test, Berger 1982, Technometrics 24:295: no correction is needed). It *does not hold* where a part lies below
its threshold after Holm's correction over the claim's parts. Otherwise it is *undecided*.
"""

from __future__ import annotations

from collections.abc import Sequence

import scipy  # scipy.special is loaded at its first use; scipy.stats would take a second more

from unswayed.metrics.stats import LEVEL, holm, normal_quantile
from unswayed.metrics.summary import ClaimPart, Estimate, Verdict


def normal_p_value(e: Estimate, threshold: float) -> float | None:
    """Two-sided p-value of "the value equals `threshold`", with the standard error of the 95 % interval of
    `e` under a normal distribution; None without an interval."""
    if e.value is None or e.low is None or e.high is None:
        return None
    error = (e.high - e.low) / (2 * normal_quantile())
    if error == 0:
        return float(e.value == threshold)
    return float(2 * scipy.special.ndtr(-abs(e.value - threshold) / error))


def verdict(parts: Sequence[ClaimPart]) -> Verdict:
    """The verdict over measured `parts`; see the module's docstring."""

    def above(part: ClaimPart) -> bool:
        return part.estimate.low is not None and part.estimate.low > part.threshold

    either = [part for part in parts if part.either]
    if all(above(part) for part in parts if not part.either) and (not either or any(map(above, either))):
        return "holds"
    below = [
        part.estimate.value is not None
        and part.estimate.value < part.threshold
        and p is not None
        and p < 1 - LEVEL
        for part, p in zip(parts, holm([part.p for part in parts]), strict=True)
    ]
    fails = any(b for part, b in zip(parts, below, strict=True) if not part.either)
    neither = bool(either) and all(b for part, b in zip(parts, below, strict=True) if part.either)
    return "does not hold" if fails or neither else "undecided"
