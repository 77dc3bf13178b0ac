"""How well a score foretells an outcome: the area under the ROC curve, for rows that come in groups.

The area is the Mann-Whitney share of (true, false) pairs in which the true row scores higher, ties
counting half. Its variance comes from each row's placement (DeLong et al. 1988, Biometrics 44:837),
summed within groups (Obuchowski 1997, Biometrics 53:567).
"""

from __future__ import annotations

import math

import numpy as np
from scipy import stats as _stats

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

    The interval is Wilson's on the effective count area * (1 - area) / variance, which stays within
    0 and 1; where a perfect split leaves no variance, the rarer outcome's count stands in. The value
    is None unless both outcomes occur.
    """
    n = len(label)
    if not _both(label):
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
    """AUROC of `first` minus AUROC of `second` on the same rows, with the t interval of the difference."""
    n = len(label)
    if not _both(label):
        return Estimate(None, n=n)
    area, influence = _influence(first, label)
    other, against = _influence(second, label)
    per_group = cluster_sums(cluster, influence - against)
    if len(per_group) < 2:
        return Estimate(area - other, n=n)
    half = student_quantile(len(per_group)) * math.sqrt(_variance(per_group))
    value = area - other
    return Estimate(value, max(-1.0, value - half), min(1.0, value + half), n)


def _both(label: Bools) -> bool:
    return bool(label.any() and not label.all())


def _variance(per_group: Floats) -> float:
    groups = len(per_group)
    return float(groups / max(groups - 1, 1) * np.sum(per_group**2))


def _influence(score: Floats, label: Bools) -> tuple[float, Floats]:
    """The area and each row's first-order effect on it (placement minus area, over its class's count)."""
    overall = _stats.rankdata(score)
    placement = np.empty(len(score))
    for side in (label, ~label):
        placement[side] = (overall[side] - _stats.rankdata(score[side])) / (~side).sum()
    placement[~label] = 1 - placement[~label]
    area = float(placement[label].mean())
    return area, (placement - area) / np.where(label, label.sum(), (~label).sum())
