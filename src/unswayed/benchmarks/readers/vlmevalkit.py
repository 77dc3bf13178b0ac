"""Rows in the form of VLMEvalKit: MMBench, 3DSRBench, CV-Bench and many more.

TSV files have this form, and parquet files with the same columns: `index`, `question`, options `A`, `B`, …
(any number), `answer` (a letter), `image` (base64; a list of it; or, up to 64 characters, the index of the
row that holds the image) or `image_path` (relative to the file); optional: `hint`, `category`, `l2-category`,
`split`. Cells are taken literally: "None" and "NA" are words, an empty cell is absent; "nan" is absent as a
hint, and as an option with no real option after it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Protocol

from unswayed.benchmarks.catalogue_entry import ReadRequest
from unswayed.benchmarks.clustering import connected_rows
from unswayed.benchmarks.files.access import DEFAULT, Access
from unswayed.benchmarks.files.tsv import TsvTable
from unswayed.benchmarks.files.tsv_images import TsvImages
from unswayed.benchmarks.readers.copies import base_index, copy_of
from unswayed.benchmarks.records import OnSkipped, Skipped, UnusableRow
from unswayed.errors import BadInput
from unswayed.question import LETTERS, MAX_OPTIONS, Image, OriginalRow, Question, SourceRow

_LETTER = re.compile(r"\(?([A-Za-z])\)?[.:]?")
_FAMILY_COLUMNS = ("l2-category", "L2-category", "category")


class LetteredTable(Protocol):
    """A table whose options stand in columns A, B, …; `TsvTable` and `ParquetTable` implement it."""

    @property
    def path(self) -> object: ...
    @property
    def columns(self) -> Sequence[str]: ...
    def __len__(self) -> int: ...
    def __contains__(self, column: object, /) -> bool: ...
    def text(self, row: int, column: str) -> str: ...
    def location(self, row: int) -> str: ...
    def line(self, row: int) -> int: ...


class RowImages(Protocol):
    """The images of such a table's rows. Methods may raise `UnusableRow`."""

    def missing(self, row: int) -> str | None: ...
    def key(self, row: int) -> object: ...
    def of(self, row: int) -> tuple[Image, ...]: ...


def read_request(request: ReadRequest, table: TsvTable, *, split: str | None = None) -> Iterator[Question]:
    """As `read`, of a benchmark by name."""
    return read(table, request.name, split=split, on_skipped=request.on_skipped, access=request.files.access)


def read(
    table: TsvTable,
    name: str = "",
    *,
    split: str | None = None,
    on_skipped: OnSkipped = lambda row: None,
    access: Access = DEFAULT,
) -> Iterator[Question]:
    """The questions of an indexed TSV file; `name` is the benchmark's (default: the file's stem).

    As `read_rows`. Raises `BadInput` too if there is no column of images.
    """
    has_images = "image" in table or "image_path" in table
    _check_columns(table, _letters(table), () if has_images else ("image (or image_path)",))
    rows = rows_by_index(table)
    images = TsvImages(table, rows, access)
    yield from read_rows(table, images, name or stem(table.path), rows, split=split, on_skipped=on_skipped)


def read_rows(
    table: LetteredTable,
    images: RowImages,
    name: str,
    rows: dict[str, int],
    *,
    split: str | None = None,
    on_skipped: OnSkipped = lambda row: None,
    unit: str = "line",
) -> Iterator[Question]:
    """The questions of a table with lettered options; `rows` as from `rows_by_index`.

    The uid is the index. Rows with the same image, and circular or flipped copies of a row that is there too,
    form one group, named after its first row; `Question.source` says of which row each is a copy. `split`
    keeps the rows whose cell of that name is this. A row that is no usable question (no image, a repeated
    option, fewer than two options, an answer that is no option) is left out and passed to `on_skipped`.
    Raises `BadInput`, naming file and line, where the whole file is wrong: a missing column, hidden answers,
    a repeated index.
    """
    letters = _letters(table)
    _check_columns(table, letters)
    groups = _groups(rows, images)
    originals: dict[str, OriginalRow] = {}
    wanted = list(_rows_of_split(table, split))
    if wanted and not any(_known(table, row, "answer") for row in wanted):
        raise BadInput(_hidden_answers(table))
    for row in wanted:
        uid = table.text(row, "index")
        try:
            question = _question(table, images, name, row, uid, letters, groups[row], originals)
        except UnusableRow as reason:
            on_skipped(Skipped(uid, table.line(row), str(reason), unit))
        else:
            yield question


def _question(
    table: LetteredTable,
    images: RowImages,
    name: str,
    row: int,
    uid: str,
    letters: str,
    group: str,
    originals: dict[str, OriginalRow],
) -> Question:
    """The question of one row. Raises `UnusableRow`."""
    text = table.text(row, "question")
    if not text:
        raise UnusableRow("it has no question")
    options = _options(table, row, letters)
    if reason := images.missing(row):
        raise UnusableRow(reason)
    texts, gold = tuple(options.values()), _gold(table, row, options)
    base, rotation, is_mirrored = copy_of(uid)
    original = originals.setdefault(base, OriginalRow(uid, texts, gold))
    return Question(
        uid=uid,
        benchmark=name,
        text=text,
        options=texts,
        gold=gold,
        images=images.of(row),
        family=next(filter(None, (_known(table, row, column) for column in _FAMILY_COLUMNS)), "all"),
        group=group,
        hint=_known(table, row, "hint"),
        category=_known(table, row, "category") or None,
        source=SourceRow(base, rotation, is_mirrored, original),
    )


def stem(path: Path) -> str:
    """A file's name without `.tsv` or `.tsv.gz`."""
    return re.sub(r"\.tsv(\.gz)?$", "", path.name)


def _letters(table: LetteredTable) -> str:
    return "".join(takewhile(lambda letter: letter in table, LETTERS))


def _check_columns(table: LetteredTable, letters: str, also: Sequence[str] = ()) -> None:
    missing = [c for c in ("index", "question", "answer") if c not in table]
    missing += [*(c for c in "AB" if c not in letters), *also]
    if missing == ["answer"]:
        raise BadInput(_hidden_answers(table))
    if missing:
        present = ", ".join(c[:40] for c in table.columns[:20])
        raise BadInput(f"{table.path}: no column {', '.join(missing)}; it has: {present}")


def _hidden_answers(table: LetteredTable) -> str:
    return (
        f"{table.path}: the answers are hidden, as in a benchmark's test split; "
        "take the dev split, which holds them"
    )


def rows_by_index(table: LetteredTable) -> dict[str, int]:
    """The number of every row by its index. Raises `BadInput` for an empty or repeated one."""
    rows: dict[str, int] = {}
    for row in range(len(table)):
        index = table.text(row, "index")
        if not index:
            raise BadInput(f"{table.location(row)}: the index is empty; give every row one of its own")
        if index in rows:
            raise BadInput(
                f"{table.location(row)}: the index {index!r} stands already on line "
                f"{table.line(rows[index])}; give every row one of its own"
            )
        rows[index] = row
    return rows


def _rows_of_split(table: LetteredTable, split: str | None) -> Iterator[int]:
    if split is None:
        yield from range(len(table))
        return
    counts = Counter(table.text(row, "split") for row in range(len(table)))
    if split not in counts:
        available = ", ".join(sorted(filter(None, counts))) or "none named in the file"
        raise BadInput(f"{table.path}: no row of the split {split!r}; splits there: {available}")
    yield from (row for row in range(len(table)) if table.text(row, "split") == split)


def _known(table: LetteredTable, row: int, column: str) -> str:
    """A cell's text; empty where the cell or the column is absent."""
    text = table.text(row, column)
    return "" if text.lower() == "nan" else text


def _options(table: LetteredTable, row: int, letters: str) -> dict[str, str]:
    """Option texts by their letters in the file, without absent ones. Raises `UnusableRow`."""
    cells = {letter: table.text(row, letter) for letter in letters}
    for letter in reversed(letters):
        if cells[letter] not in ("", "nan"):
            break
        del cells[letter]
    options = {letter: text for letter, text in cells.items() if text}
    if len(options) < 2:
        raise UnusableRow(f"it has fewer than two options ({_list(options)})")
    if len(options) > MAX_OPTIONS:
        raise UnusableRow(f"it has {len(options)} options; 2 to {MAX_OPTIONS} can be asked")
    repeated = [text for text, count in Counter(options.values()).items() if count > 1]
    if repeated:
        raise UnusableRow(f"the option {repeated[0]!r} stands there twice")
    return options


def _gold(table: LetteredTable, row: int, options: dict[str, str]) -> int:
    """The index, in `options`, of the right one. Raises `UnusableRow`."""
    answer = _known(table, row, "answer")
    match = _LETTER.fullmatch(answer)
    letter = match[1].upper() if match else ""
    if letter not in options:
        raise UnusableRow(
            f"the answer {answer[:40]!r} is not the letter of one of its options ({_list(options)})"
            if answer
            else "it has no answer"
        )
    return list(options).index(letter)


def _list(options: dict[str, str]) -> str:
    return ", ".join(options) or "it has none"


def _groups(rows: dict[str, int], images: RowImages) -> list[str]:
    """Each row's group: the index of the first row that it is connected with."""
    shared: list[list[tuple[str, object]]] = []
    for index, row in rows.items():
        try:
            image = images.key(row)
        except UnusableRow:  # reported when the row is read
            image = None
        items: list[tuple[str, object]] = [("row", rows.get(base_index(index), row))]
        shared.append(items if image is None else [*items, ("image", image)])
    names = list(rows)
    return [names[first] for first in connected_rows(shared)]
