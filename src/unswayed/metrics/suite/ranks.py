"""The order of models: ranks with confidence sets, and how far two orders agree.

The confidence set of a rank follows from pairwise comparisons (Mogstad, Romano, Shaikh & Wilhelm 2024, Rev.
Econ. Stud. 91:476): a model is at best behind all models that are better after Bonferroni's correction, and
at worst before all that are worse.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from unswayed.metrics.stats import LEVEL, Bools, Floats, Ints, mean, student_quantile
from unswayed.metrics.suite.merged import MergedTrials, complete

_FEWEST_GROUPS = 5


@dataclass(frozen=True)
class Rank:
    """The place of one model by one measure under one condition."""

    model: str
    condition: str
    value: float
    """Accuracy, the mean over benchmarks."""
    rank: int
    """1 is the best; equal values share the best place."""
    best: int
    worst: int
    """95 % confidence set of the rank, `best` to `worst`."""


def accuracy_ranks(trials: MergedTrials, condition: str) -> tuple[Rank, ...]:
    """Ranks of the models that answered under `condition`, over the questions that all of them answered, each
    benchmark with the same weight; empty with fewer than two models."""
    models = tuple(m for m in trials.models if trials.asked(m, condition))
    right = trials.matrix(models, condition, trials.right)
    known = complete(right) if models else np.zeros(0, bool)
    if len(models) < 2 or not known.any():
        return ()
    right = right[known]
    cluster = trials.unit_values(trials.columns.cluster)[known]
    benchmark = trials.unit_values(trials.benchmark)[known]
    parts = [benchmark == b for b in np.unique(benchmark)]
    values = np.mean([right[part].mean(axis=0) for part in parts], axis=0)
    z = float(scipy.special.ndtri(1 - (1 - LEVEL) / 2 / (len(models) - 1)))
    above = np.zeros((len(models), len(models)), bool)  # above[i, j]: i is better than j
    for i in range(len(models)):
        for j in range(i):
            difference, error = _difference(right[:, i] - right[:, j], cluster, parts)
            if error is not None and abs(difference) > z * error:
                better, worse = (i, j) if difference > 0 else (j, i)
                above[better, worse] = True
    return tuple(
        Rank(
            model,
            condition,
            float(values[i]),
            1 + int((values > values[i] + 1e-12).sum()),
            1 + int(above[:, i].sum()),
            len(models) - int(above[i].sum()),
        )
        for i, model in enumerate(models)
    )


def kendall_tau(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Kendall's tau-b of two series (Kendall 1945, Biometrika 33:239); None where one of them is constant.

    >>> kendall_tau([1, 2, 3], [1, 2, 3]), kendall_tau([1, 2, 3], [3, 2, 1])
    (1.0, -1.0)
    """
    a, b = (np.sign(np.subtract.outer(np.asarray(x, float), np.asarray(x, float))) for x in (first, second))
    norm = math.sqrt(float((a * a).sum()) * float((b * b).sum()))
    return None if norm == 0 else float((a * b).sum()) / norm


def _difference(delta: Floats, cluster: Ints, parts: Sequence[Bools]) -> tuple[float, float | None]:
    """Mean difference over benchmarks and its standard error; None where it cannot be known."""
    value, variance = 0.0, 0.0
    for part in parts:
        estimate = mean(delta[part], cluster[part])
        groups = len(np.unique(cluster[part]))
        if estimate.value is None or estimate.low is None or estimate.high is None or groups < _FEWEST_GROUPS:
            return 0.0, None
        value += estimate.value / len(parts)
        error = (estimate.high - estimate.low) / 2 / student_quantile(groups)
        # Two pseudo-groups that differ, one in each direction, so that few differing groups do not look sure
        # (after Bonett & Price 2012, J. Educ. Behav. Stat. 37:479; see `stats.difference`).
        variance += (error**2 + 2 / groups**2) / len(parts) ** 2
    return value, math.sqrt(variance)
