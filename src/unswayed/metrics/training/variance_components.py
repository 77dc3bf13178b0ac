"""Do seeds differ more than recipes? Variance components of arms and of the seeds within them.

The model: value of a question under a run = arm + seed within arm + arm by question + what is left, with
questions crossed (the same for all). Components are the method of moments on mean squares (Searle, Casella
& McCulloch 1992, Variance Components, ch. 4 and 5; arms of unequal seeds by unweighted means), which on
balanced data where none is negative are the REML estimates. What other questions would change is a component
of its own, so that few questions do not make seeds look different. Intervals: a parametric bootstrap of the
mean squares' chi-square pivots (generalized confidence intervals, Weerahandi 1993, JASA 88:899).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unswayed.metrics.stats import LEVEL, Floats
from unswayed.metrics.summary import Estimate

LEAST_SEEDS = 3
"""Seeds that every arm must have before anything is decided: of two, the spread is one difference."""
DRAWS = 4000


@dataclass(frozen=True)
class Components:
    """Where the differences between runs come from; variances in the square of the measure's unit."""

    recipe: float
    """Between arms; never below 0."""
    seed: float
    """Between seeds of one arm; never below 0."""
    share: Estimate
    """seed / (seed + recipe), with its interval; no value where both are 0. n: runs."""
    arms: int
    fewest: int
    """Seeds of the arm that has the fewest."""

    @property
    def enough(self) -> bool:
        """Whether there are arms and seeds enough to decide anything."""
        return self.arms >= 2 and self.fewest >= LEAST_SEEDS


def components(runs: Sequence[Floats], rng: np.random.Generator, resamples: int = DRAWS) -> Components | None:
    """Components of `runs`: one array an arm, shape (seeds, groups of questions), no nan.

    Arms may have different numbers of seeds. None with fewer than two arms, no arm of two seeds, or fewer
    than two groups.
    """
    counts = np.array([len(arm) for arm in runs])
    arms, groups = len(runs), runs[0].shape[1] if runs else 0
    loose = int((counts - 1).sum())
    if arms < 2 or loose < 1 or groups < 2:
        return None
    seeds = float(arms / np.sum(1 / counts))  # harmonic mean
    means = np.stack([arm.mean(axis=0) for arm in runs])  # (arms, groups)
    within = sum(float(np.sum((a.mean(axis=1) - a.mean()) ** 2)) for a in runs) * groups / loose
    left = sum(float(np.sum(_residual(a) ** 2)) for a in runs) / (loose * (groups - 1))
    between = groups * seeds * float(means.mean(axis=1).var(ddof=1))
    crossed = seeds * float(np.sum(_residual(means) ** 2)) / ((arms - 1) * (groups - 1))
    squares = np.array([between, within, crossed, left])
    freedom = np.array([arms - 1, loose, (arms - 1) * (groups - 1), loose * (groups - 1)])

    def split(m: Floats) -> tuple[Floats, Floats]:
        seed = (m[1] - m[3]) / groups
        return np.maximum(0.0, (m[0] - m[1] - m[2] + m[3]) / (seeds * groups)), np.maximum(0.0, seed)

    drawn = squares[:, None] * freedom[:, None] / rng.chisquare(freedom[:, None], (4, resamples))
    recipe, seed = split(drawn)
    known = recipe + seed > 0
    tail = (1 - LEVEL) / 2
    low, high = (
        np.quantile(seed[known] / (recipe + seed)[known], [tail, 1 - tail]) if known.any() else (None, None)
    )
    a, b = (float(x[0]) for x in split(squares[:, None]))
    value = b / (a + b) if a + b > 0 else None
    n = int(counts.sum())
    if value is None or low is None or high is None:
        share = Estimate(None, n=n)
    else:
        share = Estimate(value, float(low), float(high), n)
    return Components(a, b, share, arms, int(counts.min()))


def _residual(table: Floats) -> Floats:
    """What is left of a table, shape (rows, columns), once row and column means are taken out."""
    found: Floats = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + table.mean()
    return found
