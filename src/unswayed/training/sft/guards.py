"""Ends a finetuning before its last step where the loss rises and stays high, or is not finite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unswayed.training.config.sft import LossGuardSettings
from unswayed.training.guards import TrainingMonitor


class LossRiseDetector:
    """Sees the loss of one step after the other and says when the training diverges."""

    def __init__(self, guard: LossGuardSettings) -> None:
        self._guard = guard
        self._first: list[float] = []
        self.since = 0
        """First of the consecutive steps whose loss is too high; 0: that of the last step is not."""

    def update(self, step: int, logs: Mapping[str, Any]) -> str | None:
        """Takes in a step's metrics; the reason to stop the run, or None."""
        patience, loss = self._guard.patience, logs["loss"]
        if not patience:
            return None
        if len(self._first) < patience:
            self._first.append(loss)
            return None
        bound = self._guard.rise * sum(self._first) / patience
        self.since = (self.since or step) if loss > bound else 0
        if self.since and step - self.since + 1 >= patience:
            return f"since step {self.since} the loss is above {bound:.3g}"
        return None


class SftMonitor(TrainingMonitor):
    """`TrainingMonitor` for a loss without rewards."""

    table, other_remedies = "sft", ", or with a longer sft.warmup"

    def _note(self, logs: Mapping[str, Any]) -> str:
        return f"loss {logs['loss']:.3f}"
