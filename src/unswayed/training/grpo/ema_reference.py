"""An exponential moving average of the weights in training: the reference model of GRPO-CARE.

It starts as the first weights, is updated every few steps, and is stored in checkpoints, so that a resumed
run has the same reference. It takes as much memory as the model; the average itself is kept in float32 on the
CPU, because bfloat16 would round such small updates away.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch

from unswayed.errors import BadInput

FILE = "reference.pt"


class EMAReference:
    """``average <- decay * average + (1 - decay) * weights``, once in every `every` steps."""

    def __init__(self, model: Any, decay: float, every: int) -> None:
        self.model = copy.deepcopy(model).requires_grad_(False).eval()
        self._decay, self._every = decay, every
        self._updated_at = 0
        self._average = {
            name: value.detach().to("cpu", torch.float32, copy=True)
            for name, value in self.model.state_dict().items()
            if value.is_floating_point()
        }

    @torch.no_grad()
    def update(self, model: Any, step: int) -> None:
        """Takes in the weights as they are before step `step` + 1, if an update is due."""
        if step - self._updated_at < self._every:
            return
        self._updated_at = step
        live = model.state_dict()
        for name, average in self._average.items():
            average.mul_(self._decay).add_(live[name].to("cpu", torch.float32), alpha=1 - self._decay)
        self._copy_to_model()

    @torch.no_grad()
    def _copy_to_model(self) -> None:
        weights = self.model.state_dict()
        for name, average in self._average.items():
            weights[name].copy_(average)

    def save(self, folder: Path) -> None:
        """Stores the average in a checkpoint."""
        torch.save({"at": self._updated_at, "weights": self._average}, folder / FILE)

    def load(self, folder: Path) -> None:
        """Restores the average from a checkpoint. Raises `BadInput` where it has none."""
        try:
            stored = torch.load(folder / FILE, map_location="cpu", weights_only=True)
        except OSError as error:
            raise BadInput(
                f"{folder}: the checkpoint lacks {FILE}, the reference of reward.care_ema; "
                "start again in a new folder"
            ) from error
        self._updated_at = int(stored["at"])
        self._average = dict(stored["weights"])
        self._copy_to_model()
