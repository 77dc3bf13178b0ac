"""Reward parts that depend on the rest of the group: pure functions, after `score.score_rollout`.

Rollouts are ordered group by group, `size` each. NaN marks a rollout whose reward is unknown; it enters no
mean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from unswayed.training.augmentation import TrainingPrompt
from unswayed.training.config.reward import RewardSettings
from unswayed.training.rewards.score import RolloutReward

Floats: TypeAlias = npt.NDArray[np.float64]
_MIN_CORRECT = 0.1  # GRPO-CARE's threshold of a correct rollout
_ROUNDING = 1e-9


def add_group_rewards(
    rewards: Sequence[RolloutReward], rows: Sequence[TrainingPrompt], size: int, settings: RewardSettings
) -> list[RolloutReward]:
    """The rewards with the parts ``cross``, ``obeyed`` and ``care`` added, where they have a weight."""
    if not (settings.cross or settings.obey or settings.care):
        return list(rewards)
    scale = settings.correct + settings.finish or 1.0
    correct_parts = [math.nan if math.isnan(r.total) else _correct_part(r, settings) / scale for r in rewards]
    others = cross_condition_means(correct_parts, [row.condition for row in rows], size)
    bonus = care_bonus(
        [r.correct for r in rewards],
        [r.more.get("likely", 0.0) for r in rewards],
        size,
        margin=settings.care_margin,
        cap=settings.care_cap,
    )
    out = []
    for reward, row, other, care in zip(rewards, rows, others.tolist(), bonus.tolist(), strict=True):
        more, total = dict(reward.more), reward.total
        if settings.cross:
            more["cross"] = other
            right, finish, finish_only = _correctness(reward, settings)
            parts = (reward.format, right, reward.consistent)
            factor = 1 + settings.cross * other
            total += settings.total(*parts, finish=finish, finish_only=finish_only, factor=factor)
            total -= settings.total(*parts, finish=finish, finish_only=finish_only)
        if settings.obey:
            cue = row.prompt.cue
            wrong = cue is not None and cue.option is not None and cue.option != row.question.gold
            more["obeyed"] = float(wrong and cue is not None and reward.reading.answer == cue.option)
            total -= settings.obey * more["obeyed"]
        if settings.care:
            more["care"] = care * reward.correct
            total += settings.care * more["care"]
        out.append(replace(reward, total=total, more=more))
    return out


def _correctness(reward: RolloutReward, settings: RewardSettings) -> tuple[float, float, bool]:
    right = reward.more["expected"] if settings.expected else reward.correct
    return right, reward.more.get("finish", 0.0), bool(reward.more.get("finish_only", 0.0))


def _correct_part(reward: RolloutReward, settings: RewardSettings) -> float:
    return settings.correct_part(*_correctness(reward, settings))


def cross_condition_means(values: Sequence[float], conditions: Sequence[str], size: int) -> Floats:
    """For every rollout, the mean of `values` over the rollouts of its group with another condition (n,).

    0 where there are none. The mean over j with c_j ≠ c_i in R3's reward.
    """
    v = np.asarray(values, float)
    out = np.zeros(len(v))
    for start in range(0, len(v), size):
        names = np.array(conditions[start : start + size])
        group = v[start : start + size]
        for i, name in enumerate(names):
            others = group[(names != name) & ~np.isnan(group)]
            out[start + i] = others.mean() if len(others) else 0.0
    return out


def care_bonus(
    correct: Sequence[float],
    likelihood: Sequence[float],
    size: int,
    *,
    margin: float = 0.0,
    cap: float = 0.95,
) -> Floats:
    """Which rollouts get the consistency bonus (n,), 0 or 1: GRPO-CARE (arXiv 2506.16141).

    Within a group, the correct ones (above 0.1 and not below the group's mean) whose likelihood, capped at
    `cap`, is at least the mean over the correct ones less `margin`.
    """
    c, p = np.asarray(correct, float), np.minimum(np.asarray(likelihood, float), cap)
    out = np.zeros(len(c))
    for start in range(0, len(c), size):
        at = slice(start, start + size)
        right = (c[at] > _MIN_CORRECT) & (c[at] >= c[at].mean() - _ROUNDING)
        if right.any():
            out[at] = right & (p[at] >= p[at][right].mean() - margin - _ROUNDING)
    return out
