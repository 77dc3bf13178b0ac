"""The expected calibration error of the option probabilities, with an interval that can reach zero."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from unswayed.metrics.columns import Columns
from unswayed.metrics.stats import (
    LEVEL,
    Floats,
    Ints,
    bins,
    rng_for,
)
from unswayed.metrics.summary import Estimate

ECE_BINS = 10
_LARGEST_SCALE = 64.0


def calibration_error(
    top: Floats, right: Floats, cluster: Ints, resamples: int, rng: np.random.Generator
) -> Estimate:
    """Expected calibration error of the top option, all shapes (n,): `top` its probability, `right` whether
    it is the right one (Guo et al. 2017, arXiv 1706.04599, eq. 3; equal-mass bins as in Nixon et al. 2019,
    arXiv 1904.01685).

    Sampling noise always increases this error, so a bootstrap interval does not cover. The interval inverts a
    test instead (as in Hansen 1999, Rev. Econ. Stat. 81:594). The bins' sums of (right - top) are modelled as
    normal with their between-group covariance; their true profile is the observed one, shrunk towards the
    common gap (Efron & Morris 1975, JASA 70:311), times a scale. The interval holds the scales under which
    the observed error is neither among the 2.5 % smallest nor the 2.5 % largest. It reaches 0 for a
    calibrated model.
    """
    n = len(top)
    if n == 0:
        return Estimate(None)
    bin_of = bins(top, ECE_BINS)
    n_bins = int(bin_of.max()) + 1
    _, group = np.unique(cluster, return_inverse=True)
    groups = int(group.max()) + 1
    gap = right - top
    sums: Floats = np.bincount(bin_of, weights=gap, minlength=n_bins).astype(np.float64)
    value = float(np.abs(sums).sum() / n)
    if groups < 2:
        return Estimate(value, n=n)
    size = np.bincount(group, minlength=groups)
    spread = np.bincount(group * n_bins + bin_of, weights=gap, minlength=groups * n_bins)
    spread = spread.reshape(groups, n_bins) - np.outer(size, sums / n)
    covariance = spread.T @ spread * groups / (groups - 1)
    noise = rng.multivariate_normal(
        np.zeros(n_bins), covariance, resamples, method="eigh", check_valid="ignore"
    )
    profile = _shrunk(sums, np.bincount(bin_of, minlength=n_bins), np.sqrt(np.diag(covariance)))

    def edge(share: float) -> float:
        rank = round(share * (resamples - 1))

        def reached(scale: float) -> bool:
            errors = np.abs(scale * profile + noise).sum(axis=1) / n
            return bool(np.partition(errors, rank)[rank] >= value)

        return float(np.abs(profile).sum()) / n * _smallest_scale(reached)

    tail = (1 - LEVEL) / 2
    return Estimate(value, min(edge(1 - tail), value), min(1.0, max(edge(tail), value)), n)


def _shrunk(sums: Floats, size: Ints, error: Floats) -> Floats:
    """Sums of each bin, shape (bins,), shrunk towards the common gap as far as noise explains the differences
    between the bins (positive-part James-Stein)."""
    common = size * sums.sum() / size.sum()
    nonzero = error > 0
    excess = float(np.sum(((sums - common)[nonzero] / error[nonzero]) ** 2))
    shrinkage = max(0.0, 1 - max(0, int(nonzero.sum()) - 3) / excess) if excess > 0 else 1.0
    shrunk: Floats = common + shrinkage * (sums - common)
    return shrunk


def _smallest_scale(reached: Callable[[float], bool]) -> float:
    """The smallest scale, 0 or more, at which the monotone `reached` is true, to a relative error of 0.2
    %."""
    low, high = 0.0, 1.0
    if reached(low):
        return low
    while not reached(high) and high < _LARGEST_SCALE:
        low, high = high, 2 * high
    while high - low > 2e-3 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


def calibration(c: Columns, condition: str, rows: Ints, resamples: int, seed: int) -> Estimate:
    """`calibration_error` of one condition's trials that have letter probabilities."""
    rows = rows[~np.isnan(c.top[rows])]
    return calibration_error(
        c.top[rows], c.top_right[rows], c.cluster[rows], resamples, rng_for(seed, "ece", condition)
    )
