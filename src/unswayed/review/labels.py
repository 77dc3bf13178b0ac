"""A person's labels on a run's thoughts: ``review.jsonl``, only ever appended to.

A line is either the sample (what is to be labelled, and by which strata it was drawn) or one label;
the last line of a kind, or on a trial, counts. Torn and damaged lines are passed over.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from unswayed.metrics.judges.results import Labels
from unswayed.review.sample import Sample
from unswayed.store import checksummed_lines
from unswayed.store.atomic_files import told

FILE = "review.jsonl"


def read(folder: Path) -> Labels:
    """The labels of a run folder; none where nobody looked."""
    said: dict[str, tuple[str, int | None]] = {}
    drawn = Sample((), {}, {})
    for value in _values(folder / FILE):
        if "sample" in value:
            drawn = Sample(tuple(value["sample"]), value["stratum"], value["sizes"])
        else:
            said[value["key"]] = (value["found"], value["option"])
    return Labels(said, drawn.stratum, drawn.sizes)


def read_sample(folder: Path) -> Sample | None:
    """The sample drawn last."""
    found = None
    for value in _values(folder / FILE):
        if "sample" in value:
            found = Sample(tuple(value["sample"]), value["stratum"], value["sizes"])
    return found


class Book:
    """Writes to ``review.jsonl``; every line is on the disk when its call returns."""

    def __init__(self, folder: Path) -> None:
        path = folder / FILE
        with told(path):
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            size = os.fstat(self._fd).st_size
            if size and os.pread(self._fd, 1, size - 1) != b"\n":  # a torn end must not swallow the next line
                os.write(self._fd, b"\n")
        self._path = path

    def sample(self, drawn: Sample) -> None:
        """Write down what is to be labelled."""
        self._add({"sample": list(drawn.keys), "stratum": dict(drawn.stratum), "sizes": dict(drawn.sizes)})

    def label(self, key: str, found: str, option: int | None) -> None:
        """Write down one label."""
        self._add({"key": key, "found": found, "option": option})

    def close(self) -> None:
        os.close(self._fd)

    def _add(self, value: dict[str, Any]) -> None:
        with told(self._path):
            os.write(self._fd, checksummed_lines.seal(json.dumps(value)))
            os.fsync(self._fd)


def _values(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    with open(path, "rb") as opened:
        bodies = [checksummed_lines.body(line) for line in opened]
    return [json.loads(b"{" + body) for body in bodies if body is not None]
