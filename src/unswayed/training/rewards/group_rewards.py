"""What the rollouts of one group earn by each other: pure functions, between `rewards.score` and the total.

Rollouts stand group by group, `size` each; NaN marks one that could not be paid, and it is in no mean.
Decided here: only those count that were asked in another way (R3), or that are right (GRPO-CARE).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from unswayed.training.augmentation import Row
from unswayed.training.config.reward import Recipe
from unswayed.training.grpo.advantages import Floats
from unswayed.training.rewards.score import Score


def settle(scores: Sequence[Score], rows: Sequence[Row], size: int, recipe: Recipe) -> list[Score]:
    """The scores with what depends on their group: parts ``cross``, ``obeyed``, ``care``, and the total."""
    if not (recipe.cross or recipe.obey or recipe.care):
        return list(scores)
    full = recipe.correct + recipe.finish or 1.0
    paid = [math.nan if math.isnan(s.total) else _right(s, recipe) / full for s in scores]
    lifts = cross(paid, [row.condition for row in rows], size)
    likely = [s.more.get("likely", 0.0) for s in scores]
    sure = assured([s.correct for s in scores], likely, size, margin=recipe.care_margin, cap=recipe.care_cap)
    out = []
    for each, row, others, bonus in zip(scores, rows, lifts.tolist(), sure.tolist(), strict=True):
        more, total = dict(each.more), each.total
        if recipe.cross:
            more["cross"] = others
            right, blind, only = _paid_for(each, recipe)
            lift = recipe.cross * others
            total += recipe.total(each.format, right, each.consistent, finish=blind, only=only, lift=1 + lift)
            total -= recipe.total(each.format, right, each.consistent, finish=blind, only=only)
        if recipe.obey:
            cue = row.prompt.cue
            wrong = cue is not None and cue.option is not None and cue.option != row.question.gold
            more["obeyed"] = float(wrong and cue is not None and each.reading.answer == cue.option)
            total -= recipe.obey * more["obeyed"]
        if recipe.care:
            more["care"] = bonus * each.correct
            total += recipe.care * more["care"]
        out.append(replace(each, total=total, more=more))
    return out


def _paid_for(each: Score, recipe: Recipe) -> tuple[float, float, bool]:
    right = each.more["expected"] if recipe.expected else each.correct
    return right, each.more.get("finish", 0.0), bool(each.more.get("finish_only", 0.0))


def _right(each: Score, recipe: Recipe) -> float:
    return recipe.right(*_paid_for(each, recipe))


def cross(paid: Sequence[float], conditions: Sequence[str], size: int) -> Floats:
    """For every rollout, the mean of `paid` over those of its group asked in another way (n,); 0 without any.

    The mean over j with c_j ≠ c_i in R3's reward.
    """
    p = np.asarray(paid, float)
    out = np.zeros(len(p))
    for start in range(0, len(p), size):
        names = np.array(conditions[start : start + size])
        values = p[start : start + size]
        for i, name in enumerate(names):
            others = values[(names != name) & ~np.isnan(values)]
            out[start + i] = others.mean() if len(others) else 0.0
    return out


def assured(
    correct: Sequence[float], likely: Sequence[float], size: int, *, margin: float = 0.0, cap: float = 0.95
) -> Floats:
    """Which rollouts get the consistency bonus (n,), 0 or 1: GRPO-CARE (arXiv 2506.16141).

    Within a group, the right ones (correct above 0.1 and not below the group's mean) whose likelihood, cut at
    `cap`, is at least the mean over the right ones less `margin`.
    """
    c, p = np.asarray(correct, float), np.minimum(np.asarray(likely, float), cap)
    out = np.zeros(len(c))
    for start in range(0, len(c), size):
        at = slice(start, start + size)
        right = (c[at] > 0.1) & (c[at] >= c[at].mean() - 1e-9)
        if right.any():
            out[at] = right & (p[at] >= p[at][right].mean() - margin - 1e-9)
    return out
