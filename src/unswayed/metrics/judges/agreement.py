"""Chance-corrected agreement of judges on what thoughts conclude: Fleiss' kappa, Krippendorff's alpha.

Votes are integers of shape (thoughts, judges): a category from 0, or `NO_VOTE` where a judge abstained or was
not asked. Kappa uses only thoughts on which all judges voted, alpha all thoughts with at least two votes.
Both are ratios of sums over thoughts, so a bootstrap over groups needs only the sums of each group.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from unswayed.metrics.stats import (
    LEVEL,
    Bools,
    Floats,
    Ints,
    cluster_sums,
    rate,
    student_quantile,
    wilson,
)
from unswayed.metrics.summary import Estimate

NO_VOTE = -1
_CHUNK = 2_000_000


@dataclass(frozen=True)
class _Sums:
    """The sums from which a coefficient is computed."""

    by_group: Floats
    """Shape (groups, columns)."""
    value: Callable[[Floats], Floats]
    """From sums of shape (resamples, columns) to the coefficient, shape (resamples,); nan where undefined."""
    observed: Callable[[Floats], float]
    """Observed agreement from one row of sums."""
    n: int
    """Thoughts."""


def pairwise_agreement(votes: Ints, cluster: Ints) -> dict[tuple[int, int], Estimate]:
    """Share of equal votes of every two judges, where both voted, with the interval of `stats.rate`."""
    agreement = {}
    for i in range(votes.shape[1]):
        for j in range(i + 1, votes.shape[1]):
            both_voted = (votes[:, i] != NO_VOTE) & (votes[:, j] != NO_VOTE)
            agreement[i, j] = rate(votes[both_voted, i] == votes[both_voted, j], cluster[both_voted])
    return agreement


def fleiss_kappa(votes: Ints, cluster: Ints, resamples: int, rng: np.random.Generator) -> Estimate:
    """Fleiss' kappa with a bootstrap interval over groups (Fleiss 1971, Psychol. Bull. 76:378, eq. 1-7).

    Over thoughts on which all judges voted. No value where there is no such thought, where there are fewer
    than two judges, or where only one category occurs (chance agreement is then 1 and kappa is undefined).
    """
    judges = votes.shape[1]
    all_voted = (votes != NO_VOTE).all(axis=1)
    counts = _counts(votes[all_voted])
    if judges < 2 or not len(counts):
        return Estimate(None, n=len(counts))
    agreed = (np.sum(counts * counts, axis=1) - judges) / (judges * (judges - 1))
    sums_by_group = _by_cluster(np.column_stack([np.ones(len(counts)), agreed, counts]), cluster[all_voted])

    def value(sums: Floats) -> Floats:
        share = sums[:, 2:] / (sums[:, :1] * judges)
        return _chance_corrected(sums[:, 1] / sums[:, 0], np.sum(share * share, axis=1))

    return _estimate(_Sums(sums_by_group, value, lambda s: float(s[1] / s[0]), len(counts)), resamples, rng)


def krippendorff_alpha(votes: Ints, cluster: Ints, resamples: int, rng: np.random.Generator) -> Estimate:
    """Krippendorff's alpha for nominal data, abstentions as missing, with a bootstrap interval over groups.

    Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", sec. D: 1 - D_o / D_e over the
    coincidences of votes on one thought. `n` counts thoughts with at least two votes. No value where there is
    no such thought, or where only one category occurs.
    """
    counts = _counts(votes)
    m = counts.sum(axis=1)
    at_least_two = m >= 2
    counts, m = counts[at_least_two], m[at_least_two]
    if not len(counts):
        return Estimate(None)
    agreed = np.sum(counts * (counts - 1), axis=1) / (m - 1)
    sums_by_group = _by_cluster(np.column_stack([m, agreed, counts]), cluster[at_least_two])

    def value(sums: Floats) -> Floats:
        n = sums[:, 0]
        by_chance = np.sum(sums[:, 2:] * (sums[:, 2:] - 1), axis=1) / (n * (n - 1))
        return _chance_corrected(sums[:, 1] / n, by_chance)

    return _estimate(_Sums(sums_by_group, value, lambda s: float(s[1] / s[0]), len(counts)), resamples, rng)


def _estimate(sums: _Sums, resamples: int, rng: np.random.Generator) -> Estimate:
    """The coefficient with the percentile interval of a bootstrap over groups (Efron & Tibshirani, ch. 13).

    Where all votes agree, no resample can differ. The lower end is then computed from Wilson's interval of
    the observed agreement (each group counts as one draw) at the observed chance agreement.
    """
    total = sums.by_group.sum(axis=0)
    value = float(sums.value(total[None])[0])
    groups = len(sums.by_group)
    if np.isnan(value):
        return Estimate(None, n=sums.n)
    if groups < 2:
        return Estimate(value, n=sums.n)
    if sums.observed(total) >= 1:
        low = wilson(1.0, groups, student_quantile(groups))[0]
        # The coefficient is 1 here: set the agreement to `low` and keep the chance agreement of the sums.
        moved = total.copy()
        moved[1] = low * total[0]
        return Estimate(value, float(sums.value(moved[None])[0]), 1.0, sums.n)
    resampled = []
    step = max(1, _CHUNK // groups)
    for start in range(0, resamples, step):
        draws = rng.multinomial(groups, np.full(groups, 1 / groups), size=min(step, resamples - start))
        resampled.append(sums.value(draws @ sums.by_group))
    tail = (1 - LEVEL) / 2
    low, high = np.nanquantile(np.concatenate(resampled), [tail, 1 - tail])
    return Estimate(value, float(low), float(high), sums.n)


def _chance_corrected(observed: Floats, by_chance: Floats) -> Floats:
    possible = 1 - by_chance
    undefined: Bools = possible <= 1e-12
    coefficient: Floats = np.where(
        undefined, np.nan, (observed - by_chance) / np.where(undefined, 1.0, possible)
    )
    return coefficient


def _counts(votes: Ints) -> Floats:
    """Votes for each category, shape (thoughts, categories)."""
    n = int(votes.max(initial=-1)) + 1
    return (
        np.stack([(votes == k).sum(axis=1) for k in range(n)], axis=1).astype(float)
        if n
        else np.zeros((0, 0))
    )


def _by_cluster(rows: Floats, cluster: Ints) -> Floats:
    return np.stack([cluster_sums(cluster, column) for column in rows.T], axis=1)
