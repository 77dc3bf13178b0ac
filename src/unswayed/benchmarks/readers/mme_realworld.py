"""MME-RealWorld-Lite (Zhang et al. 2024, arXiv 2408.13257): very large images, five options.

Forms: the zip with its JSON (or its content), parquet, and a TSV file whose options are a list written as
text. The fifth option says that the image does not show the answer. It belongs to the benchmark and its
score, so it is kept, and `Question.escape_option` names it: with "I'm not sure" the question would have two
escape options.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from unswayed.benchmarks import answer_parsing
from unswayed.benchmarks.catalogue_entry import CatalogueEntry, ReadRequest
from unswayed.benchmarks.files import json_rows
from unswayed.benchmarks.files.hub import HubSource
from unswayed.benchmarks.files.parquet_images import ParquetImages
from unswayed.benchmarks.files.tsv import TsvTable
from unswayed.benchmarks.files.tsv_images import TsvImages
from unswayed.benchmarks.readers.vlmevalkit import rows_by_index
from unswayed.benchmarks.records import Record, Skipped, UnusableRow, make_records, to_questions
from unswayed.benchmarks.split_files import missing_files, open_parquet, single_file, split_files
from unswayed.question import Image, Question

OPTIONS = "multi-choice options"
"""Name of the column that holds the options."""
_ESCAPE = re.compile(r"\b(?:does not|doesn't|do not|not|none|cannot|can't|unable|no)\b", re.IGNORECASE)


def read(request: ReadRequest) -> Iterator[Question]:
    """The questions; `family` is the category, e.g. ``Perception/Autonomous_Driving``."""
    records: Iterator[Record | Skipped]
    if table := open_parquet(split_files(request, "*.parquet")):
        images = ParquetImages(table, "bytes" if "bytes" in table else "image", request.files)

        def from_parquet(number: int, row: Mapping[str, Any]) -> Record:
            return _record(number, str(row["index"]), row, images.of(number), images.keys(number))

        records = make_records(
            table.rows,
            from_parquet,
            lambda n, row: str(row.get("index", n)),
            str(table.path),
            subset=request.subset,
        )
    elif (file := single_file(request, "mme_realworld_lite.tsv", "*.tsv", "*.tsv.gz")) and file.path:
        records = _from_tsv(request, TsvTable(file.path))
    elif entry := single_file(request, "MME-RealWorld-Lite.json", "*.json"):
        records = make_records(
            json_rows.read_objects(entry),
            lambda number, row: _from_json(request, number, row),
            lambda number, row: str(row.get("Question_id", number)),
            entry.location,
        )
    else:
        raise missing_files(
            request, "parquet, mme_realworld_lite.tsv, or MME-RealWorld-Lite.json with its pictures"
        )
    yield from to_questions(request.name, records, request.on_skipped)


def _from_tsv(request: ReadRequest, table: TsvTable) -> Iterator[Record | Skipped]:
    images = TsvImages(table, rows_by_index(table), request.files.access)

    def make(number: int, row: Mapping[str, Any]) -> Record:
        reason = images.missing(number)
        if reason:
            raise UnusableRow(reason)
        return _record(number, row["index"], row, images.of(number), (images.key(number),))

    columns = [c for c in table.columns if c not in ("image", "bytes")]
    rows = [{c: table.text(row, c) for c in columns} for row in range(len(table))]
    return make_records(rows, make, lambda n, row: str(row.get("index", n)), str(table.path))


def _from_json(request: ReadRequest, number: int, row: Mapping[str, Any]) -> Record:
    name = str(row["Image"])
    image = request.files.image(name)
    if image is None:
        raise UnusableRow(f"its picture {name!r} is not there")
    columns = {
        "question": row["Text"],
        OPTIONS: row["Answer choices"],
        "answer": row["Ground truth"],
        "category": row["Category"],
        "l2-category": row.get("Subtask"),
    }
    return _record(number, str(row["Question_id"]), columns, (image,), (("file", name),))


def _record(
    number: int, uid: str, row: Mapping[str, Any], images: tuple[Image, ...], shared: tuple[Any, ...]
) -> Record:
    options = tuple(answer_parsing.strip_label(option, k) for k, option in enumerate(_options(row)))
    category = str(row.get("category") or "all")
    return Record(
        uid=uid,
        text=answer_parsing.strip_instruction(row["question"]),
        options=options,
        gold=answer_parsing.parse_letter(row["answer"], options),
        images=images,
        family=category,
        shared=shared,
        row=number,
        category=str(row.get("l2-category") or category),
        escape_option=4 if len(options) == 5 and _ESCAPE.search(options[-1]) else None,
    )


def _options(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The options: a list, a list written as text, or columns A to E."""
    if not row.get(OPTIONS) and "A" in row:
        return tuple(str(row[letter]) for letter in "ABCDE" if row.get(letter))
    return answer_parsing.parse_options(row.get(OPTIONS))


ENTRIES = (
    CatalogueEntry(
        name="mme-realworld-lite",
        title="MME-RealWorld-Lite: large pictures, five options",
        size="1,919 rows",
        licence="conflicting statements; not to be passed on",
        home="https://github.com/MME-Benchmarks/MME-RealWorld",
        needs="data.zip, or mme_realworld_lite.tsv",
        read=read,
        hub=HubSource(
            "yifanzhang114/MME-RealWorld-lite-lmms-eval",
            ("*.parquet",),
            "f6b0dc81ba4d3c39bd9b4e544578198d365ac084",
            streams=True,
        ),
        split="train",
    ),
)
