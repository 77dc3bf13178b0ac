"""What a reader's module declares about a dataset, and what it is given to read it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from unswayed.benchmarks.files.hub import HubSource
from unswayed.benchmarks.files.local import LocalFiles
from unswayed.benchmarks.records import OnSkipped, Subset
from unswayed.question import Question


@dataclass(frozen=True)
class ReadRequest:
    """What is to be read."""

    name: str
    """The benchmark's name, as its questions carry it."""
    files: LocalFiles
    """Where its files are."""
    split: str
    on_skipped: OnSkipped
    split_given: bool = False
    """Whether the user named the split; if not, files with one split only are taken as the right ones."""
    subset: Subset | None = None
    """Only these rows are to be read; None: all. For readers that pass it on to `make_records`."""


@dataclass(frozen=True)
class CatalogueEntry:
    """One published benchmark: its metadata and its reader."""

    name: str
    title: str
    size: str
    licence: str
    home: str
    """Address of its authors' page or repository."""
    needs: str
    """The files that a user must have where it is not read from the hub."""
    read: Callable[[ReadRequest], Iterator[Question]]
    hub: HubSource | None = None
    """None: it is not on the hub."""
    split: str = "test"
    """The split that is read where none is named."""

    @property
    def rows(self) -> int | None:
        """The number of rows, where `size` begins with it."""
        match = re.match(r"([\d,]+) rows\b", self.size)
        return int(match[1].replace(",", "")) if match else None


@dataclass(frozen=True)
class Collection:
    """A name for several benchmarks that are read as one."""

    name: str
    title: str
    weights: Mapping[str, float]
    """Names of the parts; with a limit, questions are taken from them in proportion to these."""
