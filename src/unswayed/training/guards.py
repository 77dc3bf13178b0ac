"""Writes the metrics of every step, and ends a training before its last step where that is due.

A loss or gradient that is not finite stops the run before anything is saved, so the last checkpoint stays
good. While a run looks collapsed no checkpoint is written, and one that was due waits; a collapse that lasts
stops the run. A request to stop (Ctrl-C, a step limit) lets the step end and saves it. Where rollouts serve
several steps, checkpoints and requests wait for the last of them, because a resumed run starts with new
rollouts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from transformers import TrainerCallback

from unswayed.errors import TrainingFailed


class Diverged(TrainingFailed):
    """The loss or gradient is not finite; the text says at which step, and what to lower."""


class Collapsed(TrainingFailed):
    """Nothing is learned any more; the text says what fell, when, and what to change."""


class Detector(Protocol):
    """Detects from each step's metrics that a run is to be stopped."""

    @property
    def since(self) -> int:
        """First of the consecutive steps that look bad; 0: the last step does not."""

    def update(self, step: int, logs: Mapping[str, Any]) -> str | None:
        """Takes in a step's metrics; the reason to stop the run, or None."""


class TrainingMonitor(TrainerCallback):  # type: ignore[misc]
    """Writes `metrics.jsonl`, reports progress, and stops: on request, on a collapse, or on a non-finite
    loss."""

    table = "grpo"
    """The config's table that messages name."""
    other_remedies = ", or with grpo.beta or floors.entropy above 0"
    """What else may help against a collapse."""

    def __init__(
        self,
        file: Path,
        *,
        detector: Callable[[], Detector],
        patience: int,
        steps_per_batch: int = 1,
        until: int | None = None,
        stop: Callable[[], bool] = lambda: False,
        on_progress: Callable[[int, int | None, str], None] | None = None,
    ) -> None:
        """`detector` makes a fresh detector; `patience`: its number of steps, for messages;
        `steps_per_batch`: steps that a batch of rollouts serves; `until`: save and stop after that step;
        `stop` is called after every step."""
        self._file, self._until, self._stop, self._on_progress = file, until, stop, on_progress
        self._new_detector, self._patience, self._steps_per_batch = detector, patience, steps_per_batch
        self._detector = detector()
        self._stopping = self._checkpoint_due = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Drops the lines of steps that will be made again."""
        lines = self._file.read_text("utf-8").split("\n")[:-1] if self._file.exists() else []
        kept = [line for line in lines if json.loads(line)["step"] <= state.global_step]
        self._file.write_text("".join(line + "\n" for line in kept), "utf-8")
        self._detector = self._new_detector()
        for line in map(json.loads, kept):
            self._detector.update(line["step"], line)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if not logs or "loss" not in logs:
            return
        for name in ("loss", "grad_norm"):
            value = logs.get(name)
            if value is not None and not math.isfinite(value):
                raise Diverged(
                    f"step {state.global_step}: the {name} is {value}; nothing of this step was saved. "
                    f"Start again in a new folder with a lower {self.table}.lr or "
                    f"{self.table}.max_grad_norm; the last checkpoint is good"
                )
        with self._file.open("a", encoding="utf-8") as out:
            out.write(json.dumps({"step": state.global_step, **logs}) + "\n")
        if self._on_progress is not None:
            self._on_progress(state.global_step, state.max_steps, self._note(logs))
        if reason := self._detector.update(state.global_step, logs):
            raise Collapsed(
                f"step {state.global_step}: {reason}; stopped after {self._patience} such steps; the "
                f"checkpoints are from before them. Start again in a new folder with a lower {self.table}.lr"
                f"{self.other_remedies}; or set guard.patience = 0 to continue here"
            )
        self._schedule_checkpoint(state, control)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._stopping = self._stopping or state.global_step == self._until or self._stop()
        if self._stopping and state.global_step % self._steps_per_batch == 0:
            control.should_save = control.should_training_stop = True

    def _note(self, logs: Mapping[str, Any]) -> str:
        """The text beside the progress bar."""
        return f"reward {logs.get('reward', 0):.2f} length {logs.get('completions/mean_length', 0):.0f}"

    def _schedule_checkpoint(self, state: Any, control: Any) -> None:
        """Writes the checkpoint that is due now, or was before, unless it has to wait."""
        last = control.should_training_stop or state.global_step >= state.max_steps
        if not last and (control.should_save or self._checkpoint_due):
            self._checkpoint_due = bool(self._detector.since or state.global_step % self._steps_per_batch)
            control.should_save = not self._checkpoint_due
