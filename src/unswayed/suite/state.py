"""``suite.json`` in a suite's folder: its settings, and how each cell ended. Replaced atomically."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from unswayed.errors import BadInput
from unswayed.store.atomic_files import write_atomic

FILE = "suite.json"
FORMAT = 1

CellOutcome = Literal["waiting", "running", "done", "failed"]


@dataclass(frozen=True)
class CellState:
    """How far one cell is."""

    name: str
    """``MODEL/BENCHMARK``."""
    state: CellOutcome = "waiting"
    settings: str = ""
    """`plan.settings_digest` of the settings that it was asked with."""
    trials: int = 0
    errors: int = 0
    """Trials that failed; the next call asks them again."""
    seconds: float = 0.0
    reason: str = ""
    """Why it failed, or why its thoughts could not be judged; empty: all is well."""
    stop: dict[str, Any] | None = None
    """Sequential stopping: `asked` of `questions`, and each drop's confidence sequence; None: not used."""
    scores: tuple[dict[str, Any], ...] = ()
    """The benchmark's official scores under base: name, meaning, value, low, high, n, incomplete."""


class StateFile:
    """The states of all cells that were ever begun in a folder."""

    def __init__(self, folder: Path, about: Mapping[str, Any]) -> None:
        """`about` describes the suite (title, models, benchmarks, judges) and replaces what was there."""
        self._path = folder / FILE
        self._about = dict(about)
        self._cells = {c.name: c for c in read_state(folder)[1]} if self._path.is_file() else {}

    def __getitem__(self, name: str) -> CellState:
        return self._cells.get(name, CellState(name))

    def __iter__(self) -> Iterator[CellState]:
        return iter(self._cells.values())

    def update(self, cell: CellState) -> None:
        """Store one cell."""
        self._cells[cell.name] = cell
        self.write()

    def write(self) -> None:
        """Replace the file."""
        content = {"format": FORMAT, **self._about, "cells": [asdict(c) for c in self._cells.values()]}
        write_atomic(self._path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


def is_suite(folder: Path) -> bool:
    """Whether the folder is that of a suite."""
    return (folder / FILE).is_file()


def read_state(folder: Path) -> tuple[dict[str, Any], list[CellState]]:
    """What ``suite.json`` says of the suite, and the states of its cells. Raises `BadInput`."""
    path = folder / FILE
    try:
        content = json.loads(path.read_bytes())
        if content["format"] != FORMAT:
            raise BadInput(
                f"{path}: written in format {content['format']}, this version reads format {FORMAT}; use the "
                "version of unswayed that wrote it"
            )
        cells = [CellState(**c) for c in content.pop("cells")]
    except OSError as error:
        raise BadInput(
            f"{path}: cannot be read ({error.strerror}); give the folder of a suite, made by `unswayed suite`"
        ) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(
            f"{path}: not the state of a suite, or a damaged one ({error}); run `unswayed suite` again with "
            "its file"
        ) from error
    return content, cells
