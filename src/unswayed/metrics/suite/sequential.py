"""Confidence sequences of drops: intervals that may be looked at after every batch of questions.

An interval for a fixed number of questions does not cover when one stops as soon as it is narrow or clear
enough; a confidence sequence covers at all looks together.
"""

from __future__ import annotations

import math

import numpy as np

from unswayed.metrics.stats import LEVEL, Ints, cluster_sums
from unswayed.metrics.summary import Estimate

FIRST_LOOK = 64
"""Groups of questions before the first look: the sequence is valid asymptotically."""


def drop_sequence(delta: Ints, cluster: Ints, planned: int) -> Estimate:
    """The 95 % asymptotic confidence sequence of the mean of paired differences, at its present length.

    `delta` has values in {-1, 0, 1}, shape (n,), of the questions so far, in an order that does not depend on
    answers, and `cluster` their groups, each complete. `planned` is the number of groups at which the
    sequence is narrowest, fixed in advance. Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas 2024 (Ann. Stat.
    52:2613), theorem 2.2, with the variance of the ratio estimator over groups; two pseudo-groups that
    differ, one in each direction, keep it from zero (see `stats.difference`). No interval with fewer than two
    groups.
    """
    n = len(delta)
    if n == 0:
        return Estimate(None)
    total = cluster_sums(cluster, delta)
    size = cluster_sums(cluster, np.ones(n))
    value, t = float(delta.mean()), len(size)
    if t < 2:
        return Estimate(value, n=n)
    residual = (total - value * size) / size.mean()
    variance = (float(np.sum(residual**2)) + 2) / (t + 1)
    alpha = 1 - LEVEL
    rho2 = (-2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha))) / max(planned, 1)
    spread = t * rho2 + 1
    half = math.sqrt(variance * 2 * spread / (t * t * rho2) * math.log(math.sqrt(spread) / alpha))
    return Estimate(value, max(-1.0, value - half), min(1.0, value + half), n)


def looks(groups: int, first: int = FIRST_LOOK, growth: float = 1.25) -> list[int]:
    """Numbers of groups after which one looks: geometric, the last is all."""
    at, found = float(first), []
    while at < groups:
        found.append(int(at))
        at *= growth
    return [*found, groups]
