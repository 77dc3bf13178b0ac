"""Detects a collapsed GRPO run: pure, from the numbers that every step logs.

A sign counts only if it lasts, step after step. What a study may want to see (short thoughts, certain
answers) is not a collapse by itself. By default two things are: a reward that was once reached and is lost,
and rollouts that are all alike with equal rewards, from which nothing is learned, while not nearly all are
correct.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import median
from typing import Any

from unswayed.training.config.grpo import GuardSettings

SOLVED = 0.9
"""Share of correct rollouts above which equal rollouts are not a collapse."""


class CollapseDetector:
    """Sees the numbers of one step after the other and says when a run has collapsed.

    A resumed run shows it the earlier steps first; its state is then that of an uninterrupted run.
    """

    def __init__(self, guard: GuardSettings) -> None:
        self._guard = guard
        self._best_reward = -math.inf
        self._rewards: list[float] = []
        self._lengths: list[float] = []
        self._since: dict[str, int] = {}

    @property
    def since(self) -> int:
        """First of the consecutive steps that look collapsed; 0: the last step does not."""
        return min(self._since.values(), default=0)

    def update(self, step: int, logs: Mapping[str, Any]) -> str | None:
        """Takes in a step's metrics; the reason to stop the run, or None."""
        patience = self._guard.patience
        if not patience:
            return None
        signs = self._signs(logs)
        self._since = {name: self._since.get(name, step) for name in signs}
        for name, since in self._since.items():
            if step - since + 1 >= patience:
                return f"since step {since} {signs[name]}"
        return None

    def _signs(self, logs: Mapping[str, Any]) -> dict[str, str]:
        """What is too low in this step, in words."""
        guard, n = self._guard, self._guard.patience
        signs: dict[str, str] = {}
        reward, entropy, length = (
            _number(logs.get(name)) for name in ("reward", "entropy", "completions/mean_length")
        )
        if reward is not None:
            # A median, because a reward that was reached by chance was never reached.
            if self._best_reward > 0 and reward < (bound := guard.reward * self._best_reward):
                signs["reward"] = (
                    f"the mean reward is below {bound:.3g}; its best was {self._best_reward:.3g}"
                )
            self._rewards = [*self._rewards, reward][-n:]
            if len(self._rewards) == n:
                self._best_reward = max(self._best_reward, median(self._rewards))
        if entropy is not None and entropy < guard.entropy and _nothing_to_learn(logs):
            signs["entropy"] = (
                f"the entropy is below {guard.entropy:g} nats and every group has equal rewards"
            )
        if length is not None:
            if len(self._lengths) < n:
                self._lengths.append(length)
            elif length < (bound := guard.length * (first := sum(self._lengths) / n)):
                signs["length"] = (
                    f"rollouts have fewer than {bound:.3g} tokens; at first they had {first:.3g}"
                )
        return signs


def _nothing_to_learn(logs: Mapping[str, Any]) -> bool:
    """All groups are dead under every condition, and over all conditions not nearly all rollouts are
    correct."""
    dead, correct = ([v for k, v in logs.items() if k.endswith(end)] for end in ("/dead_groups", "/correct"))
    return bool(dead) and min(dead) >= 1 and sum(correct) < SOLVED * len(correct)


def _number(value: Any) -> float | None:
    return None if value is None or math.isnan(value) else float(value)
