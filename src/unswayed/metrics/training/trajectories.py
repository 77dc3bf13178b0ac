"""Measures that move while a model trains: their change, their gaps between arms, and how sure these are.

A number of a study varies for two reasons: other questions could have been asked, and other seeds could
have been trained. Every seed is asked the same questions, so the two are crossed, not nested. Decided here:
groups of questions are resampled by a bootstrap that draws the same groups for every seed, step and arm,
so that all comparisons are paired by question; the spread between the seeds of an arm is added in closed
form; and Student's t, on the degrees of freedom that both sources leave (Satterthwaite 1946, Biometrics
Bull. 2:110), makes the interval, because a percentile of two or three seeds is none. Adding the two counts
the noise that is peculiar to seed *and* question twice, so intervals err on the wide side (Owen 2007, Ann.
Appl. Stat. 1:386). Seeds of different arms count as independent draws. Of
shares, two groups that differ, one each way, join the variance, as in `stats.difference`: where all questions
agree a bootstrap alone would be sure of itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import stats as _stats

from unswayed.metrics.stats import LEVEL, Floats, Ints
from unswayed.metrics.summary import Estimate

RESAMPLES = 500
"""Bootstrap draws: a standard error from 500 is good to 3 %."""


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
    def counts(self) -> bool:
        """Whether the measure is a share of rows that are, or are not, something."""
        whole = self.total == np.round(self.total)
        return bool((whole & (self.total >= 0) & (self.total <= self.count)).all())

    def at(self, step: int) -> Floats:
        """Weights, shape (steps,), that pick one step."""
        found: Floats = (self.steps == step).astype(float)
        return found

    @property
    def complete(self) -> Ints:
        """Places of the steps that every seed has."""
        found: Ints = np.flatnonzero(~np.isnan(self.values).any(axis=0))
        return found


@dataclass(frozen=True)
class Draws:
    """How often each group of questions comes up in each bootstrap draw, shape (groups, draws)."""

    weights: Floats

    @classmethod
    def make(cls, groups: int, rng: np.random.Generator, resamples: int = RESAMPLES) -> Draws:
        """`groups` are drawn with replacement, as many as there are."""
        return cls(rng.multinomial(groups, np.full(groups, 1 / groups), resamples).T.astype(float))

    def values(self, series: Series) -> Floats:
        """The measure in every draw, shape (seeds, steps, draws)."""
        if series.total.shape[2] == 1:  # not measured question by question: there is nothing to draw
            return np.repeat(series.values[:, :, None], self.weights.shape[1], axis=2)
        return _ratio(series.total @ self.weights, series.count @ self.weights)


@dataclass(frozen=True)
class Effect:
    """A number of a study with what is needed for its interval at any level."""

    value: float
    error: float | None
    """Standard error; None where neither seeds nor questions are enough for one."""
    freedom: float
    """Degrees of freedom of the t distribution."""
    n: int
    """Groups of questions; 1 where the measure is not known question by question."""
    seeds: int
    """Fewest seeds of an arm that stand behind it."""

    def interval(self, level: float = LEVEL) -> tuple[float, float] | None:
        """The t interval; None without a standard error."""
        if self.error is None:
            return None
        half = float(_stats.t.ppf((1 + level) / 2, self.freedom)) * self.error
        return self.value - half, self.value + half

    @property
    def p(self) -> float | None:
        """Two-sided p of "it is zero"."""
        if self.error is None:
            return None
        if self.error == 0:
            return float(self.value == 0)
        return float(2 * _stats.t.sf(abs(self.value) / self.error, self.freedom))

    def times(self, factor: float) -> Effect:
        """In another unit; `factor` is above zero."""
        error = None if self.error is None else factor * self.error
        return Effect(factor * self.value, error, self.freedom, self.n, self.seeds)

    @property
    def estimate(self) -> Estimate:
        """With its 95 % interval."""
        low, high = self.interval() or (None, None)
        return Estimate(self.value, low, high, self.n)


Term = tuple[Series, Floats]
"""A series and weights over its steps, shape (steps,)."""


def effect(terms: Sequence[Term], draws: Draws) -> Effect | None:
    """The sum over `terms` of the weighted steps of each, averaged over the seeds of its arm.

    A seed of an arm that lacks a step with a weight is left out; None where no seed of an arm is left, or
    there are no terms.
    """
    value, drawn = 0.0, np.zeros(draws.weights.shape[1])
    between, freedom, fewest, groups, swing = 0.0, 0.0, 0, 1, 0.0
    for arm in dict.fromkeys(series.arm for series, _ in terms):
        mine = [term for term in terms if term[0].arm == arm]
        seeds = sorted(set.intersection(*(_usable(*term) for term in mine)))
        if not seeds:
            return None
        each = np.zeros(len(seeds))
        for series, weights in mine:
            rows = np.array([series.seeds.index(s) for s in seeds])
            used = np.flatnonzero(weights)
            each += series.values[np.ix_(rows, used)] @ weights[used]
            part = Series(
                arm,
                tuple(seeds),
                series.steps[used],
                series.total[np.ix_(rows, used)],
                series.count[np.ix_(rows, used)],
            )
            swing += float(np.sum(weights[used] ** 2)) if series.counts else 0.0
            drawn += np.einsum("stb,t->b", np.nan_to_num(draws.values(part)), weights[used]) / len(seeds)
            groups = max(groups, int((part.count.sum(axis=(0, 1)) > 0).sum()))
        value += float(each.mean())
        if len(seeds) > 1:
            spread = float(each.var(ddof=1)) / len(seeds)
            between += spread
            freedom += spread**2 / (len(seeds) - 1)
        fewest = min(fewest or len(seeds), len(seeds))
    if not terms:
        return None
    within = float(drawn.var(ddof=1)) + 2 * swing / (groups + 2) ** 2 if groups > 1 else 0.0
    known = groups > 1 or fewest > 1
    both = between + within
    loose = freedom + (within**2 / (groups - 1) if groups > 1 else 0.0)
    return Effect(
        value,
        math.sqrt(both) if known else None,
        both**2 / loose if loose > 0 else max(1.0, groups - 1.0),
        groups,
        fewest,
    )


def level(series: Series, step: int, draws: Draws) -> Effect | None:
    """The measure at one step; None where that step was not measured."""
    return effect([(series, series.at(step))], draws) if step in series.steps else None


def rise(series: Series, draws: Draws) -> Effect | None:
    """Change over the whole training by the line fitted to its steps; see `line`. None below two steps."""
    weights = line(series)
    return None if weights is None else effect([(series, weights)], draws)


def line(series: Series) -> Floats | None:
    """Weights, shape (steps,), of the least-squares slope times the steps between first and last.

    Over the steps that every seed has; None where these are fewer than two.
    """
    used = series.complete
    if len(used) < 2:
        return None
    x = series.steps[used].astype(float)
    weights = np.zeros(len(series.steps))
    weights[used] = (x - x.mean()) / float(np.sum((x - x.mean()) ** 2)) * (x[-1] - x[0])
    return weights


def gap(first: Series, second: Series, step: int, draws: Draws) -> Effect | None:
    """The measure of `first` minus that of `second` at one step, paired by question."""
    if step not in first.steps or step not in second.steps:
        return None
    return effect([(first, first.at(step)), (second, -second.at(step))], draws)


def _usable(series: Series, weights: Floats) -> set[int]:
    """Seeds that have every step with a weight."""
    picked = series.values[:, weights != 0]
    return {seed for seed, row in zip(series.seeds, picked, strict=True) if not np.isnan(row).any()}


def _ratio(total: Floats, count: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = np.where(count > 0, total / count, np.nan)
    return found
