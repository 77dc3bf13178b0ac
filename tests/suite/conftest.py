"""One planted suite, run once for all tests of suites."""

from __future__ import annotations

from pathlib import Path

import pytest

import planted_suites
from unswayed.suite.collect import Collected, collect


@pytest.fixture(scope="session")
def suite_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the finished suite; not to be changed."""
    folder = tmp_path_factory.mktemp("suite")
    states, _ = planted_suites.run(folder)
    assert [state.reason for state in states] == [""] * 8
    return folder / "out"


@pytest.fixture(scope="session")
def collected(suite_folder: Path) -> Collected:
    return collect(suite_folder)
