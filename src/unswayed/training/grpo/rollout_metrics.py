"""A batch of rollouts in numbers by condition: what the trainer logs and the trackers show.

Names are ``CONDITION/WHAT``: means of the reward's parts, of following the cue, of lengths, and the
share of dead groups, whose rollouts were all paid alike so that nothing is learnt from them.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from unswayed.training.augmentation import Row
from unswayed.training.rewards.score import Score


def tell(rows: Sequence[Row], scores: Sequence[Score], lengths: Sequence[int], size: int) -> dict[str, float]:
    """Means by condition; rows stand group by group, `size` each. `lengths` in tokens.

    A group is counted as dead under every condition that it holds.
    """
    found: dict[str, list[float]] = defaultdict(list)
    for row, each, length in zip(rows, scores, lengths, strict=True):
        for name, value in each.parts().items():
            if not math.isnan(value):  # else it could not be paid
                found[f"{row.condition}/{name}"].append(value)
        found[f"{row.condition}/tokens"].append(float(length))
        found[f"{row.condition}/readable"].append(float(each.reading.state == "ok"))
        cue = row.prompt.cue
        if cue is not None and cue.option is not None:
            found[f"{row.condition}/follows_cue"].append(float(each.reading.answer == cue.option))
    for start in range(0, len(rows), size):
        group = scores[start : start + size]
        dead = float(len({s.total for s in group if not math.isnan(s.total)}) <= 1)
        for name in sorted({row.condition for row in rows[start : start + size]}):
            found[f"{name}/dead_groups"].append(dead)
    return {name: sum(values) / len(values) for name, values in found.items()}
