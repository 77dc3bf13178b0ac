"""CV-Bench (Tong et al. 2024, arXiv 2406.16860): counting, relation, depth, distance; up to six options.

Taken: `idx, type, task, image, question, choices, answer "(C)", source, filename` of the hub's two
parquet files, or the TSV files. Where `image` is empty the loose picture `filename` is looked for.
Its `prompt` is not used: it says how to answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from unswayed.benchmarks import answer_parsing
from unswayed.benchmarks.files.local import Entry
from unswayed.benchmarks.files.parquet import Parquet
from unswayed.benchmarks.files.parquet_images import ParquetPictures, absent
from unswayed.benchmarks.files.tsv import Table
from unswayed.benchmarks.readers import vlmevalkit
from unswayed.benchmarks.records import (
    Asked,
    Draft,
    LeftOut,
    each,
    finish,
)
from unswayed.benchmarks.split_files import loose, nothing, parquet
from unswayed.question import Image, Question


def read(asked: Asked) -> Iterator[Question]:
    """The questions. `cvbench` is both halves; with ``-2d`` or ``-3d`` behind the name it is one."""
    half = asked.name.removeprefix("cvbench").removeprefix("-") or "?d"
    place = asked.place
    if table := parquet(place.files(f"test_{half}.parquet", "*.parquet")):
        questions = finish(asked.name, _drafts(table, asked), asked.tell)
    elif files := place.files(f"CV-Bench-{half.upper()}.tsv", "*.tsv", "*.tsv.gz"):
        questions = _from_tsv(files, asked)
    else:
        raise nothing(asked, "test_2d.parquet, test_3d.parquet, CV-Bench-2D.tsv or CV-Bench-3D.tsv")
    for question in questions:
        if half == "?d" or question.meta.get("type", half.upper()) == half.upper():
            yield question


def _from_tsv(files: list[Entry], asked: Asked) -> Iterator[Question]:
    for file in files:
        # Both files count from 0, so where both are read their names tell the rows apart.
        prefix = f"{vlmevalkit.stem(loose(file))}-" if len(files) > 1 else ""
        for question in vlmevalkit.read(Table(loose(file)), asked.name, skipped=asked.tell):
            yield replace(question, uid=prefix + question.uid, group=prefix + question.group)


def _drafts(table: Parquet, asked: Asked) -> Iterator[Any]:
    shown = ParquetPictures(table, "image", asked.place)

    def make(number: int, row: Mapping[str, Any]) -> Draft:
        options = tuple(str(choice).strip() for choice in row["choices"])
        images = shown.of(number) or _loose(asked, str(row.get("filename") or ""))
        return Draft(
            uid=str(row["idx"]),
            text=answer_parsing.without_instruction(row["question"]),
            options=options,
            gold=answer_parsing.letter(row["answer"], options),
            images=images,
            family=str(row["task"]),
            shares=(*shown.keys(number), ("file", row.get("filename") or row["idx"])),
            meta={
                "category": row["task"],
                "type": row["type"],
                "source": row["source"],
                "row": number,
            },
        )

    return each(table.rows, make, lambda number, row: str(row.get("idx", number)), str(table.path))


def _loose(asked: Asked, filename: str) -> tuple[Image, ...]:
    if not filename:
        raise LeftOut("it has no picture")
    return (asked.place.picture(filename) or absent(filename, asked.place.root),)
