"""SAT (Ray et al. 2024, arXiv 2412.07755): spatial questions on simulated rooms, one or two pictures.

Forms: the parquet files of both hub layouts (raw bytes, or image structs). The order of its options is
not to be relied on, as its authors say, so they are shuffled. The right answer is given as text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from unswayed.benchmarks import answer_parsing, shuffling
from unswayed.benchmarks.files import json_rows
from unswayed.benchmarks.files.parquet_images import ParquetPictures
from unswayed.benchmarks.records import (
    Asked,
    Draft,
    LeftOut,
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


def read(asked: Asked) -> Iterator[Question]:
    """The questions of a split; `family` is the type (``other`` on all static rows)."""
    split = asked.split
    if table := parquet(found(asked, f"SAT_{split}.parquet", f"*{split}*.parquet", "*.parquet")):
        shown = ParquetPictures(table, "image_bytes" if "image_bytes" in table else "images", asked.place)
        drafts = each(
            table.rows,
            lambda number, row: _draft(number, row, shown.of(number), shown.keys(number)),
            lambda number, _: str(number),
            str(table.path),
            draw=asked.draw,
        )
    elif entry := one(asked, "*.jsonl"):
        drafts = each(
            json_rows.objects(entry),
            lambda number, row: _loose(asked, number, row),
            lambda number, _: str(number),
            entry.where,
        )
    else:
        raise nothing(asked, f"SAT_{split}.parquet")
    yield from finish(asked.name, drafts, asked.tell)


def _draft(
    number: int, row: Mapping[str, Any], images: tuple[Image, ...], shares: tuple[object, ...]
) -> Draft:
    given = [str(option).strip() for option in row["answers"]]
    gold = answer_parsing.text(str(row["correct_answer"]).strip(), given)
    options, gold, meta = shuffling.shuffled(given, gold, "sat", row["question"], number)
    kind = str(row.get("question_type") or "other")
    return Draft(
        uid=str(number),
        text=answer_parsing.without_instruction(row["question"]),
        options=options,
        gold=gold,
        images=images,
        family=kind,
        shares=shares,
        meta={**meta, "category": kind, "row": number},
    )


def _loose(asked: Asked, number: int, row: Mapping[str, Any]) -> Draft:
    image = asked.place.picture(str(row["image"]))
    if image is None:
        raise LeftOut(f"its picture {row['image']!r} is not there")
    return _draft(number, row, (image,), (("file", row["image"]),))
