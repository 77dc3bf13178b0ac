"""Metrics of a batch of rollouts by condition, for the trainer's log and the trackers.

Names are ``CONDITION/METRIC``: means of the reward's parts, of cue following, of lengths, and the share of
dead groups, whose rollouts all have equal rewards, so that nothing is learned from them.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from unswayed.training.augmentation import TrainingPrompt
from unswayed.training.rewards.score import RolloutReward


def metrics_by_condition(
    rows: Sequence[TrainingPrompt], rewards: Sequence[RolloutReward], lengths: Sequence[int], size: int
) -> dict[str, float]:
    """Means by condition; rows are ordered group by group, `size` each. `lengths` in tokens.

    A group counts as dead under every condition that it contains.
    """
    values: dict[str, list[float]] = defaultdict(list)
    for row, reward, length in zip(rows, rewards, lengths, strict=True):
        for name, value in reward.parts().items():
            if not math.isnan(value):  # NaN: the reward is unknown
                values[f"{row.condition}/{name}"].append(value)
        values[f"{row.condition}/tokens"].append(float(length))
        values[f"{row.condition}/readable"].append(float(reward.reading.state == "ok"))
        cue = row.prompt.cue
        if cue is not None and cue.option is not None:
            values[f"{row.condition}/follows_cue"].append(float(reward.reading.answer == cue.option))
    for start in range(0, len(rows), size):
        group = rewards[start : start + size]
        dead = float(len({r.total for r in group if not math.isnan(r.total)}) <= 1)
        for name in sorted({row.condition for row in rows[start : start + size]}):
            values[f"{name}/dead_groups"].append(dead)
    return {name: sum(each) / len(each) for name, each in values.items()}
