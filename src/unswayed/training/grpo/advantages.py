"""From rewards to the credit that a rollout, or each of its tokens, gets against its group.

Pure functions over arrays. The n rollouts of a batch stand group by group, `size` each; NaN marks a
rollout that could not be paid: it is in no mean, and its credit is 0. Decided here:

* Credit is what TRL's is, ``(r - mean) / (std + 1e-4)`` within the group, over the batch, or undivided.
* By segments (R2), thought and answer have a credit each, normalised apart, for their own tokens.
* Under floors (R4), a signal is normalised like a reward and weighted by its condition's multiplier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Scale = Literal["group", "batch", "none"]
_TINY = 1e-4
"""TRL's."""


def credit(rewards: Sequence[float] | Floats, size: int, scale: Scale) -> Floats:
    """Advantage of every rollout (n,): TRL's, ``sum_then_normalize``."""
    r = np.asarray(rewards, float).reshape(-1, size)
    centred = r - _mean(r)
    if scale == "group":
        centred = centred / (_std(r) + _TINY)
    elif scale == "batch":
        centred = centred / (_std(r.reshape(1, -1)) + _TINY)
    found: Floats = np.nan_to_num(centred.reshape(-1), nan=0.0)
    return found


def segmented(
    shared: Sequence[float],
    thought: Sequence[float],
    answer: Sequence[float],
    ends: Sequence[int],
    length: int,
    size: int,
    scale: Scale,
    *,
    weight: float,
) -> Floats:
    """Credit of every token (n, length): R2. Tokens below `ends` (n) are thought, the others answer.

    Each token gets the credit of its segment plus `weight` times that of `shared` (the format): so a right
    answer against its thought helps nothing, and a thought gains nothing from a lucky answer.
    """
    of_all = weight * credit(shared, size, scale)
    inside = np.arange(length)[None, :] < np.asarray(ends)[:, None]
    found: Floats = np.where(
        inside,
        (credit(thought, size, scale) + of_all)[:, None],
        (credit(answer, size, scale) + of_all)[:, None],
    )
    return found


def constrained(
    rewards: Sequence[float],
    signals: Mapping[str, Sequence[float]],
    multipliers: Mapping[str, Sequence[float]],
    size: int,
    scale: Scale,
) -> Floats:
    """Credit of every rollout under floors (n,): R4, ``Â + Σ_k λ_k,c · Â_k``.

    `multipliers`: λ of each rollout's own condition, by constraint.
    """
    total = credit(rewards, size, scale)
    for name, values in signals.items():
        total = total + np.asarray(multipliers[name], float) * credit(values, size, scale)
    return total


def _mean(rows: Floats) -> Floats:
    known = ~np.isnan(rows)
    count = np.maximum(known.sum(1, keepdims=True), 1)
    found: Floats = np.where(known, rows, 0.0).sum(1, keepdims=True) / count
    return found


def _std(rows: Floats) -> Floats:
    """Of a sample (Bessel's correction), NaN left out; 0 where there is none."""
    known = ~np.isnan(rows)
    count = known.sum(1, keepdims=True)
    squares = np.where(known, rows - _mean(rows), 0.0) ** 2
    found: Floats = np.sqrt(squares.sum(1, keepdims=True) / np.maximum(count - 1, 1))
    return found
