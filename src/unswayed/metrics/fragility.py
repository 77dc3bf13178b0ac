"""Do base probabilities predict which questions a model answers rightly under a condition?

Two populations: all questions, as the paper asks, and the questions right under base. Among the latter
P(correct) is the largest probability, which is almost a monotone function of the entropy, so the two
predictors can hardly differ there.
"""

from __future__ import annotations

import numpy as np

from unswayed.metrics.auroc import auroc, auroc_difference
from unswayed.metrics.columns import Columns
from unswayed.metrics.paired import BASE
from unswayed.metrics.stats import Bools, Ints, bins, rate
from unswayed.metrics.summary import CurvePoint, Estimate

CURVE_BINS = 8
ALL = "_all"
"""Suffix of the measures over all questions; without it, over the questions right under base."""


def fragility(c: Columns, condition: str) -> dict[str, Estimate]:
    """AUROC of base P(correct), of base -H, and their difference, for "right under `condition`".

    Names with the suffix `ALL` are over all questions, the others over those right under base. Empty where no
    question has base probabilities.
    """
    base, other = c.pairs(BASE, condition)
    known = ~np.isnan(c.p_correct[base]) & ~np.isnan(c.entropy[base])
    base, other = base[known], other[known]
    right = c.right[base]
    return _aurocs(c, base[right], other[right], "") | _aurocs(c, base, other, ALL)


def fragility_curve(c: Columns, condition: str) -> tuple[CurvePoint, ...]:
    """Share of base-right questions that stay right, in about eight equal-mass bins of base P(correct)."""
    base, other = c.pairs(BASE, condition)
    kept = c.right[base] & ~np.isnan(c.p_correct[base])
    base, other = base[kept], other[kept]
    if not len(base):
        return ()
    p, bin_of = c.p_correct[base], bins(c.p_correct[base], CURVE_BINS)
    points = []
    for b in range(int(bin_of.max()) + 1):
        inside: Bools = bin_of == b
        stays = rate(c.right[other[inside]], c.cluster[other[inside]])
        points.append(
            CurvePoint(float(p[inside].min()), float(p[inside].max()), float(p[inside].mean()), stays)
        )
    return tuple(points)


def _aurocs(c: Columns, base: Ints, other: Ints, suffix: str) -> dict[str, Estimate]:
    if not len(base):
        return {}
    right, cluster = c.right[other], c.cluster[base]
    p_correct, certainty = c.p_correct[base], -c.entropy[base]
    return {
        f"auroc_p_correct{suffix}": auroc(p_correct, right, cluster),
        f"auroc_neg_entropy{suffix}": auroc(certainty, right, cluster),
        f"auroc_difference{suffix}": auroc_difference(p_correct, certainty, right, cluster),
    }
