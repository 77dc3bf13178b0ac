"""Claim C12: seeds differ more than recipes, from the variance components of the last common audit."""

from __future__ import annotations

import numpy as np

from unswayed.metrics.paired import BASE
from unswayed.metrics.stats import Floats, rng_for
from unswayed.metrics.summary import ClaimPart, Estimate, Verdict
from unswayed.metrics.training.series import ALL_CONDITIONS, ROBUST, StudySeries
from unswayed.metrics.training.trajectories import Series
from unswayed.metrics.training.variance_components import MIN_SEEDS, Components, variance_components
from unswayed.metrics.training.verdicts import TrainingClaim

DECOMPOSED = (("accuracy", BASE), ("consistency", BASE), (ROBUST, ALL_CONDITIONS))
"""(measure, condition) whose variance is decomposed, each separately; the claim is about all of them."""
_TEXT = "Seeds differ more than recipes."
_RULE = (
    "The share of seeds in the variance between runs, seeds / (seeds + recipes), minus one half, for "
    "accuracy, consistency and robust accuracy. The claim holds where all three are above zero and does not "
    f"hold where all are below. It is decided with {MIN_SEEDS} seeds per arm or more."
)


def variance_shares(study: StudySeries, seed: int = 0) -> dict[tuple[str, str], Components]:
    """Variance components at the last step common to all arms, by (measure, condition) of `DECOMPOSED`."""
    steps = study.common()
    by_measure = {}
    for name, condition in DECOMPOSED if steps else ():
        runs = []
        for arm in study.arms:
            series = study.find(arm, name, condition)
            index = np.zeros(0, int) if series is None else np.flatnonzero(series.steps == steps[-1])
            if series is not None and len(index):
                runs.append(_linearised(series, int(index[0])))
        if len(runs) < len(study.arms):
            continue
        components = variance_components(runs, rng_for(seed, "components", name))
        if components is not None:
            by_measure[name, condition] = components
    return by_measure


def seed_claim(study: StudySeries, seed: int = 0) -> TrainingClaim:
    """C12 with its verdict."""
    by_measure = variance_shares(study, seed)
    known = {key: c for key, c in by_measure.items() if c.share.value is not None}
    min_seeds = min((len(seeds) for seeds in study.seeds.values()), default=0)
    if not known:
        verdict: Verdict = "undecided" if by_measure else "not tested"
        reason = "no difference between runs"
        if not by_measure:
            reason = f"{len(study.arms)} arm(s), {min_seeds} seed(s) in the smallest"
        return TrainingClaim("C12", _TEXT, verdict, _RULE, (), note=f"No variance to decompose: {reason}.")
    parts = tuple(_part(name, c) for (name, _), c in known.items())
    if not all(c.enough for c in known.values()):
        note = (
            f"{min_seeds} seed(s) in the smallest arm: with fewer than {MIN_SEEDS} the variance between "
            "seeds is too uncertain, so nothing is decided."
        )
        return TrainingClaim("C12", _TEXT, "undecided", _RULE, parts, note=note)
    verdict = "undecided"
    if all(p.estimate.low is not None and p.estimate.low > 0 for p in parts):
        verdict = "holds"
    elif all(p.estimate.high is not None and p.estimate.high < 0 for p in parts):
        verdict = "does not hold"
    return TrainingClaim("C12", _TEXT, verdict, _RULE, parts)


def _part(name: str, c: Components) -> ClaimPart:
    label = f"share of seeds in the variance of {name.replace('_', ' ')}, minus one half"
    value, low, high = (None if x is None else x - 0.5 for x in (c.share.value, c.share.low, c.share.high))
    return ClaimPart(label, "points", Estimate(value, low, high, c.share.n), seeds=c.fewest)


def _linearised(series: Series, index: int) -> Floats:
    """Values by group whose mean over groups is the measure, shape (seeds, groups).

    The ratio is linearised about its value, so that groups weigh by their denominators.
    """
    total, count = series.total[:, index], series.count[:, index]
    ratio = series.values[:, index][:, None]
    values: Floats = ratio + (total - ratio * count) / count.mean(axis=1, keepdims=True)
    return values
