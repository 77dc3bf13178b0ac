"""When a training run has collapsed: pure, from the numbers that every step logs anyway.

Decided here: a sign must last, step after step, before it counts; and what a study may be there to see (short
thoughts, sure answers) is no collapse by itself. By default two things are: pay that was once to be had and
is gone, and rollouts all alike and paid alike, from which nothing is learnt, while not all are right.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import median
from typing import Any

from unswayed.training.config.grpo import Guard

LEARNT = 0.9
"""Share of right rollouts from which a run whose rollouts are all alike has learnt what there was."""


class Alarm:
    """Sees the numbers of one step after the other, and says when a run has collapsed.

    A run that goes on shows it the steps that it has made: then it is as if it had been there all along.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._best = -math.inf
        self._rewards: list[float] = []
        self._lengths: list[float] = []
        self._since: dict[str, int] = {}

    @property
    def since(self) -> int:
        """First of the steps in a row that look collapsed; 0: the last one did not."""
        return min(self._since.values(), default=0)

    def see(self, step: int, logs: Mapping[str, Any]) -> str | None:
        """Take in a step's metrics; why the run is to be stopped, or None."""
        n = self._guard.patience
        if not n:
            return None
        found = self._low(logs)
        self._since = {name: self._since.get(name, step) for name in found}
        for name, since in self._since.items():
            if step - since + 1 >= n:
                return f"since step {since} {found[name]}"
        return None

    def _low(self, logs: Mapping[str, Any]) -> dict[str, str]:
        """What is too low in this step, in words."""
        guard, n = self._guard, self._guard.patience
        low: dict[str, str] = {}
        reward, entropy, length = (
            _number(logs.get(name)) for name in ("reward", "entropy", "completions/mean_length")
        )
        if reward is not None:
            # A median: pay that came by chance, once in a while, was never to be had.
            if self._best > 0 and reward < (edge := guard.reward * self._best):
                low["reward"] = f"the mean reward is below {edge:.3g}, having been {self._best:.3g}"
            self._rewards = [*self._rewards, reward][-n:]
            if len(self._rewards) == n:
                self._best = max(self._best, median(self._rewards))
        if entropy is not None and entropy < guard.entropy and _stuck(logs):
            low["entropy"] = f"the entropy is below {guard.entropy:g} nats and each group is paid alike"
        if length is not None:
            if len(self._lengths) < n:
                self._lengths.append(length)
            elif length < (edge := guard.length * (first := sum(self._lengths) / n)):
                low["length"] = f"rollouts have less than {edge:.3g} tokens, having had {first:.3g}"
        return low


def _stuck(logs: Mapping[str, Any]) -> bool:
    """All groups are dead under every condition, and under all together not nearly all rollouts are right."""
    dead, right = ([v for k, v in logs.items() if k.endswith(end)] for end in ("/dead_groups", "/correct"))
    return bool(dead) and min(dead) >= 1 and sum(right) < LEARNT * len(right)


def _number(value: Any) -> float | None:
    return None if value is None or math.isnan(value) else float(value)
