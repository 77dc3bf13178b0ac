"""SAT (Ray et al. 2024, arXiv 2412.07755): spatial questions about simulated rooms, one or two images.

Forms: the parquet files of both hub layouts (raw bytes, or image structs). Its authors ask for a random order
of the options, so they are shuffled. The right answer is given as text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from unswayed.benchmarks import answer_parsing, shuffling
from unswayed.benchmarks.catalogue_entry import CatalogueEntry, ReadRequest
from unswayed.benchmarks.files import json_rows
from unswayed.benchmarks.files.hub import HubSource
from unswayed.benchmarks.files.parquet_images import ParquetImages
from unswayed.benchmarks.records import Record, UnusableRow, make_records, to_questions
from unswayed.benchmarks.split_files import missing_files, open_parquet, single_file, split_files
from unswayed.question import Image, Question


def read(request: ReadRequest) -> Iterator[Question]:
    """The questions of a split; `family` is the question type (``other`` on all static rows)."""
    split = request.split
    if table := open_parquet(split_files(request, f"SAT_{split}.parquet", f"*{split}*.parquet", "*.parquet")):
        column = "image_bytes" if "image_bytes" in table else "images"
        images = ParquetImages(table, column, request.files)
        records = make_records(
            table.rows,
            lambda number, row: _record(number, row, images.of(number), images.keys(number)),
            lambda number, _: str(number),
            str(table.path),
            subset=request.subset,
        )
    elif entry := single_file(request, "*.jsonl"):
        records = make_records(
            json_rows.read_objects(entry),
            lambda number, row: _from_json(request, number, row),
            lambda number, _: str(number),
            entry.location,
        )
    else:
        raise missing_files(request, f"SAT_{split}.parquet")
    yield from to_questions(request.name, records, request.on_skipped)


def _record(
    number: int, row: Mapping[str, Any], images: tuple[Image, ...], shared: tuple[Any, ...]
) -> Record:
    source_options = answer_parsing.parse_options(row["answers"])
    gold = answer_parsing.match_text(row["correct_answer"], source_options)
    options, gold, meta = shuffling.shuffled(source_options, gold, "sat", row["question"], number)
    kind = str(row.get("question_type") or "other")
    return Record(
        uid=str(number),
        text=answer_parsing.strip_instruction(row["question"]),
        options=options,
        gold=gold,
        images=images,
        family=kind,
        shared=shared,
        row=number,
        category=kind,
        meta=meta,
    )


def _from_json(request: ReadRequest, number: int, row: Mapping[str, Any]) -> Record:
    image = request.files.image(str(row["image"]))
    if image is None:
        raise UnusableRow(f"its picture {row['image']!r} is not there")
    return _record(number, row, (image,), (("file", row["image"]),))


ENTRIES = (
    CatalogueEntry(
        name="sat",
        title="SAT: simulated rooms, one or two pictures (for training)",
        size="172,384 train, 127K static, 4K val, 150 test",
        licence="MIT",
        home="https://github.com/arijitray1993/SAT",
        needs="SAT_static.parquet, SAT_train.parquet, …",
        read=read,
        hub=HubSource(
            "array/SAT", ("SAT_{split}.parquet",), "bda5dde942d7f7b41bff7935f086ed9a9e348ae3", streams=True
        ),
    ),
)
