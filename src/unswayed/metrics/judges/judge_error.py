"""A share measured by a fallible judge, corrected for the judge's known error.

Known from trials that somebody better judged too: exact rules, or a person. Where these were drawn by
stratum, each weighs as many trials as it stands for (Begg & Greenes 1983, Biometrics 39:207: without
that, how often a judge errs depends on how often its own verdicts were looked up).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from unswayed.metrics.stats import (
    Bools,
    Floats,
    Ints,
    effective,
    normal_quantile,
    rate,
    wilson,
)
from unswayed.metrics.summary import Estimate


@dataclass(frozen=True)
class Share:
    """A share, and of how many independent draws it is worth."""

    p: float
    n: float
    rows: int
    estimate: Estimate


def share(hits: Bools, cluster: Ints, weights: Floats | None = None) -> Share | None:
    """Share of true rows, shape (n,); None without rows.

    Without weights the effective number of rows is that behind `stats.rate`; with weights it is
    Kish's (sum w)^2 / sum w^2 (Kish 1965, Survey Sampling, 11.7), and groups are taken for single.
    """
    if not len(hits):
        return None
    if weights is None:
        found = rate(hits, cluster)
        assert found.value is not None
        return Share(found.value, effective(hits, cluster), len(hits), found)
    p = float(np.average(hits, weights=weights))
    n = float(weights.sum() ** 2 / np.sum(weights**2))
    return Share(p, n, len(hits), Estimate(p, *wilson(p, n, normal_quantile()), len(hits)))


def corrected(seen: Share, sensitivity: Share, specificity: Share) -> Estimate:
    """The true share behind `seen`, by Rogan & Gladen (1978, Am. J. Epidemiol. 107:71).

    `sensitivity`: of what is truly so, the share that the judge calls so; `specificity`: of what is
    not, the share that it does not. Interval: Lang & Reiczigel (2014, Prev. Vet. Med. 113:13), which
    takes the three as independent samples. It is therefore wider than need be where the judge's error
    was measured on the very trials that are corrected. None where the judge is no better than chance.
    """
    if sensitivity.p + specificity.p <= 1:
        return Estimate(None, n=seen.rows)
    value = (seen.p + specificity.p - 1) / (sensitivity.p + specificity.p - 1)
    z = normal_quantile()
    n, n_se, n_sp = seen.n + z * z, sensitivity.n + 2, specificity.n + 2
    p = (seen.n * seen.p + z * z / 2) / n
    se = (sensitivity.n * sensitivity.p + 1) / n_se
    sp = (specificity.n * specificity.p + 1) / n_sp
    youden = se + sp - 1
    if youden <= 0:
        return Estimate(_unit(value), 0.0, 1.0, seen.rows)
    true = _unit((p + sp - 1) / youden)
    of_se, of_sp = se * (1 - se) / n_se, sp * (1 - sp) / n_sp
    spread = math.sqrt(p * (1 - p) / n + true**2 * of_se + (1 - true) ** 2 * of_sp) / youden
    shift = 2 * z * z * (true * of_se - (1 - true) * of_sp)
    low, high = _unit(true + shift - z * spread), _unit(true + shift + z * spread)
    value = _unit(value)
    return Estimate(value, min(low, value), max(high, value), seen.rows)


def _unit(x: float) -> float:
    return min(1.0, max(0.0, x))
