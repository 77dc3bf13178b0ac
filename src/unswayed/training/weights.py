"""The weights that a training begins with: where they go, in which precision, and a frozen copy of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from unswayed.backends.transformers import loading
from unswayed.training.config.common import Model


@dataclass(frozen=True)
class Weights:
    """One model by its path, of which copies can be loaded."""

    path: str
    revision: str | None
    shape: Any
    """Its configuration."""
    processor: Any
    dtype: Any
    device: str
    """`cuda` or `cpu`."""

    @classmethod
    def find(cls, path: str, how: Model) -> Weights:
        """Raises `BadInput` for what is no vision-language model; no weights are read yet."""
        device = "cpu" if how.device == "cpu" or not torch.cuda.is_available() else "cuda"
        revision = how.revision or None
        shape = loading.load_config(path, revision=revision)
        processor = loading.load_processor(path, revision=revision)
        return cls(path, revision, shape, processor, loading.pick_dtype(how.dtype, device), device)

    def load(self) -> Any:
        """A copy on the CPU; the trainer moves it."""
        return loading.load_model(
            self.path, self.shape, dtype=self.dtype, revision=self.revision, trust_remote_code=False
        )

    def frozen(self) -> Any:
        """A copy on the device that is not trained."""
        return self.load().requires_grad_(False).to(self.device)
