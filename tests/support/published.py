"""Real rows of published benchmarks, where there are any: the folder named by UNSWAYED_BENCHMARK_DATA."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def published(*parts: str) -> Path:
    """A file or folder there; the test is skipped where it is not."""
    root = os.environ.get("UNSWAYED_BENCHMARK_DATA")
    if not root:
        pytest.skip("UNSWAYED_BENCHMARK_DATA is not set; it names a folder with rows of published benchmarks")
    path = Path(root, *parts)
    if not path.exists():
        pytest.skip(f"no {path}")
    return path
