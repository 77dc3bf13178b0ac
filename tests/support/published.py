"""Real rows of published benchmarks: those in ``tests/data/benchmarks``, or in a folder of the same layout.

``UNSWAYED_BENCHMARK_DATA`` names a folder with more rows; what is not there is taken from the repository.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from places import DATA

VARIABLE = "UNSWAYED_BENCHMARK_DATA"
SHIPPED = DATA / "benchmarks"


def published(*parts: str) -> Path:
    """A file or folder there; the test is skipped where there is none."""
    folders = [Path(os.environ[VARIABLE])] if os.environ.get(VARIABLE) else []
    for folder in (*folders, SHIPPED):
        path = folder.joinpath(*parts)
        if path.exists():
            return path
    pytest.skip(f"no {'/'.join(parts)} in {SHIPPED}; set {VARIABLE} to a folder that has it")
