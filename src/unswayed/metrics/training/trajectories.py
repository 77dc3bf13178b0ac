"""Measures over training steps: their change, their differences between arms, and intervals for both.

A number of a study varies for two reasons: other questions could have been asked, and other seeds could
have been trained. Every seed is asked the same questions, so the two factors are crossed, not nested.

* Groups of questions are resampled by a bootstrap that draws the same groups for every seed, step and arm,
  so that all comparisons are paired by question.
* The variance between the seeds of an arm is added in closed form. Seeds of different arms are independent.
* The interval is Student's t with the degrees of freedom of both sources (Satterthwaite 1946, Biometrics
  Bull. 2:110), because percentiles of two or three seeds are meaningless.

The sum counts the variance of the seed-by-question interaction twice, so intervals are conservative
(Owen 2007, Ann. Appl. Stat. 1:386). For shares, two pseudo-groups that differ, one in each direction, are
added to the variance as in `stats.difference`: where all questions agree, the bootstrap variance alone
would be zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy  # scipy.special is loaded at its first use; scipy.stats would take a second more

from unswayed.metrics.stats import LEVEL, Floats, Ints
from unswayed.metrics.summary import Estimate

RESAMPLES = 500
"""Bootstrap resamples; the standard error from 500 has a relative error of 3 %."""


@dataclass(frozen=True)
class Series:
    """One measure under one condition through the training of one arm. Arrays: (seeds, steps, groups)."""

    arm: str
    seeds: tuple[int, ...]
    steps: Ints
    """Shape (steps,), rising."""
    total: Floats
    """Sum of the measure over the rows of a group of questions."""
    count: Floats
    """Rows in the denominator; the measure is sum of `total` over sum of `count`."""

    @cached_property
    def values(self) -> Floats:
        """The measure by seed and step, shape (seeds, steps); nan where nothing could be counted."""
        return _ratio(self.total.sum(axis=2), self.count.sum(axis=2))

    @cached_property
    def is_share(self) -> bool:
        """Whether the measure is a share: every total is a count of rows."""
        whole = self.total == np.round(self.total)
        return bool((whole & (self.total >= 0) & (self.total <= self.count)).all())

    def at(self, step: int) -> Floats:
        """Weights, shape (steps,), that select one step."""
        mask: Floats = (self.steps == step).astype(float)
        return mask

    @property
    def complete(self) -> Ints:
        """Indices of the steps that every seed has."""
        indices: Ints = np.flatnonzero(~np.isnan(self.values).any(axis=0))
        return indices


@dataclass(frozen=True)
class Bootstrap:
    """Resampled groups of questions: counts of each group in each resample."""

    weights: Floats
    """Counts, shape (groups, resamples)."""

    @classmethod
    def make(cls, groups: int, rng: np.random.Generator, resamples: int = RESAMPLES) -> Bootstrap:
        """Draws as many groups as there are, with replacement."""
        return cls(rng.multinomial(groups, np.full(groups, 1 / groups), resamples).T.astype(float))

    def values(self, series: Series) -> Floats:
        """The measure in every resample, shape (seeds, steps, resamples)."""
        if series.total.shape[2] == 1:  # not measured by question: nothing to resample
            return np.repeat(series.values[:, :, None], self.weights.shape[1], axis=2)
        return _ratio(series.total @ self.weights, series.count @ self.weights)


@dataclass(frozen=True)
class Effect:
    """An estimate over questions and seeds, from which an interval at any level can be computed."""

    value: float
    error: float | None
    """Standard error; None where neither seeds nor questions are enough for one."""
    dof: float
    """Degrees of freedom of the t distribution."""
    n: int
    """Groups of questions; 1 where the measure is not stored by question."""
    seeds: int
    """Seeds behind it, of the arm that has the fewest."""

    def interval(self, level: float = LEVEL) -> tuple[float, float] | None:
        """The t interval; None without a standard error."""
        if self.error is None:
            return None
        half = float(scipy.special.stdtrit(self.dof, (1 + level) / 2)) * self.error
        return self.value - half, self.value + half

    @property
    def p(self) -> float | None:
        """Two-sided p-value of the hypothesis that the value is zero."""
        if self.error is None:
            return None
        if self.error == 0:
            return float(self.value == 0)
        return float(2 * scipy.special.stdtr(self.dof, -abs(self.value) / self.error))

    def times(self, factor: float) -> Effect:
        """The effect in another unit; `factor` must be above zero."""
        error = None if self.error is None else factor * self.error
        return Effect(factor * self.value, error, self.dof, self.n, self.seeds)

    @property
    def estimate(self) -> Estimate:
        """The value with its 95 % interval."""
        low, high = self.interval() or (None, None)
        return Estimate(self.value, low, high, self.n)


Term = tuple[Series, Floats]
"""A series and weights over its steps, shape (steps,)."""


def effect(terms: Sequence[Term], bootstrap: Bootstrap) -> Effect | None:
    """Sum over `terms` of the weighted steps of each series, averaged over the seeds of its arm.

    A seed that lacks a step with a nonzero weight is left out. None where an arm has no seed left, or
    without terms.
    """
    value, resampled = 0.0, np.zeros(bootstrap.weights.shape[1])
    between, seed_dof, min_seeds, groups, minimum_weights = 0.0, 0.0, 0, 1, 0.0
    for arm in dict.fromkeys(series.arm for series, _ in terms):
        arm_terms = [term for term in terms if term[0].arm == arm]
        seeds = sorted(set.intersection(*(_usable(*term) for term in arm_terms)))
        if not seeds:
            return None
        by_seed = np.zeros(len(seeds))
        for series, weights in arm_terms:
            rows = np.array([series.seeds.index(s) for s in seeds])
            steps = np.flatnonzero(weights)
            by_seed += series.values[np.ix_(rows, steps)] @ weights[steps]
            part = Series(
                arm,
                tuple(seeds),
                series.steps[steps],
                series.total[np.ix_(rows, steps)],
                series.count[np.ix_(rows, steps)],
            )
            minimum_weights += float(np.sum(weights[steps] ** 2)) if series.is_share else 0.0
            resampled += np.einsum("stb,t->b", np.nan_to_num(bootstrap.values(part)), weights[steps]) / len(
                seeds
            )
            groups = max(groups, int((part.count.sum(axis=(0, 1)) > 0).sum()))
        value += float(by_seed.mean())
        if len(seeds) > 1:
            spread = float(by_seed.var(ddof=1)) / len(seeds)
            between += spread
            seed_dof += spread**2 / (len(seeds) - 1)
        min_seeds = min(min_seeds or len(seeds), len(seeds))
    if not terms:
        return None
    within = float(resampled.var(ddof=1)) + 2 * minimum_weights / (groups + 2) ** 2 if groups > 1 else 0.0
    has_error = groups > 1 or min_seeds > 1
    total_variance = between + within
    dof_terms = seed_dof + (within**2 / (groups - 1) if groups > 1 else 0.0)
    return Effect(
        value,
        math.sqrt(total_variance) if has_error else None,
        total_variance**2 / dof_terms if dof_terms > 0 else max(1.0, groups - 1.0),
        groups,
        min_seeds,
    )


def value_at(series: Series, step: int, bootstrap: Bootstrap) -> Effect | None:
    """The measure at one step; None where that step was not measured."""
    return effect([(series, series.at(step))], bootstrap) if step in series.steps else None


def fitted_change(series: Series, bootstrap: Bootstrap) -> Effect | None:
    """Change from the first to the last step by the fitted line (see `slope_weights`); None with fewer than
    two steps."""
    weights = slope_weights(series)
    return None if weights is None else effect([(series, weights)], bootstrap)


def slope_weights(series: Series) -> Floats | None:
    """Weights, shape (steps,), of the least-squares slope times the steps between first and last.

    The line is fitted to the steps that every seed has; None where these are fewer than two.
    """
    used = series.complete
    if len(used) < 2:
        return None
    x = series.steps[used].astype(float)
    weights = np.zeros(len(series.steps))
    weights[used] = (x - x.mean()) / float(np.sum((x - x.mean()) ** 2)) * (x[-1] - x[0])
    return weights


def arm_difference(first: Series, second: Series, step: int, bootstrap: Bootstrap) -> Effect | None:
    """The measure of `first` minus that of `second` at one step, paired by question."""
    if step not in first.steps or step not in second.steps:
        return None
    return effect([(first, first.at(step)), (second, -second.at(step))], bootstrap)


def _usable(series: Series, weights: Floats) -> set[int]:
    """Seeds that have every step with a weight."""
    picked = series.values[:, weights != 0]
    return {seed for seed, row in zip(series.seeds, picked, strict=True) if not np.isnan(row).any()}


def _ratio(total: Floats, count: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio: Floats = np.where(count > 0, total / count, np.nan)
    return ratio
