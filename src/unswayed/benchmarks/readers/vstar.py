"""V*Bench (Wu & Xie 2024, arXiv 2312.14135): small things in large photographs.

Forms: ``test_questions.jsonl`` with pictures beside it, parquet with the same fields, a TSV file, or one
JSON a picture, whose right option comes first and is therefore shuffled. The instruction at the end
of `text` contradicts ours and is cut off.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from unswayed.benchmarks import answer_parsing, shuffling
from unswayed.benchmarks.files import json_rows
from unswayed.benchmarks.files.parquet_images import ParquetPictures
from unswayed.benchmarks.files.tsv import Table
from unswayed.benchmarks.readers import vlmevalkit
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
from unswayed.question import Question

CATEGORIES = ("direct_attributes", "relative_position")
"""The two folders of the benchmark; the repository's others are not in its 191 questions."""


def read(asked: Asked) -> Iterator[Question]:
    """The questions; `family` is the category."""
    if lines := one(asked, "test_questions.jsonl", "*.jsonl"):
        yield from finish(asked.name, _listed(asked, json_rows.objects(lines), lines.where, None), asked.tell)
    elif table := parquet(found(asked, "*.parquet")):
        shown = ParquetPictures(table, "image", asked.place)
        yield from finish(asked.name, _listed(asked, table.rows, str(table.path), shown), asked.tell)
    elif (file := one(asked, "VStarBench.tsv", "*.tsv", "*.tsv.gz")) and file.path:
        yield from vlmevalkit.read(Table(file.path), asked.name, skipped=asked.tell)
    elif asked.place.files(*(f"*{category}/*.json" for category in CATEGORIES)):
        yield from finish(asked.name, _one_each(asked), asked.tell)
    else:
        raise nothing(asked, "test_questions.jsonl, parquet, VStarBench.tsv, or JSON files beside pictures")


def _listed(
    asked: Asked, records: list[Any], where: str, shown: ParquetPictures | None
) -> Iterator[Draft | Skipped]:
    def make(number: int, row: Mapping[str, Any]) -> Draft:
        if "choices" in row:
            text = answer_parsing.without_instruction(row.get("question") or row["text"])
            options = tuple(str(choice).strip() for choice in row["choices"])
        else:
            text, options = answer_parsing.split(row["text"])
        label = row["label"] if "label" in row else row["answer"]
        gold = label if isinstance(label, int) else answer_parsing.letter(label, options)
        if not 0 <= gold < len(options):
            raise LeftOut(f"the answer {label!r} is none of its options")
        if shown is not None:
            images, shares = shown.of(number), shown.keys(number)
        else:
            image = asked.place.picture(row["image"])
            if image is None:
                raise LeftOut(f"its picture {row['image']!r} is not there")
            images, shares = (image,), (("file", row["image"]),)
        category = str(row.get("category") or "all")
        return Draft(
            uid=_uid(number, row),
            text=text,
            options=options,
            gold=gold,
            images=images,
            family=category,
            shares=shares,
            meta={"category": category, "row": number},
        )

    return each(records, make, _uid, where)


def _uid(number: int, row: Mapping[str, Any]) -> str:
    # Numbers start anew in each category in some packings.
    said = str(row.get("question_id", number))
    return f"{row['category']}-{said}" if row.get("category") else said


def _one_each(asked: Asked) -> Iterator[Draft | Skipped]:
    files = [file for category in CATEGORIES for file in asked.place.files(f"*{category}/*.json")]
    names = [PurePosixPath(file.name) for file in files]

    def make(number: int, row: Mapping[str, Any]) -> Draft:
        name = names[number]
        category = name.parent.name
        image = asked.place.picture(f"{category}/{name.stem}.jpg")
        if image is None:
            raise LeftOut(f"there is no picture called {name.stem!r}")
        given = tuple(str(option).strip() for option in row["options"])
        options, gold, meta = shuffling.shuffled(given, 0, "vstar", category, name.stem)
        return Draft(
            uid=f"{category}-{name.stem}",
            text=answer_parsing.without_instruction(row["question"]),
            options=options,
            gold=gold,
            images=(image,),
            family=category,
            shares=(("file", str(name)),),
            meta={**meta, "category": category, "row": number},
        )

    records = map(json_rows.single, files)
    return each(records, make, lambda number, _: names[number].stem, str(asked.place.path))
