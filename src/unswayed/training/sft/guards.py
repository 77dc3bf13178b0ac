"""What ends a finetuning before its last step: a loss that rises and stays up (and one that is no number)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unswayed.training import guards
from unswayed.training.config import grpo as settings
from unswayed.training.sft.settings import Guard


class Rising:
    """Sees the loss of one step after the other, and says when the model has come apart."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._first: list[float] = []
        self.since = 0
        """First of the steps in a row whose loss is too high; 0: the last one's was not."""

    def see(self, step: int, logs: Mapping[str, Any]) -> str | None:
        """Take in a step's numbers; why the run is to be stopped, or None."""
        n, loss = self._guard.patience, logs["loss"]
        if not n:
            return None
        if len(self._first) < n:
            self._first.append(loss)
            return None
        edge = self._guard.rise * sum(self._first) / n
        self.since = (self.since or step) if loss > edge else 0
        if self.since and step - self.since + 1 >= n:
            return f"since step {self.since} the loss is above {edge:.3g}"
        return None


class Watch(guards.Watch):
    """`guards.Watch` for a loss without rewards."""

    table, other = "sft", ", or with a longer sft.warmup"

    def __init__(self, file: Path, guard: Guard, **how: Any) -> None:
        """`how`: as there (until, stop, progress)."""
        self._rise = guard
        super().__init__(file, guard=settings.Guard(patience=guard.patience), **how)

    def _fresh(self) -> Any:
        return Rising(self._rise)

    def _note(self, logs: Mapping[str, Any]) -> str:
        return f"loss {logs['loss']:.3f}"
