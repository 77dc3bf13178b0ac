"""Questions out of rows of the form that VLMEvalKit uses: MMBench, 3DSRBench, CV-Bench and many more.

TSV files have it, and parquet files with the same columns. What a row means is decided here. Columns:
`index`, `question`, options `A`, `B`, … as many as there are, `answer` (a letter), `image` (base64; a
list of such; or, up to 64 characters, the index of the row that holds the picture) or `image_path`
(relative to the file); may be there: `hint`, `category`, `l2-category`, `split`. Cell texts are taken
as they are: "None" and "NA" are words, an empty cell is nothing; "nan" is nothing as a hint, and as an
option with no real option behind it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Protocol

from unswayed.benchmarks.clustering import Original, joined
from unswayed.benchmarks.files.tsv import Table
from unswayed.benchmarks.files.tsv_images import Pictures
from unswayed.benchmarks.records import Skipped
from unswayed.errors import BadInput
from unswayed.question import LETTERS, Image, Question

PASS = 1_000_000
"""Circular pass k of question i has the index i + k * PASS (MMBench)."""

_LETTER = re.compile(r"\(?([A-Za-z])\)?[.:]?")
_VARIANT = re.compile(r"(?:-flip)?(?:-\d+)?$")
_FAMILY = ("l2-category", "L2-category", "category")


class Lettered(Protocol):
    """A table whose options stand in columns A, B, …; `Table` and `Parquet` are such."""

    @property
    def path(self) -> object: ...
    @property
    def columns(self) -> Sequence[str]: ...
    def __len__(self) -> int: ...
    def __contains__(self, column: object, /) -> bool: ...
    def text(self, row: int, column: str) -> str: ...
    def where(self, row: int) -> str: ...
    def line(self, row: int) -> int: ...


class Shown(Protocol):
    """The pictures of such a table's rows."""

    def missing(self, row: int) -> str | None: ...
    def key(self, row: int) -> object: ...
    def of(self, row: int) -> tuple[Image, ...]: ...


def load(
    path: Path,
    *,
    split: str | None = None,
    limit: int | None = None,
    skipped: Callable[[Skipped], object] = lambda row: None,
) -> Iterator[Question]:
    """The questions of the file, in its order; the first `limit` of them. Pictures are read late.

    `split` keeps the rows whose cell of that name is this. `skipped` is told of every row left out.
    Raises `BadInput` as `read` does, or if the file cannot be read.
    """
    for count, question in enumerate(read(Table(path), split=split, skipped=skipped), 1):
        yield question
        if count == limit:
            return


def read(
    table: Table,
    name: str = "",
    *,
    split: str | None = None,
    skipped: Callable[[Skipped], object] = lambda row: None,
) -> Iterator[Question]:
    """The questions of an indexed TSV file; `name` is the benchmark's (default: the file's stem).

    As `lettered`. Raises `BadInput` too if there is no column of pictures.
    """
    shown = "image" in table or "image_path" in table
    _check_columns(table, _letters(table), () if shown else ("image (or image_path)",))
    rows = rows_by_index(table)
    yield from lettered(
        table, Pictures(table, rows), name or stem(table.path), rows, split=split, skipped=skipped
    )


def lettered(
    table: Lettered,
    pictures: Shown,
    name: str,
    rows: dict[str, int],
    *,
    split: str | None = None,
    skipped: Callable[[Skipped], object] = lambda row: None,
    unit: str = "line",
) -> Iterator[Question]:
    """The questions of a table with lettered options; `rows` as from `rows_by_index`.

    The uid is the index. Rows that show the same picture, and circular or flipped copies of a row
    that is there too, form one group, named after its first row. `meta` says of which question a row
    is a copy (`base`), which (`pass`, `flip`), that question's first row in the file (`original`), and
    its own number in the file (`row`). Rows without a picture, or with the same option twice, are left
    out and told to `skipped`. Raises `BadInput`, naming file and line, for whatever else is wrong: hidden
    answers, an answer that is no option, fewer than two options.
    """
    letters = _letters(table)
    _check_columns(table, letters)
    groups = _groups(rows, pictures)
    first: dict[str, Original] = {}
    for row in _of_split(table, split):
        uid = table.text(row, "index")
        options = _options(table, row, letters)
        reason = _repeated(options) or pictures.missing(row)
        if reason:
            skipped(Skipped(uid, table.line(row), reason, unit))
            continue
        texts, gold = tuple(options.values()), _gold(table, row, options)
        copied = copy_of(uid)
        own = Original(uid, texts, gold)
        yield Question(
            uid=uid,
            benchmark=name,
            text=table.text(row, "question"),
            options=texts,
            gold=gold,
            images=pictures.of(row),
            family=next(filter(None, (_known(table, row, column) for column in _FAMILY)), "all"),
            group=groups[row],
            hint=_known(table, row, "hint"),
            meta={
                "category": _known(table, row, "category") or None,
                "row": row,
                **copied,
                "original": first.setdefault(str(copied["base"]), own),
            },
        )


def stem(path: Path) -> str:
    """A file's name without `.tsv` or `.tsv.gz`."""
    return re.sub(r"\.tsv(\.gz)?$", "", path.name)


def _letters(table: Lettered) -> str:
    return "".join(takewhile(lambda letter: letter in table, LETTERS))


def _check_columns(table: Lettered, letters: str, also: Sequence[str] = ()) -> None:
    missing = [c for c in ("index", "question", "answer") if c not in table]
    missing += [*(c for c in "AB" if c not in letters), *also]
    if missing == ["answer"]:
        raise BadInput(_hidden(table))
    if missing:
        have = ", ".join(c[:40] for c in table.columns[:20])
        raise BadInput(f"{table.path}: no column {', '.join(missing)}; it has: {have}")


def _hidden(table: Lettered) -> str:
    return (
        f"{table.path}: the answers are hidden, as in a benchmark's test split; "
        "take the dev split, which holds them"
    )


def rows_by_index(table: Lettered) -> dict[str, int]:
    """The number of every row by its index. Raises `BadInput` for an empty or repeated one."""
    rows: dict[str, int] = {}
    for row in range(len(table)):
        index = table.text(row, "index")
        if not index:
            raise BadInput(f"{table.where(row)}: the index is empty; give every row one of its own")
        if index in rows:
            raise BadInput(
                f"{table.where(row)}: the index {index!r} stands already on line {table.line(rows[index])}; "
                "give every row one of its own"
            )
        rows[index] = row
    return rows


def _of_split(table: Lettered, split: str | None) -> Iterator[int]:
    if split is None:
        yield from range(len(table))
        return
    seen = Counter(table.text(row, "split") for row in range(len(table)))
    if split not in seen:
        there = ", ".join(sorted(filter(None, seen))) or "none named in the file"
        raise BadInput(f"{table.path}: no row of the split {split!r}; splits there: {there}")
    yield from (row for row in range(len(table)) if table.text(row, "split") == split)


def _known(table: Lettered, row: int, column: str) -> str:
    """A cell's text; empty where the cell, or the column, says nothing."""
    text = table.text(row, column)
    return "" if text.lower() == "nan" else text


def _options(table: Lettered, row: int, letters: str) -> dict[str, str]:
    """Option texts by their letters in the file, absent ones left out."""
    cells = {letter: table.text(row, letter) for letter in letters}
    for letter in reversed(letters):
        if cells[letter] not in ("", "nan"):
            break
        del cells[letter]
    options = {letter: text for letter, text in cells.items() if text}
    if len(options) < 2:
        raise BadInput(
            f"{table.where(row)}: fewer than two options ({_list(options)}); only choices can be asked"
        )
    return options


def _repeated(options: dict[str, str]) -> str | None:
    twice = [text for text, count in Counter(options.values()).items() if count > 1]
    return f"the option {twice[0]!r} stands there twice" if twice else None


def _gold(table: Lettered, row: int, options: dict[str, str]) -> int:
    answer = _known(table, row, "answer")
    if not answer and not any(_known(table, other, "answer") for other in range(len(table))):
        raise BadInput(_hidden(table))
    found = _LETTER.fullmatch(answer)
    letter = found[1].upper() if found else ""
    if letter not in options:
        raise BadInput(
            f"{table.where(row)}: the answer {answer!r} is not the letter of one of its options "
            f"({_list(options)}); put the right letter, or take the row out"
        )
    return list(options).index(letter)


def _list(options: dict[str, str]) -> str:
    return ", ".join(options) or "it has none"


def _groups(rows: dict[str, int], pictures: Shown) -> list[str]:
    """Each row's group: the index of the first row that it is one thing with."""
    shared = []
    for index, row in rows.items():
        base = original(index)
        picture = pictures.key(row)
        shared.append([("row", rows.get(base, row)), *([] if picture is None else [("shown", picture)])])
    names = list(rows)
    return [names[first] for first in joined(shared)]


def copy_of(index: str) -> dict[str, object]:
    """What an index says: `base`, the question that the row is a copy of; `pass`, how often its options
    are rolled; `flip`, whether its picture is mirrored."""
    base = original(index)
    if index.isdecimal():
        return {"base": base, "pass": int(index) // PASS if base != index else 0, "flip": False}
    variant = index[len(base) :].removeprefix("-flip")
    return {"base": base, "pass": int(variant[1:] or 0), "flip": index.startswith(base + "-flip")}


def original(index: str) -> str:
    """The index of the question that a row is a circular or flipped copy of; or its own.

    MMBench adds `PASS` for every circular pass, 3DSRBench writes ``-flip``, ``-2`` or ``-flip-2`` behind.
    """
    if index.isdecimal() and len(index) < 16:
        return str(int(index) % PASS) if int(index) >= PASS else index
    return _VARIANT.sub("", index)
