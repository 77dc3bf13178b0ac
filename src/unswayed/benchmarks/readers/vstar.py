"""V*Bench (Wu & Xie 2024, arXiv 2312.14135): small objects in large photographs.

Forms: ``test_questions.jsonl`` with images beside it, parquet with the same fields, a TSV file, or one JSON
file an image, whose right option comes first and is therefore shuffled. The instruction at the end of `text`
is cut off, because it contradicts the prompt. The JSON files hold the box of every object that the question
is about; with ``test_questions.jsonl`` they are read too, where they stand beside the pictures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from glob import escape
from pathlib import PurePosixPath
from typing import Any

from unswayed.benchmarks import answer_parsing, shuffling
from unswayed.benchmarks.catalogue_entry import CatalogueEntry, ReadRequest
from unswayed.benchmarks.files import json_rows
from unswayed.benchmarks.files.hub import HubSource
from unswayed.benchmarks.files.parquet_images import ParquetImages
from unswayed.benchmarks.files.tsv import TsvTable
from unswayed.benchmarks.readers import vlmevalkit
from unswayed.benchmarks.records import Record, Skipped, UnusableRow, make_records, to_questions
from unswayed.benchmarks.split_files import missing_files, open_parquet, single_file, split_files
from unswayed.question import Box, Question

CATEGORIES = ("direct_attributes", "relative_position")
"""The two folders of the benchmark; the other folders of the repository are not in its 191 questions."""


def read(request: ReadRequest) -> Iterator[Question]:
    """The questions; `family` is the category."""
    records: Iterator[Record | Skipped]
    if entry := single_file(request, "test_questions.jsonl", "*.jsonl"):
        records = _listed(request, json_rows.read_objects(entry), entry.location, None)
    elif table := open_parquet(split_files(request, "*.parquet")):
        images = ParquetImages(table, "image", request.files)
        records = _listed(request, table.rows, str(table.path), images)
    elif (file := single_file(request, "VStarBench.tsv", "*.tsv", "*.tsv.gz")) and file.path:
        yield from vlmevalkit.read_request(request, TsvTable(file.path))
        return
    elif request.files.match(*(f"*{category}/*.json" for category in CATEGORIES)):
        records = _one_file_each(request)
    else:
        raise missing_files(
            request, "test_questions.jsonl, parquet, VStarBench.tsv, or JSON files beside pictures"
        )
    yield from to_questions(request.name, records, request.on_skipped)


def _listed(
    request: ReadRequest, rows: list[Any], location: str, images: ParquetImages | None
) -> Iterator[Record | Skipped]:
    def make(number: int, row: Mapping[str, Any]) -> Record:
        if "choices" in row:
            text = answer_parsing.strip_instruction(row.get("question") or row["text"])
            options = answer_parsing.parse_options(row["choices"])
        else:
            text, options = answer_parsing.split_options(row["text"])
        label = row["label"] if "label" in row else row["answer"]
        gold = label if isinstance(label, int) else answer_parsing.parse_letter(label, options)
        if not 0 <= gold < len(options):
            raise UnusableRow(f"the answer {label!r} is none of its options")
        if images is not None:
            row_images, shared = images.of(number), images.keys(number)
        else:
            image = request.files.image(str(row["image"]))
            if image is None:
                raise UnusableRow(f"its picture {row['image']!r} is not there")
            row_images, shared = (image,), (("file", row["image"]),)
        category = str(row.get("category") or "all")
        return Record(
            uid=_uid(number, row),
            text=text,
            options=options,
            gold=gold,
            images=row_images,
            family=category,
            shared=shared,
            row=number,
            category=category,
            evidence=() if images is not None else _boxes_beside(request, str(row["image"])),
        )

    return make_records(rows, make, _uid, location)


def _boxes_beside(request: ReadRequest, image: str) -> tuple[Box, ...]:
    """The boxes in the JSON file beside an image on this machine."""
    name = escape(str(PurePosixPath(image).with_suffix(".json")))
    found = [entry for entry in request.files.match(f"*{name}") if entry.path is not None]
    return _boxes(json_rows.read_object(found[0])) if len(found) == 1 else ()


def _boxes(row: Mapping[str, Any]) -> tuple[Box, ...]:
    """The boxes of the objects asked about; empty where there are none, or they are not as expected."""
    found = row.get("bbox")
    if not isinstance(found, list) or not found:
        return ()
    boxes = [found] if not isinstance(found[0], list) else found
    numbers = [[float(x) for x in box if isinstance(x, (int, float))] for box in boxes]
    if any(len(box) != 4 or box[2] <= 0 or box[3] <= 0 for box in numbers):
        return ()
    return tuple(Box(left, top, width, height) for left, top, width, height in numbers)


def _uid(number: int, row: Mapping[str, Any]) -> str:
    # In some packings the numbers restart in each category.
    question_id = str(row.get("question_id", number))
    return f"{row['category']}-{question_id}" if row.get("category") else question_id


def _one_file_each(request: ReadRequest) -> Iterator[Record | Skipped]:
    entries = [entry for category in CATEGORIES for entry in request.files.match(f"*{category}/*.json")]
    paths = [PurePosixPath(entry.name) for entry in entries]

    def make(number: int, row: Mapping[str, Any]) -> Record:
        path = paths[number]
        category = path.parent.name
        image = request.files.image(f"{category}/{path.stem}.jpg")
        if image is None:
            raise UnusableRow(f"there is no picture called {path.stem!r}")
        source_options = answer_parsing.parse_options(row["options"])
        options, gold, meta = shuffling.shuffled(source_options, 0, "vstar", category, path.stem)
        return Record(
            uid=f"{category}-{path.stem}",
            text=answer_parsing.strip_instruction(row["question"]),
            options=options,
            gold=gold,
            images=(image,),
            family=category,
            shared=(("file", str(path)),),
            row=number,
            category=category,
            evidence=_boxes(row),
            meta=meta,
        )

    rows = map(json_rows.read_object, entries)
    return make_records(rows, make, lambda number, _: paths[number].stem, str(request.files.path))


ENTRIES = (
    CatalogueEntry(
        name="vstar",
        title="V*Bench: attributes and places of small things",
        size="191 rows",
        licence="none stated for the data",
        home="https://github.com/penghao-wu/vstar",
        needs="VStarBench.tsv, or test_questions.jsonl and pictures",
        read=read,
        hub=HubSource(
            "craigwu/vstar_bench",
            ("test_questions.jsonl", "direct_attributes/*", "relative_position/*"),
            "d9ae62c903da0c98336e85c5ee89cd863b04b4da",
        ),
    ),
)
