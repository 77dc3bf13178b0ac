"""How sure a number is: intervals and tests for rows that come in groups.

Rows of one group (one picture, its flips, repeated samples) are one draw from nature, so every
interval and test here takes the group of each row. With one row a group each reduces to its
textbook form: Wilson's interval, the t interval, the exact McNemar test. Level: 95 % throughout.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats as _stats

from unswayed.metrics.summary import Estimate

Ints = npt.NDArray[np.integer]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

LEVEL = 0.95
_EXACT_UP_TO = 2000
_CHUNK = 4_000_000


def rng_for(seed: int, *names: str) -> np.random.Generator:
    """A generator for one named number, so that it does not change when other numbers are added."""
    return np.random.default_rng((seed, zlib.crc32("\0".join(names).encode())))


def wilson(p: float, n: float, quantile: float) -> tuple[float, float]:
    """Wilson's score interval for the share `p` of `n` draws (Wilson 1927, JASA 22:209)."""
    z2 = quantile * quantile / n
    centre = (p + z2 / 2) / (1 + z2)
    half = math.sqrt(z2 * (p * (1 - p) + z2 / 4)) / (1 + z2)
    # At 0 and 1 the bound is exact; rounding must not move it off.
    return (0.0 if p == 0 else max(0.0, centre - half)), (1.0 if p == 1 else min(1.0, centre + half))


def rate(hits: Bools, cluster: Ints) -> Estimate:
    """Share of true rows, shape (n,), with an interval that knows the rows' groups, shape (n,).

    One row a group: Wilson. Otherwise Wilson on the effective number of rows n / deff, deff being
    the ratio of the between-group (ratio estimator) variance to the binomial one, with Student's t
    on groups - 1 degrees (Korn & Graubard 1998, Survey Methodology 24:193; Dean & Pagano 2015,
    J. Surv. Stat. Methodol. 3:484). deff is not let below 1. Where all rows agree there is no
    variance to see, and groups count as one draw each.
    """
    n = len(hits)
    if n == 0:
        return Estimate(None)
    groups = len(np.unique(cluster))
    p = float(hits.mean())
    if groups == n:
        return Estimate(p, *wilson(p, n, _normal()), n)
    quantile = _normal() if groups == 1 else _student(groups)
    return Estimate(p, *wilson(p, effective(hits, cluster), quantile), n)


def effective(hits: Bools, cluster: Ints) -> float:
    """How many independent rows the share of true rows, shape (n,), is worth; see `rate`."""
    n = len(hits)
    size, total = _sums(cluster, hits)
    groups, p = len(size), float(hits.mean())
    if groups in (1, n):
        return float(groups)
    variance = _ratio_variance(size, total, p)
    found = p * (1 - p) / variance if variance > 0 else n * n / float(np.sum(size * size))
    return min(found, float(n))


def mean(values: Floats, cluster: Ints, bounds: tuple[float, float] = (-math.inf, math.inf)) -> Estimate:
    """Mean of rows, shape (n,), with the cluster-robust t interval of the ratio estimator.

    It is the closed form of a bootstrap over groups (Cochran 1977, Sampling Techniques, 6.3), cut to
    `bounds`. No interval with fewer than two groups.
    """
    n = len(values)
    if n == 0:
        return Estimate(None)
    size, total = _sums(cluster, values)
    value = float(values.mean())
    if len(size) < 2:
        return Estimate(value, n=n)
    half = _student(len(size)) * math.sqrt(_ratio_variance(size, total, value))
    return Estimate(value, max(bounds[0], value - half), min(bounds[1], value + half), n)


def difference(delta: Ints, cluster: Ints, resamples: int, rng: np.random.Generator) -> Estimate:
    """Mean of paired differences `delta` in {-1, 0, 1}, shape (n,), with a bootstrap over groups.

    Groups are resampled with replacement and the percentile interval is taken (Efron & Tibshirani
    1993, ch. 13). Groups with the same (sum, size) are interchangeable, so drawing how often each such
    pattern comes up (one multinomial a resample) is the same bootstrap at a fraction of the cost. Two
    pseudo-groups that differ, one each way, join the resampling, not the value: they keep the interval
    from collapsing to a point where few pairs differ (after Bonett & Price 2012, J. Educ. Behav. Stat.
    37:479, who add one pair each way). They differ by as much as real groups that differ do (root mean
    square; by all their pairs where none does).
    """
    n = len(delta)
    if n == 0:
        return Estimate(None)
    size, total = _sums(cluster, delta)
    typical = n / len(size)
    differing = total[total != 0]
    swing = math.sqrt(float(np.mean(differing**2))) if len(differing) else typical
    patterns, times = np.unique(np.stack([total, size], axis=1), axis=0, return_counts=True)
    sums = np.append(patterns[:, 0], [swing, -swing])
    sizes = np.append(patterns[:, 1], [typical, typical])
    chance = np.append(times, [1, 1]) / (len(size) + 2)
    step = max(1, _CHUNK // len(sums))
    means = []
    for start in range(0, resamples, step):
        draws = rng.multinomial(len(size) + 2, chance, size=min(step, resamples - start))
        means.append((draws @ sums) / (draws @ sizes))
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(np.concatenate(means), [tail, 1 - tail])
    return Estimate(float(delta.mean()), float(low), float(high), n)


def mcnemar(delta: Ints, cluster: Ints) -> float:
    """Two-sided p of "no difference" for paired differences `delta` in {-1, 0, 1}, shape (n,).

    At most one differing pair a group: the exact McNemar test (a binomial on the discordant pairs).
    Otherwise its clustered form: the sign of each group's sum is flipped, and the p-value is the
    exact share of all flips with a total at least as large. It is the permutation form of the
    clustered McNemar statistic (sum d)^2 / sum d^2 (Obuchowski 1998, Stat. Med. 17:1495, as written by
    Yang, Sun & Hardin 2010, Biom. J. 52:638), which, with a continuity correction, takes over beyond
    2,000 differing groups.
    """
    if len(delta) == 0:
        return 1.0
    _, total = _sums(cluster, delta)
    total = np.rint(total[total != 0]).astype(np.int64)
    groups, observed = len(total), abs(int(total.sum()))
    if groups == 0 or observed == 0:
        return 1.0
    magnitude, times = np.unique(np.abs(total), return_counts=True)
    if len(magnitude) == 1:
        return float(_stats.binomtest(int((total > 0).sum()), groups, 0.5).pvalue)
    if groups > _EXACT_UP_TO:
        half_step = int(np.gcd.reduce(magnitude))  # totals lie two of these apart
        z = (observed - half_step) / math.sqrt(float(np.sum(total * total)))
        return float(2 * _stats.norm.sf(z))
    chances = np.ones(1)  # chances[t]: the positive magnitudes add up to t
    for m, count in zip(magnitude.tolist(), times.tolist(), strict=True):
        spaced = np.zeros(m * count + 1)
        spaced[::m] = _stats.binom.pmf(np.arange(count + 1), count, 0.5)
        chances = np.convolve(chances, spaced)
    whole = len(chances) - 1
    p = 2 * float(chances[(whole + observed) // 2 :].sum())
    return min(1.0, max(p, 2.0 ** (1 - groups)))  # no flip pattern is rarer than all signs alike


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down correction, in the given order (Holm 1979, Scand. J. Stat. 6:65).

    A None stays None and counts for nothing.
    """
    tested = [i for i, p in enumerate(p_values) if p is not None]
    tested.sort(key=lambda i: p_values[i] or 0.0)
    found: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, i in enumerate(tested):
        largest = max(largest, min(1.0, (p_values[i] or 0.0) * (len(tested) - rank)))
        found[i] = largest
    return found


def bins(values: Floats, count: int) -> Ints:
    """Equal-mass bin of each value, shape (n,): 0, 1, … without gaps. Equal values share a bin."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, count + 1)[1:-1], method="inverted_cdf"))
    return np.unique(np.searchsorted(edges, values, side="left"), return_inverse=True)[1]


def cluster_sums(cluster: Ints, values: npt.NDArray[np.generic]) -> Floats:
    """Sum of `values` in each group that occurs, in the order of the group's number."""
    return _sums(cluster, values)[1]


def student_quantile(groups: int) -> float:
    """Two-sided 95 % quantile of Student's t on groups - 1 degrees of freedom."""
    return _student(groups)


def normal_quantile() -> float:
    """Two-sided 95 % quantile of the normal distribution."""
    return _normal()


def _sums(cluster: Ints, values: npt.NDArray[np.generic]) -> tuple[Floats, Floats]:
    size = np.bincount(cluster)
    here = size > 0
    total = np.bincount(cluster, weights=values)[here]
    return size[here].astype(np.float64), total.astype(np.float64)


def _ratio_variance(size: Floats, total: Floats, value: float) -> float:
    groups = len(size)
    return float(groups / (groups - 1) * np.sum((total - value * size) ** 2) / size.sum() ** 2)


def _normal() -> float:
    return float(_stats.norm.ppf((1 + LEVEL) / 2))


def _student(groups: int) -> float:
    return float(_stats.t.ppf((1 + LEVEL) / 2, groups - 1))
