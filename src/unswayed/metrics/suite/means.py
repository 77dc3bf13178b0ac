"""Weighted sums of estimates from separate samples."""

from __future__ import annotations

import math
from collections.abc import Sequence

from unswayed.metrics.summary import Estimate


def weighted_sum(
    parts: Sequence[tuple[Estimate, float]], bounds: tuple[float, float] = (0.0, 1.0)
) -> Estimate:
    """The sum of weight x value over independent samples, within `bounds`; n is the sum of theirs.

    Its interval combines theirs (Zou & Donner 2008, Stat. Med. 27:1693): the squared distances of the lower
    limits from the values add up, and so do those of the upper limits. None where a value is not known,
    no interval where one has none. Weights must not be negative.
    """
    value, below, above, n = 0.0, 0.0, 0.0, 0
    known = True
    for estimate, weight in parts:
        if estimate.value is None:
            return Estimate(None)
        value += weight * estimate.value
        n += estimate.n
        if estimate.low is None or estimate.high is None:
            known = False
            continue
        below += (weight * (estimate.value - estimate.low)) ** 2
        above += (weight * (estimate.high - estimate.value)) ** 2
    if not parts or not known:
        return Estimate(value if parts else None, n=n)
    return Estimate(
        value, max(bounds[0], value - math.sqrt(below)), min(bounds[1], value + math.sqrt(above)), n
    )


def mean_over_benchmarks(
    parts: Sequence[Estimate], bounds: tuple[float, float] = (-math.inf, math.inf)
) -> Estimate:
    """The unweighted mean of one measure over several benchmarks, whose questions are independent."""
    return weighted_sum([(part, 1 / len(parts)) for part in parts], bounds)
