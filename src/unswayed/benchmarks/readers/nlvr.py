"""NLVR (Suhr et al. 2017, ACL): is a sentence true of an image of drawn boxes?

JSON lines with images beside them. Each row's six images show the same boxes in other orders; the first is
used. ``meta["scene"]`` describes the image completely. A sentence recurs with four images: it is the group.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from unswayed.benchmarks.catalogue_entry import CatalogueEntry, ReadRequest
from unswayed.benchmarks.files import json_rows
from unswayed.benchmarks.records import Record, UnusableRow, make_records, to_questions
from unswayed.benchmarks.split_files import missing_files, single_file
from unswayed.question import Question

QUESTION = "Is this sentence true of the image? “{sentence}”"
OPTIONS = ("true", "false")


def read(request: ReadRequest) -> Iterator[Question]:
    """The questions of a split: train, dev or test."""
    split = request.split
    entry = single_file(request, f"{split}.json", f"*{split}*.jsonl", f"*{split}*.json")
    if entry is None:
        raise missing_files(request, f"{split}.json of NLVR")
    records = make_records(
        json_rows.read_objects(entry),
        lambda number, row: _record(request, number, row),
        lambda number, row: str(row.get("identifier", number)),
        entry.location,
    )
    yield from to_questions(request.name, records, request.on_skipped)


def _record(request: ReadRequest, number: int, row: Mapping[str, Any]) -> Record:
    identifier, label = str(row["identifier"]), str(row.get("label", "")).lower()
    if label not in OPTIONS:
        raise UnusableRow("its label is hidden")
    folder = f"{row['directory']}/" if "directory" in row else ""
    name = f"{folder}{request.split}-{identifier}-0.png"
    image = request.files.image(name)
    if image is None:
        raise UnusableRow(f"its picture {name!r} is not there")
    return Record(
        uid=identifier,
        text=QUESTION.format(sentence=str(row["sentence"]).strip()),
        options=OPTIONS,
        gold=OPTIONS.index(label),
        images=(image,),
        family="true-false",
        shared=(("sentence", identifier.partition("-")[0]), ("file", name)),
        row=number,
        category="true-false",
        meta={"sentence": row["sentence"], "scene": row.get("structured_rep")},
    )


ENTRIES = (
    CatalogueEntry(
        name="nlvr",
        title="NLVR: is the sentence true of drawn boxes?",
        size="dev split",
        licence="CC-BY-4.0",
        home="https://github.com/lil-lab/nlvr",
        needs="dev.json and its images",
        read=read,
        split="dev",
    ),
)
