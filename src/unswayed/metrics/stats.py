"""Intervals and tests for rows that come in groups.

Rows of one group (one image, its flips, repeated samples) are not independent, so every interval and test
here takes the group of each row. With one row per group each reduces to its textbook form: Wilson's interval,
the t interval, the exact McNemar test. The level is 95 % throughout.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import scipy  # scipy.special is loaded at its first use; scipy.stats would take a second more

from unswayed.metrics.summary import Estimate

Ints = npt.NDArray[np.integer]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

LEVEL = 0.95
_EXACT_UP_TO = 2000
_CHUNK = 4_000_000


def rng_for(seed: int, *names: str) -> np.random.Generator:
    """A random generator for one named number, so that adding other numbers does not change it."""
    return np.random.default_rng((seed, zlib.crc32("\0".join(names).encode())))


def wilson(p: float, n: float, quantile: float) -> tuple[float, float]:
    """Wilson's score interval for the share `p` of `n` independent rows (Wilson 1927, JASA 22:209)."""
    z2 = quantile * quantile / n
    centre = (p + z2 / 2) / (1 + z2)
    half = math.sqrt(z2 * (p * (1 - p) + z2 / 4)) / (1 + z2)
    # At p = 0 and p = 1 one bound is exactly p; rounding must not change it.
    return (0.0 if p == 0 else max(0.0, centre - half)), (1.0 if p == 1 else min(1.0, centre + half))


def rate(hits: Bools, cluster: Ints) -> Estimate:
    """Share of true rows, shape (n,), with an interval clustered by the rows' groups, shape (n,).

    With one row per group: Wilson. Otherwise Wilson with the effective number of rows n / deff, where deff is
    the ratio of the between-group (ratio estimator) variance to the binomial variance, at least 1, and with
    Student's t on groups - 1 degrees of freedom (Korn & Graubard 1998, Survey Methodology 24:193; Dean &
    Pagano 2015, J. Surv. Stat. Methodol. 3:484). Where all rows agree the variance is zero, and each group
    counts as one row.
    """
    n = len(hits)
    if n == 0:
        return Estimate(None)
    groups = len(np.unique(cluster))
    p = float(hits.mean())
    if groups == n:
        return Estimate(p, *wilson(p, n, _normal()), n)
    quantile = _normal() if groups == 1 else _student(groups)
    return Estimate(p, *wilson(p, effective_n(hits, cluster), quantile), n)


def effective_n(hits: Bools, cluster: Ints) -> float:
    """Effective number of independent rows behind the share of true rows, shape (n,); see `rate`."""
    n = len(hits)
    size, total = _sums(cluster, hits)
    groups, p = len(size), float(hits.mean())
    if groups in (1, n):
        return float(groups)
    variance = _ratio_variance(size, total, p)
    n_effective = p * (1 - p) / variance if variance > 0 else n * n / float(np.sum(size * size))
    return min(n_effective, float(n))


def mean(values: Floats, cluster: Ints, bounds: tuple[float, float] = (-math.inf, math.inf)) -> Estimate:
    """Mean of rows, shape (n,), with the cluster-robust t interval of the ratio estimator.

    This is the closed form of a bootstrap over groups (Cochran 1977, Sampling Techniques, 6.3). The interval
    is cut to `bounds`; there is none with fewer than two groups.
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


def mean_p_value(values: Floats, cluster: Ints) -> float | None:
    """Two-sided p-value of "the mean is zero" for `mean`'s clustered t statistic, rows of shape (n,).

    None with fewer than two groups.
    """
    if len(values) == 0:
        return None
    size, total = _sums(cluster, values)
    if len(size) < 2:
        return None
    value = float(values.mean())
    error = math.sqrt(_ratio_variance(size, total, value))
    if error == 0:
        return float(value == 0)
    return float(2 * scipy.special.stdtr(len(size) - 1, -abs(value) / error))


def split_difference(hits: Bools, split: Bools, cluster: Ints) -> Estimate:
    """Share of true rows among `split` minus the share among the rest, all of shape (n,).

    The t interval uses the linearised difference of two ratios, summed by group (Cochran 1977, Sampling
    Techniques, 6.3), so groups may have rows on both sides. Each side's variance has one success and one
    failure added (after Agresti & Caffo 2000, Am. Stat. 54:280), so that a share of 0 or 1 does not have zero
    variance. No value where a side is empty; no interval with fewer than two groups.
    """
    n = len(hits)
    first, second = int(split.sum()), int(n - split.sum())
    if not first or not second:
        return Estimate(None, n=n)
    p, q = float(hits[split].mean()), float(hits[~split].mean())
    value = p - q
    influence = np.where(split, (hits - p) / first, -(hits - q) / second)
    by_group = cluster_sums(cluster, influence)
    groups = len(by_group)
    if groups < 2:
        return Estimate(value, n=n)
    variance = float(groups / (groups - 1) * np.sum(by_group**2))
    for side, share in ((first, p), (second, q)):
        smoothed = (side * share + 1) / (side + 2)
        variance += max(0.0, smoothed * (1 - smoothed) / (side + 2) - share * (1 - share) / side)
    half = _student(groups) * math.sqrt(variance)
    return Estimate(value, max(-1.0, value - half), min(1.0, value + half), n)


def difference(delta: Ints, cluster: Ints, resamples: int, rng: np.random.Generator) -> Estimate:
    """Mean of paired differences `delta`, small integers of shape (n,), with a bootstrap over groups.

    Groups are resampled with replacement, and the interval is the percentile one (Efron & Tibshirani 1993,
    ch. 13). Groups with the same (sum, size) are interchangeable, so one multinomial draw of the number of
    times that each such pattern occurs is the same bootstrap at a fraction of the cost. Two pseudo-groups
    that differ, one in each direction, join the resampling but not the value. They keep the interval from
    collapsing to a point where few pairs differ (after Bonett & Price 2012, J. Educ. Behav. Stat. 37:479, who
    add one pair in each direction). Their difference is the root mean square of the groups that differ, or
    all their pairs where none differs.
    """
    n = len(delta)
    if n == 0:
        return Estimate(None)
    size, total = _sums(cluster, delta)
    typical_size = n / len(size)
    differing = total[total != 0]
    typical_change = math.sqrt(float(np.mean(differing**2))) if len(differing) else typical_size
    patterns, counts = np.unique(np.stack([total, size], axis=1), axis=0, return_counts=True)
    sums = np.append(patterns[:, 0], [typical_change, -typical_change])
    sizes = np.append(patterns[:, 1], [typical_size, typical_size])
    probability = np.append(counts, [1, 1]) / (len(size) + 2)
    step = max(1, _CHUNK // len(sums))
    means = []
    for start in range(0, resamples, step):
        resampled = rng.multinomial(len(size) + 2, probability, size=min(step, resamples - start))
        means.append((resampled @ sums) / (resampled @ sizes))
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(np.concatenate(means), [tail, 1 - tail])
    return Estimate(float(delta.mean()), float(low), float(high), n)


def mcnemar(delta: Ints, cluster: Ints) -> float:
    """Two-sided p-value of "no difference" for paired differences `delta`, small integers of shape (n,).

    With at most one differing pair per group this is the exact McNemar test (a binomial test on the
    discordant pairs). Otherwise the signs of the groups' sums are flipped, and the p-value is the exact share
    of all flips with a total at least as large. This is the permutation form of the clustered McNemar
    statistic (sum d)^2 / sum d^2 (Obuchowski 1998, Stat. Med. 17:1495, as written by Yang, Sun & Hardin 2010,
    Biom. J. 52:638), which replaces it, with a continuity correction, beyond 2,000 differing groups.
    """
    if len(delta) == 0:
        return 1.0
    _, total = _sums(cluster, delta)
    total = np.rint(total[total != 0]).astype(np.int64)
    groups, observed = len(total), abs(int(total.sum()))
    if groups == 0 or observed == 0:
        return 1.0
    magnitude, counts = np.unique(np.abs(total), return_counts=True)
    if len(magnitude) == 1:
        fewer = min(int((total > 0).sum()), int((total < 0).sum()))
        return min(1.0, 2 * float(scipy.special.bdtr(fewer, groups, 0.5)))
    if groups > _EXACT_UP_TO:
        half_step = int(np.gcd.reduce(magnitude))  # totals lie two of these apart
        z = (observed - half_step) / math.sqrt(float(np.sum(total * total)))
        return float(2 * scipy.special.ndtr(-z))
    distribution = np.ones(1)  # distribution[t]: probability that the positive magnitudes sum to t
    for m, count in zip(magnitude.tolist(), counts.tolist(), strict=True):
        spaced = np.zeros(m * count + 1)
        spaced[::m] = _fair_binomial(count)
        distribution = np.convolve(distribution, spaced)
    largest_total = len(distribution) - 1
    p = 2 * float(distribution[(largest_total + observed) // 2 :].sum())
    return min(1.0, max(p, 2.0 ** (1 - groups)))  # the smallest p-value is that of all signs equal


def _fair_binomial(n: int) -> Floats:
    """Probability of k heads in n throws of a fair coin, for k = 0..n, shape (n + 1,)."""
    k = np.arange(n + 1)
    log_ways = scipy.special.gammaln(n + 1) - scipy.special.gammaln(k + 1) - scipy.special.gammaln(n - k + 1)
    return np.asarray(np.exp(log_ways - n * math.log(2)))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """P-values after Holm's step-down correction, in the order of the input (Holm 1979, Scand. J. Stat.
    6:65).

    A None stays None and is not counted as a test.
    """
    tested = [i for i, p in enumerate(p_values) if p is not None]
    tested.sort(key=lambda i: p_values[i] or 0.0)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, i in enumerate(tested):
        largest = max(largest, min(1.0, (p_values[i] or 0.0) * (len(tested) - rank)))
        adjusted[i] = largest
    return adjusted


def bins(values: Floats, count: int) -> Ints:
    """Equal-mass bin of each value, shape (n,), numbered from 0 without gaps. Equal values share a bin."""
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
    occurs = size > 0
    total = np.bincount(cluster, weights=values)[occurs]
    return size[occurs].astype(np.float64), total.astype(np.float64)


def _ratio_variance(size: Floats, total: Floats, value: float) -> float:
    groups = len(size)
    return float(groups / (groups - 1) * np.sum((total - value * size) ** 2) / size.sum() ** 2)


def _normal() -> float:
    return float(scipy.special.ndtri((1 + LEVEL) / 2))


def _student(groups: int) -> float:
    return float(scipy.special.stdtrit(groups - 1, (1 + LEVEL) / 2))
