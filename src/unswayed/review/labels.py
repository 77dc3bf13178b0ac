"""A person's labels on a run's thoughts, in ``review.jsonl``, an append-only file.

A line is either the sample (the trials to label, and the strata that it was drawn by) or one label. The last
sample counts, and of each trial the last label. Torn and damaged lines are ignored.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from unswayed.metrics.judges.results import Labels
from unswayed.review.sample import ReviewSample
from unswayed.store import checksummed_lines
from unswayed.store.atomic_files import os_errors_as_bad_input

FILE = "review.jsonl"


def read_labels(folder: Path) -> Labels:
    """The labels of a run folder; empty without any."""
    verdicts: dict[str, tuple[str, int | None]] = {}
    for line in _lines(folder / FILE):
        if "sample" not in line:
            verdicts[line["key"]] = (line["found"], line["option"])
    sample = read_sample(folder) or ReviewSample((), {}, {})
    return Labels(verdicts, sample.stratum, sample.sizes)


def read_sample(folder: Path) -> ReviewSample | None:
    """The last sample; None without any."""
    sample = None
    for line in _lines(folder / FILE):
        if "sample" in line:
            sample = ReviewSample(tuple(line["sample"]), line["stratum"], line["sizes"])
    return sample


class LabelLog:
    """Appends to ``review.jsonl``; every line is on the disk when its call returns."""

    def __init__(self, folder: Path) -> None:
        path = folder / FILE
        with os_errors_as_bad_input(path):
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            size = os.fstat(self._fd).st_size
            if (
                size and os.pread(self._fd, 1, size - 1) != b"\n"
            ):  # or the next line would be part of a torn one
                os.write(self._fd, b"\n")
        self._path = path

    def add_sample(self, sample: ReviewSample) -> None:
        """Store which trials are to be labelled."""
        self._add({"sample": list(sample.keys), "stratum": dict(sample.stratum), "sizes": dict(sample.sizes)})

    def add_label(self, key: str, kind: str, option: int | None) -> None:
        """Store one label."""
        self._add({"key": key, "found": kind, "option": option})

    def close(self) -> None:
        os.close(self._fd)

    def _add(self, value: dict[str, Any]) -> None:
        with os_errors_as_bad_input(self._path):
            os.write(self._fd, checksummed_lines.encode_line(json.dumps(value)))
            os.fsync(self._fd)


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    with open(path, "rb") as file:
        lines = [checksummed_lines.decode_object(line) for line in file]
    return [line for line in lines if line is not None and _is_whole(line)]


def _is_whole(line: dict[str, Any]) -> bool:
    """Whether a line is a sample or a label; others were not written by this program."""
    if "sample" in line:
        keys, stratum, sizes = line["sample"], line.get("stratum"), line.get("sizes")
        return (
            isinstance(keys, list)
            and isinstance(stratum, dict)
            and isinstance(sizes, dict)
            and all(isinstance(key, str) and isinstance(stratum.get(key), str) for key in keys)
            and all(isinstance(size, int) for size in sizes.values())
            and set(stratum.values()) <= sizes.keys()
        )
    option = line.get("option", "")
    texts = isinstance(line.get("key"), str) and isinstance(line.get("found"), str)
    return texts and (option is None or isinstance(option, int))
