"""What ends a training before its last step, and what is written down at every step.

Decided here: a loss or gradient that is no number stops the run before anything is saved, so the last
checkpoint stays good; a wish to stop (Ctrl-C, a step limit) lets the step end and saves it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from unswayed.errors import UnswayedError


class Diverged(UnswayedError, RuntimeError):
    """Training produced what is no number; the text says at which step, and what to lower."""


class Watch(TrainerCallback):  # type: ignore[misc]
    """Writes `metrics.jsonl`, tells progress, stops when wished or when the loss is no number."""

    def __init__(
        self,
        file: Path,
        *,
        until: int | None = None,
        stop: Callable[[], bool] = lambda: False,
        progress: Callable[[int, int | None, str], None] | None = None,
    ) -> None:
        """`until`: save and stop after that step. `stop`: asked after every step."""
        self._file, self._until, self._stop, self._progress = file, until, stop, progress

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Forget the lines of steps that will be made again."""
        lines = self._file.read_text("utf-8").split("\n")[:-1] if self._file.exists() else []
        kept = [line for line in lines if json.loads(line)["step"] <= state.global_step]
        self._file.write_text("".join(line + "\n" for line in kept), "utf-8")

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if not logs or "loss" not in logs:
            return
        for name in ("loss", "grad_norm"):
            value = logs.get(name)
            if value is not None and not math.isfinite(value):
                raise Diverged(
                    f"step {state.global_step}: the {name} is {value}; nothing of this step was saved. "
                    "Begin again in a new folder with a lower grpo.lr or grpo.max_grad_norm; "
                    "the last checkpoint is good"
                )
        with self._file.open("a", encoding="utf-8") as out:
            out.write(json.dumps({"step": state.global_step, **logs}) + "\n")
        if self._progress is not None:
            note = f"reward {logs.get('reward', 0):.2f} length {logs.get('completions/mean_length', 0):.0f}"
            self._progress(state.global_step, state.max_steps, note)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == self._until or self._stop():
            control.should_save = control.should_training_stop = True
