"""Lagrange multipliers of the floors, separately for every condition (R4).

For each floor k and condition c: maximise the reward subject to E[signal_k | c] >= floor_k. The multiplier
rises while the running mean is below its floor and falls once it is above:  λ <- clip(λ + rate · (floor -
mean), 0, most).

Most signals belong to a rollout, and λ weights them in its advantage. Entropy belongs to the policy, and its
gradient is known: λ is the weight of an entropy bonus in the loss, for the rollouts of that condition alone.

A condition that does not occur in a batch keeps its mean and its multiplier; means start at the first batch;
`state` holds everything, so that a resumed run continues with the same multipliers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unswayed.training.config.floors import FloorSettings


class Multipliers:
    """Multipliers by floor and condition."""

    def __init__(self, floors: FloorSettings) -> None:
        self.floors = floors
        self.means: dict[str, float] = {}
        """Running means by ``CONDITION/FLOOR``."""
        self.values: dict[str, float] = {}
        """Multipliers by ``CONDITION/FLOOR``."""

    def by_rollout(self, name: str, conditions: Sequence[str]) -> list[float]:
        """The multiplier of one floor for every rollout, given their conditions."""
        return [self.values.get(f"{condition}/{name}", 0.0) for condition in conditions]

    def update(self, signals: Mapping[str, Sequence[float]], conditions: Sequence[str]) -> None:
        """One step: the batch's means enter the running means, and these the multipliers.

        `signals`: for one floor or more, a value for every rollout.
        """
        f = self.floors
        for name in signals:
            floor = f.active[name]
            for condition in sorted(set(conditions)):
                values = [v for v, c in zip(signals[name], conditions, strict=True) if c == condition]
                mean, key = sum(values) / len(values), f"{condition}/{name}"
                self.means[key] = f.memory * self.means.get(key, mean) + (1 - f.memory) * mean
                raised = self.values.get(key, 0.0) + f.rate * (floor - self.means[key])
                self.values[key] = min(max(raised, 0.0), f.most)

    def log_values(self) -> dict[str, float]:
        """For the log: ``CONDITION/dual_FLOOR`` (multiplier) and ``CONDITION/mean_FLOOR``."""
        logs = {}
        for kind, table in (("dual", self.values), ("mean", self.means)):
            for key, value in table.items():
                condition, name = key.rsplit("/", 1)
                logs[f"{condition}/{kind}_{name}"] = value
        return logs

    @property
    def state(self) -> dict[str, Any]:
        """All that a resumed run needs, fit for JSON."""
        return {"means": dict(self.means), "values": dict(self.values)}

    @state.setter
    def state(self, stored: Mapping[str, Any]) -> None:
        self.means, self.values = dict(stored["means"]), dict(stored["values"])
