"""Geometry3K (Lu et al. 2021, arXiv 2105.04165): plane geometry with a diagram, four values to choose from.

Forms: hub parquet (the newer one, with `choices`), and the authors' folders with ``data.json`` and
``img_diagram.png``. Letter and text of the answer must agree; many problems read only "Find x.", so it
is the number that tells them apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from unswayed.benchmarks import answer_parsing
from unswayed.benchmarks.files import json_rows
from unswayed.benchmarks.files.parquet_images import ParquetPictures
from unswayed.benchmarks.records import (
    Asked,
    Draft,
    LeftOut,
    Skipped,
    each,
    finish,
)
from unswayed.benchmarks.split_files import found, nothing, parquet
from unswayed.errors import BadInput
from unswayed.question import Question

_MARK = "<image>"


def read(asked: Asked) -> Iterator[Question]:
    """The questions; `family` is what is sought (Length, Angle, …) where the source says it."""
    if table := parquet(found(asked, "*.parquet")):
        if "choices" not in table:
            raise BadInput(
                f"{table.path}: this older revision of Geometry3K has no choices; take the newer one, "
                "or the authors' folders with data.json"
            )
        shown = ParquetPictures(table, "images", asked.place)
        drafts = each(
            table.rows,
            lambda number, row: _from_hub(number, row, shown),
            lambda number, row: str(row.get("id", number)),
            str(table.path),
        )
    elif asked.place.files("*data.json"):
        drafts = _from_folders(asked)
    else:
        raise nothing(asked, "parquet files, nor folders with data.json, of Geometry3K")
    yield from finish(asked.name, drafts, asked.tell)


def _from_hub(number: int, row: Mapping[str, Any], shown: ParquetPictures) -> Draft:
    options = tuple(str(choice).strip() for choice in row["choices"])
    gold = answer_parsing.letter(str(row["ground_truth"]), options)
    _agree(str(row["answer"]), options[gold])
    return Draft(
        uid=str(row["id"]),
        text=row["problem"].replace(_MARK, "").strip(),
        options=options,
        gold=gold,
        images=shown.of(number),
        family="geometry",
        shares=shown.keys(number),
        meta={"category": "geometry", "row": number},
    )


def _from_folders(asked: Asked) -> Iterator[Draft | Skipped]:
    files = sorted(asked.place.files("*data.json"), key=lambda file: _natural(file.name))
    found = [(PurePosixPath(file.name).parent.name, json_rows.single(file)) for file in files]
    if asked.named:
        found = [(folder, row) for folder, row in found if row.get("data_type") in (None, asked.split)]
    folders = [folder for folder, _ in found]

    def make(number: int, row: Mapping[str, Any]) -> Draft:
        image = asked.place.picture(f"{folders[number]}/img_diagram.png")
        if image is None:
            raise LeftOut("its img_diagram.png is not there")
        options = tuple(str(choice).strip() for choice in row["choices"])
        goal = str((row.get("problem_type_goal") or ["geometry"])[0])
        return Draft(
            uid=str(row.get("id", folders[number])),
            text=str(row.get("annotat_text") or row["problem_text"]).strip(),
            options=options,
            gold=answer_parsing.letter(str(row["answer"]), options),
            images=(image,),
            family=goal,
            shares=(("folder", folders[number]),),
            meta={
                "category": goal,
                "values": row.get("precise_value"),
                "note": row.get("comment") or None,
                "row": number,
            },
        )

    records = (row for _, row in found)
    return each(records, make, lambda number, _: folders[number], str(asked.place.path))


def _agree(answer: str, option: str) -> None:
    """The hub writes the right option's text too, in LaTeX with blanks here and there."""
    if "".join(answer.split()) != "".join(option.split()):
        raise LeftOut(f"letter and text of its answer disagree: {option!r} and {answer[:40]!r}")


def _natural(name: str) -> tuple[int, str]:
    folder = PurePosixPath(name).parent.name
    return (int(folder) if folder.isdecimal() else -1, name)
