"""NLVR (Suhr et al. 2017, ACL): is a sentence true of a picture of drawn boxes?

JSON lines with pictures beside them. Each row's six pictures show the same boxes in other orders; the
first is asked. ``meta["scene"]`` is the whole truth of the picture. Sentences recur with four pictures:
the sentence is the group.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from unswayed.benchmarks.files import json_rows
from unswayed.benchmarks.records import (
    Asked,
    Draft,
    LeftOut,
    each,
    finish,
)
from unswayed.benchmarks.split_files import nothing, one
from unswayed.question import Question

QUESTION = "Is this sentence true of the image? “{sentence}”"
OPTIONS = ("true", "false")


def read(asked: Asked) -> Iterator[Question]:
    """The questions of a split: train, dev or test."""
    split = asked.split
    file = one(asked, f"{split}.json", f"*{split}*.jsonl", f"*{split}*.json")
    if file is None:
        raise nothing(asked, f"{split}.json of NLVR")
    drafts = each(
        json_rows.objects(file),
        lambda number, row: _draft(asked, number, row),
        lambda number, row: str(row.get("identifier", number)),
        file.where,
    )
    yield from finish(asked.name, drafts, asked.tell)


def _draft(asked: Asked, number: int, row: Mapping[str, Any]) -> Draft:
    identifier, label = str(row["identifier"]), str(row.get("label", "")).lower()
    if label not in OPTIONS:
        raise LeftOut("its label is hidden")
    folder = f"{row['directory']}/" if "directory" in row else ""
    name = f"{folder}{asked.split}-{identifier}-0.png"
    image = asked.place.picture(name)
    if image is None:
        raise LeftOut(f"its picture {name!r} is not there")
    return Draft(
        uid=identifier,
        text=QUESTION.format(sentence=str(row["sentence"]).strip()),
        options=OPTIONS,
        gold=OPTIONS.index(label),
        images=(image,),
        family="true-false",
        shares=(("sentence", identifier.partition("-")[0]), ("file", name)),
        meta={
            "category": "true-false",
            "sentence": row["sentence"],
            "scene": row.get("structured_rep"),
            "row": number,
        },
    )
