"""PixMo-Count (Deitke et al. 2024, arXiv 2409.17146): the number of objects of a kind.

The source has no questions and no options: the wording of the question and the wrong options (neighbouring
numbers) are made here and noted in `meta`. Images are addresses of third parties, fetched when read and
compared with the hash in the row; or files named after that hash, or after the last part of the address.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from unswayed.benchmarks import answer_parsing, distractors, shuffling
from unswayed.benchmarks.catalogue_entry import CatalogueEntry, ReadRequest
from unswayed.benchmarks.files.download import remote_image
from unswayed.benchmarks.files.hub import HubSource
from unswayed.benchmarks.records import Record, UnusableRow, make_records, to_questions
from unswayed.benchmarks.split_files import missing_files, open_parquet, split_files
from unswayed.question import Image, Question

QUESTION = "How many {label} are in the image?"
DISTRACTORS = "unswayed-1"
"""Version of the rule that makes wrong options, in ``meta["distractors"]``."""


def read(request: ReadRequest) -> Iterator[Question]:
    """The questions of a split. The group is the image's address: several labels share an image."""
    table = open_parquet(split_files(request, f"*{request.split}*.parquet", "*.parquet"))
    if table is None:
        raise missing_files(request, "parquet files of PixMo-Count")
    records = make_records(
        table.rows,
        lambda number, row: _record(request, number, row),
        lambda number, _: str(number),
        str(table.path),
    )
    yield from to_questions(request.name, records, request.on_skipped)


def _record(request: ReadRequest, number: int, row: Mapping[str, Any]) -> Record:
    label, count = str(row["label"] or "").strip(), row["count"]
    if not label:
        raise UnusableRow("it does not say what is counted")
    if answer_parsing.is_missing(count) or count < 0:
        raise UnusableRow(f"its count is {count}")
    url, sha256 = str(row["image_url"] or ""), str(row.get("image_sha256") or "")
    if not url:
        raise UnusableRow("it has no picture")
    nearby, gold = distractors.nearby_numbers(int(count), "pixmo-count", url, label)
    options, gold, meta = shuffling.shuffled(nearby, gold, "pixmo-count", url, label)
    return Record(
        uid=str(number),
        text=QUESTION.format(label=label),
        options=options,
        gold=gold,
        images=(_image(request, url, sha256),),
        family="count",
        shared=(("url", url), *([("sha256", sha256)] if sha256 else [])),
        row=number,
        category="count",
        meta={
            **meta,
            "label": label,
            "count": int(count),
            "points": row.get("points"),
            "distractors": DISTRACTORS,
        },
    )


def _image(request: ReadRequest, url: str, sha256: str) -> Image:
    try:
        last = unquote(PurePosixPath(urlsplit(url).path).name)
    except ValueError as problem:
        raise UnusableRow(f"its picture's address {url[:60]!r} is none: {problem}") from problem
    for name in filter(None, (sha256, last)):
        image = request.files.image(name if PurePosixPath(name).suffix else f"{name}.jpg")
        if image is not None:
            return image
    return remote_image(url, sha256=sha256, access=request.files.access)


ENTRIES = (
    CatalogueEntry(
        name="pixmo-count",
        title="PixMo-Count (for training); question's wording and wrong options ours",
        size="36,916 train, 540 validation, 540 test",
        licence="ODC-BY; pictures of third parties",
        home="https://huggingface.co/datasets/allenai/pixmo-count",
        needs="its parquet files",
        read=read,
        hub=HubSource("allenai/pixmo-count", ("*{split}-*.parquet",)),
        split="validation",
    ),
)
