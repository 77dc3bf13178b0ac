"""The cells of a suite: every model on every benchmark, each a run folder of its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from unswayed.errors import BadInput
from unswayed.suite.settings import Suite, default_conditions

RUNS = "runs"
"""Folder of the runs inside a suite's folder."""


@dataclass(frozen=True)
class Cell:
    """One model on one benchmark."""

    model: str
    benchmark: str
    conditions: tuple[str, ...]

    @property
    def name(self) -> str:
        """``MODEL/BENCHMARK``, also the place of its run under `RUNS`."""
        return f"{self.model}/{self.benchmark}"

    def folder(self, suite_folder: Path) -> Path:
        """Its run folder."""
        return suite_folder / RUNS / self.model / self.benchmark


def plan_cells(suite: Suite, only: Sequence[str] = ()) -> list[Cell]:
    """The cells in the order of the file, model by model.

    `only`: names of models, of benchmarks, or of cells; a cell stays if each kind that is named names it.
    Raises `BadInput` for a name that is none of these.
    """
    cells = list(_cells(suite))
    known = {c.name for c in cells} | set(suite.models) | set(suite.benchmarks)
    for name in only:
        if name not in known:
            raise BadInput(
                f"--only {name!r}: no such model or benchmark; there are {', '.join(suite.models)}, and "
                f"{', '.join(suite.benchmarks)}; or MODEL/BENCHMARK"
            )
    named = {c.name for c in cells if c.name in only}
    models = set(only) & set(suite.models)
    benchmarks = set(only) & set(suite.benchmarks)

    def wanted(c: Cell) -> bool:
        if c.name in named or not only:
            return True
        if not models and not benchmarks:
            return False
        return (not models or c.model in models) and (not benchmarks or c.benchmark in benchmarks)

    return [c for c in cells if wanted(c)]


def settings_digest(suite: Suite, cell: Cell) -> str:
    """SHA-256 of all settings that decide what one cell asks."""
    settings = suite.settings
    content = [
        asdict(suite.models[cell.model]),
        asdict(suite.benchmarks[cell.benchmark]),
        [cell.conditions, settings.seed, settings.samples, settings.until],
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _cells(suite: Suite) -> Iterator[Cell]:
    shared = suite.settings.conditions or default_conditions()
    for model, asked in suite.models.items():
        for benchmark, on in suite.benchmarks.items():
            of_model = asked.conditions or shared
            conditions = tuple(name for name in of_model if name in (on.conditions or of_model))
            if not conditions:
                raise BadInput(
                    f"{suite.path}: model {model!r} and benchmark {benchmark!r} share no condition"
                )
            yield Cell(model, benchmark, conditions)
