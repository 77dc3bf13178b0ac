"""MME-RealWorld-Lite (Zhang et al. 2024, arXiv 2408.13257): very large pictures, five options.

Forms: the zip with its JSON (or what was in it), parquet, and a TSV file whose options are a list written
as text. The fifth option says that the picture does not show it: it is part of the benchmark and of
its score, so it is kept, and ``meta["escape"]`` says where it stands. A condition with "I'm not
sure" gives such a question two ways out.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from unswayed.benchmarks import answer_parsing
from unswayed.benchmarks.files import json_rows
from unswayed.benchmarks.files.parquet_images import ParquetPictures
from unswayed.benchmarks.files.tsv import Table
from unswayed.benchmarks.files.tsv_images import Pictures
from unswayed.benchmarks.readers.vlmevalkit import rows_by_index
from unswayed.benchmarks.records import (
    Asked,
    Draft,
    LeftOut,
    Skipped,
    each,
    finish,
)
from unswayed.benchmarks.split_files import (
    found,
    nothing,
    one,
    parquet,
)
from unswayed.question import Image, Question

OPTIONS = "multi-choice options"
_ESCAPE = re.compile(r"\b(?:does not|doesn't|do not|not|none|cannot|can't|unable|no)\b", re.IGNORECASE)


def read(asked: Asked) -> Iterator[Question]:
    """The questions; `family` is the category, e.g. ``Perception/Autonomous_Driving``."""
    drafts: Iterator[Draft | Skipped]
    if table := parquet(found(asked, "*.parquet")):
        shown = ParquetPictures(table, "bytes" if "bytes" in table else "image", asked.place)

        def packed(number: int, row: Mapping[str, Any]) -> Draft:
            return _draft(number, str(row["index"]), row, shown.of(number), shown.keys(number))

        drafts = each(
            table.rows, packed, lambda n, row: str(row.get("index", n)), str(table.path), draw=asked.draw
        )
    elif (file := one(asked, "mme_realworld_lite.tsv", "*.tsv", "*.tsv.gz")) and file.path:
        drafts = _from_tsv(Table(file.path))
    elif entry := one(asked, "MME-RealWorld-Lite.json", "*.json"):
        drafts = each(
            json_rows.objects(entry),
            lambda number, row: _from_json(asked, number, row),
            lambda number, row: str(row.get("Question_id", number)),
            entry.where,
        )
    else:
        raise nothing(asked, "parquet, mme_realworld_lite.tsv, or MME-RealWorld-Lite.json with its pictures")
    yield from finish(asked.name, drafts, asked.tell)


def _from_tsv(table: Table) -> Iterator[Draft | Skipped]:
    shown = Pictures(table, rows_by_index(table))

    def make(number: int, row: Mapping[str, Any]) -> Draft:
        reason = shown.missing(number)
        if reason:
            raise LeftOut(reason)
        return _draft(number, row["index"], row, shown.of(number), (shown.key(number),))

    wanted = [c for c in table.columns if c not in ("image", "bytes")]
    records = [{c: table.text(row, c) for c in wanted} for row in range(len(table))]
    return each(records, make, lambda n, row: str(row.get("index", n)), str(table.path))


def _from_json(asked: Asked, number: int, row: Mapping[str, Any]) -> Draft:
    name = str(row["Image"])
    image = asked.place.picture(name)
    if image is None:
        raise LeftOut(f"its picture {name!r} is not there")
    record = {
        "question": row["Text"],
        OPTIONS: row["Answer choices"],
        "answer": row["Ground truth"],
        "category": row["Category"],
        "l2-category": row.get("Subtask"),
    }
    return _draft(number, str(row["Question_id"]), record, (image,), (("file", name),))


def _draft(
    number: int, uid: str, row: Mapping[str, Any], images: tuple[Image, ...], shares: tuple[object, ...]
) -> Draft:
    options = tuple(answer_parsing.unlabelled(option, k) for k, option in enumerate(_options(row)))
    category = str(row.get("category") or "all")
    meta: dict[str, Any] = {"category": row.get("l2-category") or category, "row": number}
    if len(options) == 5 and _ESCAPE.search(options[-1]):
        meta["escape"] = 4
    return Draft(
        uid=uid,
        text=answer_parsing.without_instruction(row["question"]),
        options=options,
        gold=answer_parsing.letter(str(row["answer"]), options),
        images=images,
        family=category,
        shares=tuple(shares),
        meta=meta,
    )


def _options(row: Mapping[str, Any]) -> list[str]:
    """The options: a list, a list written by JSON or Python, or columns A to E."""
    given = row.get(OPTIONS)
    if isinstance(given, str) and given.strip():
        for read in (json.loads, ast.literal_eval):
            try:
                found = read(given)
            except (ValueError, SyntaxError, RecursionError, MemoryError):
                continue
            if isinstance(found, list):
                return [str(option) for option in found]
        raise LeftOut(f"its options are no list: {given[:60]!r}")
    if isinstance(given, list):
        return [str(option) for option in given]
    if "A" in row:
        return [str(row[letter]) for letter in "ABCDE" if row.get(letter)]
    raise LeftOut("it has no options")
