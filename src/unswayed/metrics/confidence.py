"""How a condition shifts the option probabilities, paired by question.

For one question, Delta P = P(right option) under the condition minus P under base; Delta H is the same for
the letter entropy, in nats and divided by ln K. K is the number of options of that trial, so an added abstain
option changes it. Means have clustered t intervals; their p-values are those of the clustered t statistic.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unswayed.metrics.columns import Columns
from unswayed.metrics.paired import BASE
from unswayed.metrics.stats import Floats, Ints, mean, mean_p_value
from unswayed.metrics.summary import Estimate

SHIFTS = ("p_correct_shift", "entropy_shift", "entropy_shift_relative")
TESTED = SHIFTS[:2]
"""Shifts with a p-value of their own; the third is the second on another scale."""
_BOUNDS = (-1.0, 1.0)


@dataclass(frozen=True)
class Shift:
    """The mean paired shift of one quantity."""

    estimate: Estimate
    p: float | None
    """Two-sided p-value of "no shift"; None with fewer than two groups."""


def confidence_shifts(c: Columns, condition: str) -> dict[str, Shift]:
    """Shifts from base to `condition` by the names in `SHIFTS`; empty where no pair has probabilities."""
    base, other = c.pairs(BASE, condition)
    values = {
        "p_correct_shift": (c.p_correct, _BOUNDS),
        "entropy_shift": (c.entropy, (-np.inf, np.inf)),
        "entropy_shift_relative": (c.relative_entropy, _BOUNDS),
    }
    shifts = {}
    for name, (quantity, bounds) in values.items():
        delta, cluster = paired_shift(c, quantity, base, other)
        if len(delta):
            shifts[name] = Shift(mean(delta, cluster, bounds), mean_p_value(delta, cluster))
    return shifts


def paired_shift(c: Columns, quantity: Floats, first: Ints, second: Ints) -> tuple[Floats, Ints]:
    """`quantity` in rows `second` minus that in the aligned rows `first`, where both are known; and the
    groups."""
    delta: Floats = quantity[second] - quantity[first]
    known = ~np.isnan(delta)
    return delta[known], c.cluster[first[known]]
