"""Geometry3K (Lu et al. 2021, arXiv 2105.04165): plane geometry with a diagram, four values to choose from.

Forms: hub parquet (the newer revision, with `choices`), and the authors' folders with ``data.json`` and
``img_diagram.png``. Letter and text of the answer must agree. Many problems read only "Find x.", so the uid
is the row number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from unswayed.benchmarks import answer_parsing
from unswayed.benchmarks.catalogue_entry import CatalogueEntry, ReadRequest
from unswayed.benchmarks.files import json_rows
from unswayed.benchmarks.files.hub import HubSource
from unswayed.benchmarks.files.parquet_images import ParquetImages
from unswayed.benchmarks.records import Record, Skipped, UnusableRow, make_records, to_questions
from unswayed.benchmarks.split_files import missing_files, open_parquet, split_files
from unswayed.errors import BadInput
from unswayed.question import Question

_MARKER = "<image>"


def read(request: ReadRequest) -> Iterator[Question]:
    """The questions; `family` is the quantity sought (Length, Angle, …) where the source names it."""
    if table := open_parquet(split_files(request, "*.parquet")):
        if "choices" not in table:
            raise BadInput(
                f"{table.path}: this older revision of Geometry3K has no choices; take the newer one, "
                "or the authors' folders with data.json"
            )
        images = ParquetImages(table, "images", request.files)
        records = make_records(
            table.rows,
            lambda number, row: _hub_record(number, row, images),
            lambda number, row: str(row.get("id", number)),
            str(table.path),
        )
    elif request.files.match("*data.json"):
        records = _folder_records(request)
    else:
        raise missing_files(request, "parquet files, nor folders with data.json, of Geometry3K")
    yield from to_questions(request.name, records, request.on_skipped)


def _hub_record(number: int, row: Mapping[str, Any], images: ParquetImages) -> Record:
    options = answer_parsing.parse_options(row["choices"])
    gold = answer_parsing.parse_letter(row["ground_truth"], options)
    _check_agreement(row["answer"], options[gold])
    return Record(
        uid=str(row["id"]),
        text=str(row["problem"] or "").replace(_MARKER, "").strip(),
        options=options,
        gold=gold,
        images=images.of(number),
        family="geometry",
        shared=images.keys(number),
        row=number,
        category="geometry",
    )


def _folder_records(request: ReadRequest) -> Iterator[Record | Skipped]:
    entries = sorted(request.files.match("*data.json"), key=lambda entry: _natural_order(entry.name))
    problems = [(PurePosixPath(entry.name).parent.name, json_rows.read_object(entry)) for entry in entries]
    if request.split_given:
        splits = (None, request.split)
        problems = [(folder, row) for folder, row in problems if row.get("data_type") in splits]
    folders = [folder for folder, _ in problems]

    def make(number: int, row: Mapping[str, Any]) -> Record:
        image = request.files.image(f"{folders[number]}/img_diagram.png")
        if image is None:
            raise UnusableRow("its img_diagram.png is not there")
        options = answer_parsing.parse_options(row["choices"])
        goal = str((row.get("problem_type_goal") or ["geometry"])[0])
        return Record(
            uid=str(row.get("id", folders[number])),
            text=str(row.get("annotat_text") or row["problem_text"]).strip(),
            options=options,
            gold=answer_parsing.parse_letter(row["answer"], options),
            images=(image,),
            family=goal,
            shared=(("folder", folders[number]),),
            row=number,
            category=goal,
            meta={"values": row.get("precise_value"), "note": row.get("comment") or None},
        )

    rows = (row for _, row in problems)
    return make_records(rows, make, lambda number, _: folders[number], str(request.files.path))


def _check_agreement(answer: object, option: str) -> None:
    """The hub also gives the right option's text, in LaTeX with blanks in other places."""
    if answer_parsing.is_missing(answer):
        raise UnusableRow("it has no answer")
    if "".join(str(answer).split()) != "".join(option.split()):
        raise UnusableRow(f"letter and text of its answer disagree: {option!r} and {str(answer)[:40]!r}")


def _natural_order(name: str) -> tuple[int, str]:
    folder = PurePosixPath(name).parent.name
    return (int(folder) if folder.isdecimal() else -1, name)


ENTRIES = (
    CatalogueEntry(
        name="geometry3k",
        title="Geometry3K: diagrams, four values (for training)",
        size="2,101 train, 300 validation, 601 test",
        licence="MIT",
        home="https://github.com/lupantech/InterGPS",
        needs="its parquet files, or folders with data.json",
        read=read,
        hub=HubSource("hiyouga/geometry3k", ("*{split}-*.parquet",)),
        split="train",
    ),
)
