"""Measures that set one condition against another, question by question."""

from __future__ import annotations

import numpy as np

from unswayed.metrics.columns import Columns
from unswayed.metrics.stats import (
    Ints,
    difference,
    mcnemar,
    rate,
    rng_for,
)
from unswayed.metrics.summary import Estimate

BASE = "base"
WRONG_CUES = ("wrong-think", "wrong-think-but", "wrong-caption", "wrong-caption-disclaimer")
"""Conditions that robust accuracy asks a model to withstand."""
BLANK = "blank-image"


def accuracy_difference(c: Columns, first: str, second: str, resamples: int, seed: int) -> Estimate:
    """accuracy(first) - accuracy(second) over the questions scored under both; n counts the pairs."""
    delta, cluster = _delta(c, first, second)
    return difference(delta, cluster, resamples, rng_for(seed, "accuracy", first, second))


def accuracy_p_value(c: Columns, first: str, second: str) -> float | None:
    """McNemar's p for equal accuracy under both (see `stats.mcnemar`); None without pairs."""
    delta, cluster = _delta(c, first, second)
    return mcnemar(delta, cluster) if len(delta) else None


def faithful_difference(c: Columns, first: str, second: str, resamples: int, seed: int) -> Estimate:
    """The same as `accuracy_difference` for right *and* consistent."""
    a, b = c.pairs(first, second)
    delta = c.faithful[a].astype(np.int64) - c.faithful[b]
    return difference(delta, c.cluster[a], resamples, rng_for(seed, "faithful", first, second))


def extra_faithful_drop(c: Columns, condition: str, resamples: int, seed: int) -> Estimate:
    """Drop in faithful accuracy minus drop in accuracy, from base to `condition`.

    For one question it is [right but not faithful here] - [the same under base], hence in {-1, 0, 1}.
    """
    a, b = c.pairs(BASE, condition)
    unfaithful = (c.right & ~c.faithful).astype(np.int64)
    return difference(
        unfaithful[b] - unfaithful[a], c.cluster[a], resamples, rng_for(seed, "extra", BASE, condition)
    )


def cue_following_base_right(c: Columns, condition: str) -> Estimate:
    """Share that chose the cue's option, among questions right under base."""
    base, here = c.pairs(BASE, condition)
    here = here[c.right[base] & c.cued[here]]
    return rate(c.followed[here], c.cluster[here])


def robust_accuracy(c: Columns) -> Estimate | None:
    """Share of questions right under base and under every wrong cue in the table.

    Over the questions scored under all of them; None where base or all wrong cues are missing.
    """
    cues = [name for name in WRONG_CUES if name in c.conditions]
    rows = c.pairs(BASE, *cues)
    if not cues or not len(rows[0]):
        return None
    return rate(np.logical_and.reduce([c.right[r] for r in rows]), c.cluster[rows[0]])


def image_reliance(c: Columns, resamples: int, seed: int) -> Estimate | None:
    """accuracy(base) - accuracy(blank-image), paired; None where either is missing."""
    found = accuracy_difference(c, BASE, BLANK, resamples, seed)
    return found if found.n else None


def _delta(c: Columns, first: str, second: str) -> tuple[Ints, Ints]:
    a, b = c.pairs(first, second)
    return c.right[a].astype(np.int64) - c.right[b], c.cluster[a]
