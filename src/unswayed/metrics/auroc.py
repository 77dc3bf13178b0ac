"""How well a score predicts an outcome: the area under the ROC curve, with clustered intervals.

The area is the Mann-Whitney share of (true, false) pairs in which the true row has the higher score; ties
count one half. Its variance comes from each row's placement (DeLong et al. 1988, Biometrics 44:837), summed
within groups (Obuchowski 1997, Biometrics 53:567).
"""

from __future__ import annotations

import math

import numpy as np

from unswayed.metrics.stats import (
    Bools,
    Floats,
    Ints,
    cluster_sums,
    student_quantile,
    wilson,
)
from unswayed.metrics.summary import Estimate


def auroc(score: Floats, label: Bools, cluster: Ints) -> Estimate:
    """Area under the ROC curve of `score` for `label`, all shapes (n,).

    The interval is Wilson's with the effective count area * (1 - area) / variance, so it stays within 0 and
    1. Where a perfect split leaves no variance, the count of the rarer outcome is used instead. The value is
    None unless both outcomes occur.
    """
    n = len(label)
    if not _both_occur(label):
        return Estimate(None, n=n)
    area, influence = _influence(score, label)
    per_group = cluster_sums(cluster, influence)
    variance = _variance(per_group)
    rarer = float(min(label.sum(), (~label).sum()))
    effective = area * (1 - area) / variance if variance > 0 and 0 < area < 1 else rarer
    if len(per_group) < 2:
        return Estimate(area, n=n)
    return Estimate(area, *wilson(area, effective, student_quantile(len(per_group))), n)


def auroc_difference(first: Floats, second: Floats, label: Bools, cluster: Ints) -> Estimate:
    """AUROC of `first` minus AUROC of `second` on the same rows, with a t interval. No value unless both
    outcomes occur."""
    n = len(label)
    if not _both_occur(label):
        return Estimate(None, n=n)
    area, influence = _influence(first, label)
    other_area, other_influence = _influence(second, label)
    per_group = cluster_sums(cluster, influence - other_influence)
    if len(per_group) < 2:
        return Estimate(area - other_area, n=n)
    half = student_quantile(len(per_group)) * math.sqrt(_variance(per_group))
    value = area - other_area
    return Estimate(value, max(-1.0, value - half), min(1.0, value + half), n)


def _both_occur(label: Bools) -> bool:
    return bool(label.any() and not label.all())


def _variance(per_group: Floats) -> float:
    groups = len(per_group)
    return float(groups / max(groups - 1, 1) * np.sum(per_group**2))


def _average_ranks(score: Floats) -> Floats:
    """Rank of each score from 1, shape (n,); equal scores share the mean of their ranks."""
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[place])


def _influence(score: Floats, label: Bools) -> tuple[float, Floats]:
    """The area, and each row's influence on it: (placement - area) / number of rows of its class."""
    ranks = _average_ranks(score)
    placement = np.empty(len(score))
    for side in (label, ~label):
        placement[side] = (ranks[side] - _average_ranks(score[side])) / (~side).sum()
    placement[~label] = 1 - placement[~label]
    area = float(placement[label].mean())
    return area, (placement - area) / np.where(label, label.sum(), (~label).sum())
