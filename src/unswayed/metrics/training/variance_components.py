"""Variance components of arms and of the seeds within them: do seeds differ more than recipes?

Model: the value of a question in a run = arm + seed within arm + arm by question + residual, with questions
crossed (the same for all runs). Components are the method of moments on mean squares (Searle, Casella &
McCulloch 1992, Variance Components, ch. 4 and 5; arms of unequal seeds by unweighted means). On balanced data
without negative components these are the REML estimates. The sampling of questions is a component of its own,
so that a small number of questions does not appear as variance between seeds. Intervals: a parametric
bootstrap of the mean squares' chi-square pivots (generalized confidence intervals, Weerahandi 1993, JASA
88:899).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unswayed.metrics.stats import LEVEL, Floats
from unswayed.metrics.summary import Estimate

MIN_SEEDS = 3
"""Seeds that every arm must have for a decision; the variance of two seeds rests on one difference."""
RESAMPLES = 4000


@dataclass(frozen=True)
class Components:
    """Variances between runs by source, in the square of the measure's unit."""

    recipe: float
    """Between arms, 0 or more."""
    seed: float
    """Between seeds of one arm, 0 or more."""
    share: Estimate
    """seed / (seed + recipe) with its interval; no value where both are 0. n counts runs."""
    arms: int
    fewest: int
    """Seeds of the arm that has the fewest."""

    @property
    def enough(self) -> bool:
        """Whether there are at least two arms with `MIN_SEEDS` seeds each."""
        return self.arms >= 2 and self.fewest >= MIN_SEEDS


def variance_components(
    runs: Sequence[Floats], rng: np.random.Generator, resamples: int = RESAMPLES
) -> Components | None:
    """Components of `runs`: one array per arm, shape (seeds, groups of questions), without nan.

    Arms may have different numbers of seeds. None with fewer than two arms, no arm of two seeds, or fewer
    than two groups.
    """
    counts = np.array([len(arm) for arm in runs])
    arms, groups = len(runs), runs[0].shape[1] if runs else 0
    seed_dof = int((counts - 1).sum())
    if arms < 2 or seed_dof < 1 or groups < 2:
        return None
    seeds = float(arms / np.sum(1 / counts))  # harmonic mean
    means = np.stack([arm.mean(axis=0) for arm in runs])  # (arms, groups)
    within = sum(float(np.sum((a.mean(axis=1) - a.mean()) ** 2)) for a in runs) * groups / seed_dof
    residual_square = sum(float(np.sum(_residual(a) ** 2)) for a in runs) / (seed_dof * (groups - 1))
    between = groups * seeds * float(means.mean(axis=1).var(ddof=1))
    crossed = seeds * float(np.sum(_residual(means) ** 2)) / ((arms - 1) * (groups - 1))
    squares = np.array([between, within, crossed, residual_square])
    freedom = np.array([arms - 1, seed_dof, (arms - 1) * (groups - 1), seed_dof * (groups - 1)])

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
    """Interaction residuals of a table, shape (rows, columns): row and column means are subtracted."""
    residual: Floats = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + table.mean()
    return residual
