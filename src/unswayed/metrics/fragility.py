"""Which right answers are fragile: what base probabilities foretell about them."""

from __future__ import annotations

import numpy as np

from unswayed.metrics.auroc import auroc, auroc_difference
from unswayed.metrics.columns import Columns
from unswayed.metrics.paired import BASE
from unswayed.metrics.stats import Ints, bins, rate
from unswayed.metrics.summary import CurvePoint, Estimate

CURVE_BINS = 8


def fragility(c: Columns, condition: str) -> dict[str, Estimate]:
    """How well base P(correct), base -H and their difference foretell that a base-right question stays
    right under `condition`. Empty where no such question has base probabilities."""
    base, here = _base_right(c, condition)
    known = ~np.isnan(c.p_correct[base]) & ~np.isnan(c.entropy[base])
    base, here = base[known], here[known]
    if not len(base):
        return {}
    stays, cluster = c.right[here], c.cluster[base]
    sure, certain = c.p_correct[base], -c.entropy[base]
    return {
        "auroc_p_correct": auroc(sure, stays, cluster),
        "auroc_neg_entropy": auroc(certain, stays, cluster),
        "auroc_difference": auroc_difference(sure, certain, stays, cluster),
    }


def curve(c: Columns, condition: str) -> tuple[CurvePoint, ...]:
    """Share of base-right questions that stay right, in about eight equal-mass bins of base P(correct)."""
    base, here = _base_right(c, condition)
    known = ~np.isnan(c.p_correct[base])
    base, here = base[known], here[known]
    if not len(base):
        return ()
    p, bin_of = c.p_correct[base], bins(c.p_correct[base], CURVE_BINS)
    points = []
    for b in range(int(bin_of.max()) + 1):
        inside = bin_of == b
        stays = rate(c.right[here[inside]], c.cluster[here[inside]])
        points.append(
            CurvePoint(float(p[inside].min()), float(p[inside].max()), float(p[inside].mean()), stays)
        )
    return tuple(points)


def _base_right(c: Columns, condition: str) -> tuple[Ints, Ints]:
    base, here = c.pairs(BASE, condition)
    kept = c.right[base]
    return base[kept], here[kept]
