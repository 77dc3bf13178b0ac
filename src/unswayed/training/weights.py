"""The weights that a training starts from: their device, their precision, and frozen copies of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from unswayed.backends.transformers import loading
from unswayed.training.config.common import ModelSettings


@dataclass(frozen=True)
class ModelSource:
    """One model by its path, of which copies can be loaded."""

    path: str
    revision: str | None
    config: Any
    """Its configuration (transformers)."""
    processor: Any
    dtype: Any
    device: str
    """`cuda` or `cpu`."""

    @classmethod
    def find(cls, path: str, settings: ModelSettings) -> ModelSource:
        """Reads configuration and processor, no weights. Raises `BadInput` for what is no vision-language
        model."""
        device = "cpu" if settings.device == "cpu" or not torch.cuda.is_available() else "cuda"
        revision = settings.revision or None
        config = loading.load_config(path, revision=revision)
        processor = loading.load_processor(path, revision=revision)
        return cls(path, revision, config, processor, loading.pick_dtype(settings.dtype, device), device)

    def load(self) -> Any:
        """A copy on the CPU; the trainer moves it."""
        return loading.load_model(
            self.path, self.config, dtype=self.dtype, revision=self.revision, trust_remote_code=False
        )

    def load_frozen(self) -> Any:
        """A copy on the device, not to be trained."""
        return self.load().requires_grad_(False).to(self.device)
