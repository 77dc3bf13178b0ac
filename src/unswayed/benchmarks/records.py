"""Rows of a benchmark as records, and records as questions.

A reader makes a `Record` of every row, or raises `UnusableRow` with the reason. The checks that all readers
share, and the grouping of rows that have something in common, are here.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from unswayed.benchmarks.clustering import connected_rows
from unswayed.errors import BadInput
from unswayed.question import MAX_OPTIONS, Box, Image, Question, SourceRow


class UnusableRow(Exception):
    """One row is no usable question; the text says why. Raised by readers, never shown to a user as it is."""


@dataclass(frozen=True)
class Skipped:
    """A row that is no usable question, in a file that is otherwise fine."""

    uid: str
    line: int
    """Line on which it begins, from 1 with the header; for files without lines the row's number, from 1."""
    reason: str
    unit: str = "line"

    def __str__(self) -> str:
        return f"{self.unit} {self.line} (index {self.uid!r}): {self.reason}"


OnSkipped = Callable[[Skipped], object]
"""Called with every row that is left out."""


@dataclass(frozen=True)
class Subset:
    """A seeded sample of a benchmark's questions: the `limit` ones whose hash is smallest."""

    benchmark: str
    limit: int
    seed: int

    def rank(self, uid: str) -> bytes:
        """Sort key of a question; the same in every process."""
        return hashlib.sha256(f"{self.seed}/{self.benchmark}/{uid}".encode()).digest()


@dataclass(frozen=True)
class Record:
    """One row as its reader understands it."""

    uid: str
    text: str
    options: tuple[str, ...]
    gold: int
    """0-based index of the right option."""
    images: tuple[Image, ...]
    family: str = "all"
    shared: tuple[Hashable, ...] = ()
    """What it has in common with other rows: images, set, original row. See `SourceRow.shared`."""
    row: int | None = None
    """Its number in the source, from 0, for messages."""
    category: str | None = None
    escape_option: int | None = None
    """See `Question.escape_option`."""
    evidence: tuple[Box, ...] = ()
    """See `Question.evidence`."""
    source: SourceRow = field(default_factory=SourceRow)
    """`SourceRow.shared` is filled in from `shared`."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    hint: str = ""


def make_records(
    rows: Iterable[Mapping[str, Any]],
    make: Callable[[int, Mapping[str, Any]], Record],
    uid: Callable[[int, Mapping[str, Any]], str],
    location: str,
    unit: str = "row",
    subset: Subset | None = None,
) -> Iterator[Record | Skipped]:
    """`make(number from 0, row)` of every row; a row for which it raises `UnusableRow` becomes `Skipped`.

    With `subset` only the sampled rows are made, and as many more as are needed to replace unusable ones: the
    result holds the questions that the subset of the whole file would hold. A row that lacks a field, or has
    one of another type, is `Skipped` too. Raises `BadInput`, naming `location`, row and field, if that is so
    of every row: then the file has another form.
    """
    all_rows = list(rows)
    malformed: list[BadInput] = []

    def make_one(number: int) -> Record | Skipped:
        row = all_rows[number]
        try:
            return make(number, row)
        except UnusableRow as error:
            reason = str(error)
        except KeyError as error:
            reason = f"it has no field {error}"
            columns = ", ".join(str(key)[:40] for key in list(row)[:20])
            problem = f"{location} {unit} {number + 1}: no field {error}; it has: {columns}"
            malformed.append(BadInput(problem))
        except (TypeError, ValueError, AttributeError, IndexError) as error:
            if isinstance(error, BadInput):
                raise
            reason = f"it cannot be understood: {error}"
            malformed.append(BadInput(f"{location} {unit} {number + 1} cannot be understood: {error}"))
        return Skipped(uid(number, row), number + 1, reason, unit)

    if subset is None:
        yield from (make_one(number) for number in range(len(all_rows)))
    else:
        ranked = sorted(range(len(all_rows)), key=lambda number: subset.rank(uid(number, all_rows[number])))
        made: dict[int, Record | Skipped] = {}
        missing = subset.limit
        while missing and ranked:
            batch, ranked = sorted(ranked[:missing]), ranked[missing:]  # ascending: files are read forward
            made |= {number: make_one(number) for number in batch}
            usable = [item for item in made.values() if isinstance(item, Record) and not _defect(item)]
            missing = subset.limit - len(usable)
        yield from (made[number] for number in sorted(made))
    if malformed and len(malformed) == len(all_rows):
        raise malformed[0]


def to_questions(name: str, records: Iterable[Record | Skipped], on_skipped: OnSkipped) -> Iterator[Question]:
    """The questions of benchmark `name`, in order. Rows that share something form a group named after its
    first."""
    kept: list[Record] = []
    for number, record in enumerate(records):
        if isinstance(record, Skipped):
            on_skipped(record)
        elif reason := _defect(record):
            row = number if record.row is None else record.row
            on_skipped(Skipped(record.uid, row + 1, reason, "row"))
        else:
            kept.append(record)
    for record, first in zip(kept, connected_rows([record.shared for record in kept]), strict=True):
        yield Question(
            uid=record.uid,
            benchmark=name,
            text=record.text,
            options=record.options,
            gold=record.gold,
            images=record.images,
            family=record.family,
            group=kept[first].uid,
            hint=record.hint,
            category=record.category,
            escape_option=record.escape_option,
            evidence=record.evidence,
            source=replace(record.source, shared=record.shared),
            meta=record.meta,
        )


def _defect(record: Record) -> str | None:
    """Why a record cannot be a question; None if it can."""
    if not record.text.strip():
        return "it has no question"
    if not 2 <= len(record.options) <= MAX_OPTIONS:
        return f"it has {len(record.options)} options; 2 to {MAX_OPTIONS} can be asked"
    if not all(option.strip() for option in record.options):
        return "one of its options is empty"
    repeated = [text for text, count in Counter(record.options).items() if count > 1]
    if repeated:
        return f"the option {repeated[0]!r} stands there twice"
    if not record.images:
        return "it has no picture"
    return None
