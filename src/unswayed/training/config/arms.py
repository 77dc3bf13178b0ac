"""Named arms: the settings that each name stands for."""

from __future__ import annotations

_AUGMENTED: dict[str, object] = {
    f"augment.{cue}": 0.1 for cue in ("wrong_caption", "correct_caption", "wrong_think", "correct_think")
}
_FAITHFUL: dict[str, object] = {"reward.combine": "multiplicative"}
# Where rewards are probabilities, division by a group's own deviation would inflate tiny differences.
_BATCH_SCALED: dict[str, object] = {"grpo.scale_rewards": "batch"}
_FINISHED: dict[str, object] = {"reward.correct": 0.5, "reward.finish": 0.5}
# Two thirds of the rollouts of a paired question have a cue: 40 % of all rollouts, as in grpo+aug.
_PAIRED: dict[str, object] = dict.fromkeys(_AUGMENTED, 0.15) | {
    "augment.groups": "paired",
    "reward.cross": 0.5,
    "reward.obey": 0.5,
    "grpo.scale_rewards": "none",
}
ARMS: dict[str, dict[str, object]] = {
    "grpo": {},
    "grpo+aug": dict(_AUGMENTED),
    "grpo+faith": dict(_FAITHFUL),
    "grpo+aug+faith": {**_AUGMENTED, **_FAITHFUL},
    "care": {**_AUGMENTED, "reward.care": 0.5, "reward.care_ema": 0.995},
    "r1": {**_AUGMENTED, **_FINISHED, **_BATCH_SCALED},
    "r2": {**_AUGMENTED, "reward.segments": True, "reward.gain": 0.5, **_BATCH_SCALED},
    "r3": dict(_PAIRED),
    "r1+r3": {**_PAIRED, **_FINISHED},
    "r4": {**_AUGMENTED, "floors.agree": 0.8, "floors.gain": 0.1, "floors.words": 6, **_BATCH_SCALED},
    "r5": {**_AUGMENTED, "reward.expected": True, **_BATCH_SCALED},
}
"""Settings by arm name: the paper's four arms, GRPO-CARE, and our recipes R1 blind finish, R2 segment
advantages, R3 paired groups, R4 floors, R5 expected answers."""

DEFINING = frozenset(name for settings in ARMS.values() for name in settings)
"""Settings that tell the named arms apart. An arm that does not name one of them has its default value."""
