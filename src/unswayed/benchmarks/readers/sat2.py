"""The 32K spatial questions of SAT-2 as ViGoRL uses them (Sarch et al. 2025, arXiv 2505.23678).

A tar of pictures with JSON lines in it, read where it is, or what was in the tar. `problem` holds the
question with its options, `answer` the right option's text; rows whose ``<image>`` marks and pictures
differ in number are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from unswayed.benchmarks import answer_parsing, shuffling
from unswayed.benchmarks.files import json_rows
from unswayed.benchmarks.records import (
    Asked,
    Draft,
    LeftOut,
    each,
    finish,
)
from unswayed.benchmarks.split_files import nothing
from unswayed.errors import BadInput
from unswayed.question import Image, Question

FILES = {
    "train": ("vigorl_sat2_train_RL.jsonl", "*train*RL*.jsonl"),
    "validation": ("vigorl_sat2_val*.jsonl", "*val*.jsonl"),
    "test": ("sat2_test.jsonl", "*test*.jsonl"),
}
_MARK = "<image>"
_BEGIN = re.compile(r"^.*?\bQuestion:\s*", re.DOTALL)


def read(asked: Asked) -> Iterator[Question]:
    """The questions of a split: train, validation or test."""
    split = {"val": "validation"}.get(asked.split, asked.split)
    if split not in FILES:
        raise BadInput(f"{asked.name} has no split {split!r}; splits there: {', '.join(FILES)}")
    files = asked.place.files(*FILES[split])
    if len(files) != 1:
        raise nothing(asked, f"{FILES[split][0]}, alone or in spatial_reasoning.tar")
    drafts = each(
        json_rows.objects(files[0]),
        lambda number, row: _draft(asked, split, number, row),
        lambda number, row: str(row.get("id", number)),
        files[0].where,
    )
    yield from finish(asked.name, drafts, asked.tell)


def _draft(asked: Asked, split: str, number: int, row: Mapping[str, Any]) -> Draft:
    problem, answer = _said(row)
    names = row.get("images") or row.get("image_paths") or row.get("image") or []
    names = [names] if isinstance(names, str) else [str(name) for name in names]
    if problem.count(_MARK) not in (0, len(names)):
        raise LeftOut(f"it marks {problem.count(_MARK)} pictures in its text and has {len(names)}")
    text, given = answer_parsing.split(_BEGIN.sub("", problem.replace(_MARK, "")))
    gold = answer_parsing.labelled(answer, given)
    options, gold, meta = shuffling.shuffled(given, gold, "sat2", split, number)
    return Draft(
        uid=f"{split}-{number}",
        text=text,
        options=options,
        gold=gold,
        images=tuple(_picture(asked, name) for name in names),
        family=str(row.get("question_type") or "spatial"),
        shares=tuple(names),
        meta={**meta, "category": row.get("question_type"), "source_id": row.get("id"), "row": number},
    )


def _said(row: Mapping[str, Any]) -> tuple[str, str]:
    """Problem and answer: fields of their own, or turns of a conversation."""
    if "conversations" in row:
        by = {turn["from"]: str(turn["value"]) for turn in reversed(row["conversations"])}
        return by["human"], by["gpt"]
    return str(row["problem"]), str(row["answer"])


def _picture(asked: Asked, name: str) -> Image:
    image = asked.place.picture(name)
    if image is None:
        raise LeftOut(f"its picture {name!r} is not there")
    return image
