"""What ends a training before its last step, and what is written down at every step.

Decided here: a loss or gradient that is no number stops the run before anything is saved, so the last
checkpoint stays good. While a run looks collapsed no checkpoint is written, and one that was due waits; what
lasts stops the run. A wish to stop (Ctrl-C, a step limit) lets the step end and saves it. Where rollouts are
used in several steps, checkpoints and wishes wait for the last of these: a run goes on with new rollouts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from unswayed.errors import TrainingFailed
from unswayed.training.collapse import Alarm
from unswayed.training.config.grpo import Guard


class Diverged(TrainingFailed):
    """Training produced what is no number; the text says at which step, and what to lower."""


class Collapsed(TrainingFailed):
    """Training went on without learning anything; the text says what fell, when, and what to change."""


class Watch(TrainerCallback):  # type: ignore[misc]
    """Writes `metrics.jsonl`, tells progress, and stops: when wished, on a collapse, or without a number."""

    table = "grpo"
    """Of the settings that a message names."""
    other = ", or with grpo.beta or floors.entropy above 0"
    """What else may help against a collapse."""

    def __init__(
        self,
        file: Path,
        *,
        until: int | None = None,
        stop: Callable[[], bool] = lambda: False,
        progress: Callable[[int, int | None, str], None] | None = None,
        guard: Guard | None = None,
        uses: int = 1,
    ) -> None:
        """`until`: save and stop after that step. `stop`: asked after every step. `guard`: what a collapse
        is. `uses`: steps for which a batch of rollouts serves."""
        self._file, self._until, self._stop, self._progress = file, until, stop, progress
        self._guard, self._uses = guard or Guard(), uses
        self._alarm = self._fresh()
        self._ending = self._owed = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Forget the lines of steps that will be made again."""
        lines = self._file.read_text("utf-8").split("\n")[:-1] if self._file.exists() else []
        kept = [line for line in lines if json.loads(line)["step"] <= state.global_step]
        self._file.write_text("".join(line + "\n" for line in kept), "utf-8")
        self._alarm = self._fresh()
        for line in map(json.loads, kept):
            self._alarm.see(line["step"], line)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if not logs or "loss" not in logs:
            return
        for name in ("loss", "grad_norm"):
            value = logs.get(name)
            if value is not None and not math.isfinite(value):
                raise Diverged(
                    f"step {state.global_step}: the {name} is {value}; nothing of this step was saved. "
                    f"Begin again in a new folder with a lower {self.table}.lr or "
                    f"{self.table}.max_grad_norm; the last checkpoint is good"
                )
        with self._file.open("a", encoding="utf-8") as out:
            out.write(json.dumps({"step": state.global_step, **logs}) + "\n")
        if self._progress is not None:
            self._progress(state.global_step, state.max_steps, self._note(logs))
        if reason := self._alarm.see(state.global_step, logs):
            raise Collapsed(
                f"step {state.global_step}: {reason}; stopped after {self._guard.patience} such steps; the "
                f"checkpoints are from before them. Begin again in a new folder with a lower {self.table}.lr"
                f"{self.other}; or set guard.patience = 0 to see it go on here"
            )
        self._due(state, control)

    def _fresh(self) -> Any:
        """What sees every step's numbers from the first step on: see `collapse.Alarm`."""
        return Alarm(self._guard)

    def _note(self, logs: Mapping[str, Any]) -> str:
        """What stands beside the progress bar."""
        return f"reward {logs.get('reward', 0):.2f} length {logs.get('completions/mean_length', 0):.0f}"

    def _due(self, state: Any, control: Any) -> None:
        """Whether the checkpoint that is due here, or was before, is written now."""
        last = control.should_training_stop or state.global_step >= state.max_steps
        if not last and (control.should_save or self._owed):
            self._owed = bool(self._alarm.since or state.global_step % self._uses)
            control.should_save = not self._owed

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._ending = self._ending or state.global_step == self._until or self._stop()
        if self._ending and state.global_step % self._uses == 0:
            control.should_save = control.should_training_stop = True
