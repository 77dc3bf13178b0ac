"""How far judges agree on what thoughts conclude, beyond what chance would give.

Votes come as integers of shape (thoughts, judges): a category from 0, or `NO_VOTE` where a judge
abstained or was not asked. Kappa looks only at thoughts on which all voted; alpha at all with at
least two votes. Both are ratios of sums over thoughts, so a bootstrap over groups needs only each
group's sums.
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
    """What a coefficient is made of, one line a group: shape (groups, columns)."""

    lines: Floats
    value: Callable[[Floats], Floats]
    """From sums of shape (draws, columns) to the coefficient, shape (draws,); nan where undefined."""
    observed: Callable[[Floats], float]
    """Observed agreement of one line of sums."""
    n: int


def pairwise(votes: Ints, cluster: Ints) -> dict[tuple[int, int], Estimate]:
    """Share of equal votes of every two judges, where both voted; interval of `stats.rate`."""
    found = {}
    for i in range(votes.shape[1]):
        for j in range(i + 1, votes.shape[1]):
            both = (votes[:, i] != NO_VOTE) & (votes[:, j] != NO_VOTE)
            found[i, j] = rate(votes[both, i] == votes[both, j], cluster[both])
    return found


def fleiss_kappa(votes: Ints, cluster: Ints, resamples: int, rng: np.random.Generator) -> Estimate:
    """Fleiss' kappa with a bootstrap interval over groups (Fleiss 1971, Psychol. Bull. 76:378, eq. 1-7).

    Over thoughts on which all judges voted. None where there is no such thought, fewer than two judges,
    or only one category was ever chosen (chance agreement is then complete and kappa undefined).
    """
    judges = votes.shape[1]
    whole = (votes != NO_VOTE).all(axis=1)
    counts = _counts(votes[whole])
    if judges < 2 or not len(counts):
        return Estimate(None, n=len(counts))
    agreed = (np.sum(counts * counts, axis=1) - judges) / (judges * (judges - 1))
    lines = _by_cluster(np.column_stack([np.ones(len(counts)), agreed, counts]), cluster[whole])

    def value(sums: Floats) -> Floats:
        share = sums[:, 2:] / (sums[:, :1] * judges)
        return _beyond(sums[:, 1] / sums[:, 0], np.sum(share * share, axis=1))

    return _estimate(_Sums(lines, value, lambda s: float(s[1] / s[0]), len(counts)), resamples, rng)


def krippendorff_alpha(votes: Ints, cluster: Ints, resamples: int, rng: np.random.Generator) -> Estimate:
    """Krippendorff's alpha for nominal data, abstentions as missing, with a bootstrap interval over groups.

    Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", sec. D: 1 - D_o / D_e over the
    coincidences of votes on one thought. `n` counts thoughts with two votes or more. None where there
    is none, or only one category was ever chosen.
    """
    counts = _counts(votes)
    m = counts.sum(axis=1)
    paired = m >= 2
    counts, m = counts[paired], m[paired]
    if not len(counts):
        return Estimate(None)
    same = np.sum(counts * (counts - 1), axis=1) / (m - 1)
    lines = _by_cluster(np.column_stack([m, same, counts]), cluster[paired])

    def value(sums: Floats) -> Floats:
        n = sums[:, 0]
        by_chance = np.sum(sums[:, 2:] * (sums[:, 2:] - 1), axis=1) / (n * (n - 1))
        return _beyond(sums[:, 1] / n, by_chance)

    return _estimate(_Sums(lines, value, lambda s: float(s[1] / s[0]), len(counts)), resamples, rng)


def _estimate(sums: _Sums, resamples: int, rng: np.random.Generator) -> Estimate:
    """The coefficient with the percentile interval of a bootstrap over groups (Efron & Tibshirani, ch. 13).

    Where every vote agrees no resample can differ. The lower end is then that of Wilson's interval of
    the observed agreement, groups counting as one draw each, at the chance agreement seen.
    """
    whole = sums.lines.sum(axis=0)
    value = float(sums.value(whole[None])[0])
    groups = len(sums.lines)
    if np.isnan(value):
        return Estimate(None, n=sums.n)
    if groups < 2:
        return Estimate(value, n=sums.n)
    if sums.observed(whole) >= 1:
        low = wilson(1.0, groups, student_quantile(groups))[0]
        # value = 1 here, so that chance agreement has to be had from the sums: move agreement to `low`.
        moved = whole.copy()
        moved[1] = low * whole[0]
        return Estimate(value, float(sums.value(moved[None])[0]), 1.0, sums.n)
    found = []
    step = max(1, _CHUNK // groups)
    for start in range(0, resamples, step):
        draws = rng.multinomial(groups, np.full(groups, 1 / groups), size=min(step, resamples - start))
        found.append(sums.value(draws @ sums.lines))
    tail = (1 - LEVEL) / 2
    low, high = np.nanquantile(np.concatenate(found), [tail, 1 - tail])
    return Estimate(value, float(low), float(high), sums.n)


def _beyond(observed: Floats, by_chance: Floats) -> Floats:
    room = 1 - by_chance
    undefined: Bools = room <= 1e-12
    found: Floats = np.where(undefined, np.nan, (observed - by_chance) / np.where(undefined, 1.0, room))
    return found


def _counts(votes: Ints) -> Floats:
    """Votes for each category, shape (thoughts, categories)."""
    n = int(votes.max(initial=-1)) + 1
    return (
        np.stack([(votes == k).sum(axis=1) for k in range(n)], axis=1).astype(float)
        if n
        else np.zeros((0, 0))
    )


def _by_cluster(lines: Floats, cluster: Ints) -> Floats:
    return np.stack([cluster_sums(cluster, column) for column in lines.T], axis=1)
