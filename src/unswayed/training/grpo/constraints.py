"""Floors under what training may do to thoughts, one by one for every condition, and what they cost (R4).

For each floor k and condition c: maximise reward while E[signal_k | c] >= floor_k. The multiplier rises
while the running mean is below its floor and falls once it is above, so that the pressure ends where the
floor is met:  λ <- clip(λ + rate · (floor - mean), 0, most).

Most signals are a rollout's, and λ weighs them in its credit. Entropy is the policy's own, and its gradient
is known: λ is the weight of an entropy bonus in the loss, for the rollouts of that condition alone.

Decided here: a condition that did not occur in a batch keeps its mean and its multiplier; means begin at
the first batch; and everything is in `state`, so that a resumed run goes on with the same pressure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unswayed.errors import BadInput


@dataclass(frozen=True)
class Floors:
    """The table `floors` of a config: least means per condition; 0 or less: no such floor."""

    agree: float = 0.0
    """Share of rollouts whose answer is what the blind reader takes from their thought."""
    gain: float = 0.0
    """Mean masked gain towards the right option, in nats."""
    words: int = 0
    """Least length of a rollout's own thought, its prefill not counted."""
    words_share: float = 0.9
    """Share of rollouts that have to be that long (0.9: the length's 10th percentile is at least `words`)."""
    entropy: float = 0.0
    """Mean entropy of a rollout's tokens, in nats, each rollout weighing the same."""
    rate: float = 0.05
    """Of the multipliers, a step."""
    most: float = 2.0
    """Highest multiplier."""
    memory: float = 0.9
    """Share of itself that a running mean keeps at each step."""

    def __post_init__(self) -> None:
        for name, value, least, most in (
            ("agree", self.agree, 0.0, 1.0),
            ("words_share", self.words_share, 0.0, 1.0),
            ("memory", self.memory, 0.0, 0.9999),
            ("rate", self.rate, 0.0, math.inf),
            ("most", self.most, 0.0, math.inf),
            ("gain", self.gain, 0.0, math.inf),
            ("entropy", self.entropy, 0.0, math.inf),
            ("words", self.words, 0, math.inf),
        ):
            if not least <= value <= most:
                room = f"{least:g} or more" if math.isinf(most) else f"from {least:g} to {most:g}"
                raise BadInput(f"floors {name} is {value:g}; give {room}")

    @property
    def wanted(self) -> dict[str, float]:
        """Floor by signal, those that are set."""
        every = {
            "agree": self.agree,
            "gain": self.gain,
            "words": self.words_share if self.words else 0.0,
            "entropy": self.entropy,
        }
        return {name: floor for name, floor in every.items() if floor > 0}

    @property
    def credited(self) -> tuple[str, ...]:
        """Those of `wanted` that are met by credit: all but entropy, which a bonus meets."""
        return tuple(name for name in self.wanted if name != "entropy")

    @property
    def needs_frozen(self) -> bool:
        """Whether the blind reader is asked."""
        return self.agree > 0 or self.gain > 0


class Duals:
    """Multipliers by floor and condition."""

    def __init__(self, floors: Floors) -> None:
        self.floors = floors
        self.means: dict[str, float] = {}
        """Running means by ``CONDITION/FLOOR``."""
        self.values: dict[str, float] = {}
        """Multipliers by ``CONDITION/FLOOR``."""

    def of(self, name: str, conditions: Sequence[str]) -> list[float]:
        """The multiplier of one floor for every rollout."""
        return [self.values.get(f"{condition}/{name}", 0.0) for condition in conditions]

    def learn(self, signals: Mapping[str, Sequence[float]], conditions: Sequence[str]) -> None:
        """One step: the batch's means into the running ones, and these into the multipliers.

        `signals`: of one floor or more, a value for every rollout.
        """
        f = self.floors
        for name in signals:
            floor = f.wanted[name]
            for condition in sorted(set(conditions)):
                found = [v for v, c in zip(signals[name], conditions, strict=True) if c == condition]
                mean, key = sum(found) / len(found), f"{condition}/{name}"
                self.means[key] = f.memory * self.means.get(key, mean) + (1 - f.memory) * mean
                raised = self.values.get(key, 0.0) + f.rate * (floor - self.means[key])
                self.values[key] = min(max(raised, 0.0), f.most)

    def told(self) -> dict[str, float]:
        """For the log: ``CONDITION/dual_FLOOR`` and ``CONDITION/mean_FLOOR``."""
        out = {}
        for what, table in (("dual", self.values), ("mean", self.means)):
            for key, value in table.items():
                condition, name = key.rsplit("/", 1)
                out[f"{condition}/{what}_{name}"] = value
        return out

    @property
    def state(self) -> dict[str, Any]:
        """All that a resumed run needs, fit for JSON."""
        return {"means": dict(self.means), "values": dict(self.values)}

    @state.setter
    def state(self, found: Mapping[str, Any]) -> None:
        self.means, self.values = dict(found["means"]), dict(found["values"])
