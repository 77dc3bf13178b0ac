"""From rewards to advantages, of rollouts or of single tokens.

Pure functions over arrays. The n rollouts of a batch are ordered group by group, `size` each; NaN marks a
rollout whose reward is unknown: it enters no mean, and its advantage is 0.

* Advantages are TRL's, ``(r - mean) / (std + 1e-4)`` within the group, over the batch, or undivided.
* By segments (R2), thought and answer have advantages of their own, normalised separately, for their own
  tokens.
* Under floors (R4), a signal is normalised like a reward and weighted by its condition's multiplier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Scale = Literal["group", "batch", "none"]
_EPSILON = 1e-4  # TRL's


def group_advantages(rewards: Sequence[float] | Floats, size: int, scale: Scale) -> Floats:
    """Advantage of every rollout (n,): TRL's ``sum_then_normalize``."""
    r = np.asarray(rewards, float).reshape(-1, size)
    centred = r - _mean(r)
    if scale == "group":
        centred = centred / (_std(r) + _EPSILON)
    elif scale == "batch":
        centred = centred / (_std(r.reshape(1, -1)) + _EPSILON)
    advantages: Floats = np.nan_to_num(centred.reshape(-1), nan=0.0)
    return advantages


def segment_advantages(
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
    """Advantage of every token (n, length): R2. Tokens before `ends` (n) are thought, the others answer.

    Each token gets the advantage of its segment plus `weight` times that of `shared` (the format): a correct
    answer that contradicts its thought helps nothing, and a thought gains nothing from a lucky answer.
    """
    common = weight * group_advantages(shared, size, scale)
    in_thought = np.arange(length)[None, :] < np.asarray(ends)[:, None]
    advantages: Floats = np.where(
        in_thought,
        (group_advantages(thought, size, scale) + common)[:, None],
        (group_advantages(answer, size, scale) + common)[:, None],
    )
    return advantages


def floor_advantages(
    rewards: Sequence[float],
    signals: Mapping[str, Sequence[float]],
    multipliers: Mapping[str, Sequence[float]],
    size: int,
    scale: Scale,
) -> Floats:
    """Advantage of every rollout under floors (n,): R4, ``Â + Σ_k λ_k,c · Â_k``.

    `multipliers`: λ of each rollout's own condition, by floor.
    """
    total = group_advantages(rewards, size, scale)
    for name, values in signals.items():
        total = total + np.asarray(multipliers[name], float) * group_advantages(values, size, scale)
    return total


def _mean(rows: Floats) -> Floats:
    known = ~np.isnan(rows)
    count = np.maximum(known.sum(1, keepdims=True), 1)
    means: Floats = np.where(known, rows, 0.0).sum(1, keepdims=True) / count
    return means


def _std(rows: Floats) -> Floats:
    """Sample standard deviation (Bessel's correction) without NaN; 0 where there is none."""
    known = ~np.isnan(rows)
    count = known.sum(1, keepdims=True)
    squares = np.where(known, rows - _mean(rows), 0.0) ** 2
    deviations: Floats = np.sqrt(squares.sum(1, keepdims=True) / np.maximum(count - 1, 1))
    return deviations
