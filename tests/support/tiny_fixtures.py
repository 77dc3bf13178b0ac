"""Tiny models as fixtures: a plugin, named by the test modules that want them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tiny_asks import KINDS
from unswayed.backends.transformers.backend import TransformersBackend


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A saved model of every kind."""
    root = tmp_path_factory.mktemp("models")
    return {name: make(root / name) for name, make in KINDS.items()}


@pytest.fixture(scope="module")
def loaded(folders: dict[str, Path]) -> Iterator[dict[str, TransformersBackend]]:
    """The same, loaded."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield {name: TransformersBackend(str(folder), device="cpu") for name, folder in folders.items()}
    torch.set_num_threads(threads)


@pytest.fixture
def llava(loaded: dict[str, TransformersBackend]) -> TransformersBackend:
    return loaded["llava"]
