"""A running mean of the weights in training, as the reference of GRPO-CARE: neither frozen nor the policy.

Decided here: it begins as the first weights, follows every so many steps, and is kept in checkpoints, so
that a resumed run has the reference that it would have had. It takes as much memory as the model, and the
mean itself is kept in float32 on the CPU: in bfloat16 so small a step would be rounded away.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch

from unswayed.errors import BadInput

FILE = "reference.pt"


class Running:
    """``mean <- keep * mean + (1 - keep) * weights``, once in every `every` steps."""

    def __init__(self, model: Any, keep: float, every: int) -> None:
        self.model = copy.deepcopy(model).requires_grad_(False).eval()
        self._keep, self._every = keep, every
        self._at = 0
        self._mean = {
            name: value.detach().to("cpu", torch.float32, copy=True)
            for name, value in self.model.state_dict().items()
            if value.is_floating_point()
        }

    @torch.no_grad()
    def follow(self, model: Any, step: int) -> None:
        """Take in the weights as they are before step `step` + 1, if that is due."""
        if step - self._at < self._every:
            return
        self._at = step
        live = model.state_dict()
        for name, mean in self._mean.items():
            mean.mul_(self._keep).add_(live[name].to("cpu", torch.float32), alpha=1 - self._keep)
        self._settle()

    @torch.no_grad()
    def _settle(self) -> None:
        weights = self.model.state_dict()
        for name, mean in self._mean.items():
            weights[name].copy_(mean)

    def save(self, folder: Path) -> None:
        """Into a checkpoint."""
        torch.save({"at": self._at, "weights": self._mean}, folder / FILE)

    def load(self, folder: Path) -> None:
        """From a checkpoint. Raises `BadInput` where it has none."""
        try:
            found = torch.load(folder / FILE, map_location="cpu", weights_only=True)
        except OSError as problem:
            raise BadInput(
                f"{folder}: the checkpoint lacks {FILE}, the reference of reward.care_ema; "
                "begin again in a new folder"
            ) from problem
        self._at = int(found["at"])
        self._mean = dict(found["weights"])
        self._settle()
