"""A share measured by a fallible judge, corrected for the judge's known error.

The error is known from trials that a reference judged too: the exact rules, or a person. Where these trials
were drawn by stratum, each is weighted by the number of trials it stands for. Without the weights the error
rate would depend on which verdicts were selected for checking (Begg & Greenes 1983, Biometrics 39:207).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from unswayed.metrics.stats import (
    Bools,
    Floats,
    Ints,
    effective_n,
    normal_quantile,
    rate,
    wilson,
)
from unswayed.metrics.summary import Estimate


@dataclass(frozen=True)
class ShareEstimate:
    """A share with its effective sample size."""

    p: float
    n: float
    """Effective number of independent rows."""
    rows: int
    estimate: Estimate


def share_estimate(hits: Bools, cluster: Ints, weights: Floats | None = None) -> ShareEstimate | None:
    """Share of true rows, shape (n,); None without rows.

    Without weights the effective number of rows is that of `stats.rate`. With weights it is Kish's
    (sum w)^2 / sum w^2 (Kish 1965, Survey Sampling, 11.7), and every row counts as a group of its own.
    """
    if not len(hits):
        return None
    if weights is None:
        estimate = rate(hits, cluster)
        assert estimate.value is not None
        return ShareEstimate(estimate.value, effective_n(hits, cluster), len(hits), estimate)
    p = float(np.average(hits, weights=weights))
    n = float(weights.sum() ** 2 / np.sum(weights**2))
    return ShareEstimate(p, n, len(hits), Estimate(p, *wilson(p, n, normal_quantile()), len(hits)))


def corrected_share(
    apparent: ShareEstimate, sensitivity: ShareEstimate, specificity: ShareEstimate
) -> Estimate:
    """The true share behind the `apparent` one, by Rogan & Gladen (1978, Am. J. Epidemiol. 107:71).

    `sensitivity`: share that the judge calls positive among true positives; `specificity`: share that it
    calls negative among true negatives. Interval: Lang & Reiczigel (2014, Prev. Vet. Med. 113:13), which
    treats the three as independent samples; it is conservative where the judge's error was measured on the
    same trials that are corrected. No value where the judge is no better than chance.
    """
    if sensitivity.p + specificity.p <= 1:
        return Estimate(None, n=apparent.rows)
    value = (apparent.p + specificity.p - 1) / (sensitivity.p + specificity.p - 1)
    z = normal_quantile()
    n, n_se, n_sp = apparent.n + z * z, sensitivity.n + 2, specificity.n + 2
    p = (apparent.n * apparent.p + z * z / 2) / n
    se = (sensitivity.n * sensitivity.p + 1) / n_se
    sp = (specificity.n * specificity.p + 1) / n_sp
    youden = se + sp - 1
    if youden <= 0:
        return Estimate(_unit(value), 0.0, 1.0, apparent.rows)
    true = _unit((p + sp - 1) / youden)
    of_se, of_sp = se * (1 - se) / n_se, sp * (1 - sp) / n_sp
    spread = math.sqrt(p * (1 - p) / n + true**2 * of_se + (1 - true) ** 2 * of_sp) / youden
    shift = 2 * z * z * (true * of_se - (1 - true) * of_sp)
    low, high = _unit(true + shift - z * spread), _unit(true + shift + z * spread)
    value = _unit(value)
    return Estimate(value, min(low, value), max(high, value), apparent.rows)


def _unit(x: float) -> float:
    return min(1.0, max(0.0, x))
