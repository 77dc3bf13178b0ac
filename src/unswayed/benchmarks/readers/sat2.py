"""The 32K spatial questions of SAT-2 in the form of ViGoRL (Sarch et al. 2025, arXiv 2505.23678).

A tar of images with JSON lines in it, read without unpacking, or its content. `problem` holds the question
with its options, `answer` the right option's text. Rows with another number of ``<image>`` marks than images
are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from unswayed.benchmarks import answer_parsing, shuffling
from unswayed.benchmarks.catalogue_entry import CatalogueEntry, ReadRequest
from unswayed.benchmarks.files import json_rows
from unswayed.benchmarks.files.hub import HubSource
from unswayed.benchmarks.records import Record, UnusableRow, make_records, to_questions
from unswayed.benchmarks.split_files import missing_files
from unswayed.errors import BadInput
from unswayed.question import Image, Question

FILES = {
    "train": ("vigorl_sat2_train_RL.jsonl", "*train*RL*.jsonl"),
    "validation": ("vigorl_sat2_val*.jsonl", "*val*.jsonl"),
    "test": ("sat2_test.jsonl", "*test*.jsonl"),
}
_MARKER = "<image>"
_PREAMBLE = re.compile(r"^.*?\bQuestion:\s*", re.DOTALL)


def read(request: ReadRequest) -> Iterator[Question]:
    """The questions of a split: train, validation or test."""
    split = {"val": "validation"}.get(request.split, request.split)
    if split not in FILES:
        raise BadInput(f"{request.name} has no split {split!r}; splits there: {', '.join(FILES)}")
    entries = request.files.match(*FILES[split])
    if len(entries) != 1:
        raise missing_files(request, f"{FILES[split][0]}, alone or in spatial_reasoning.tar")
    records = make_records(
        json_rows.read_objects(entries[0]),
        lambda number, row: _record(request, split, number, row),
        lambda number, row: str(row.get("id", number)),
        entries[0].location,
    )
    yield from to_questions(request.name, records, request.on_skipped)


def _record(request: ReadRequest, split: str, number: int, row: Mapping[str, Any]) -> Record:
    problem, answer = _problem_and_answer(row)
    names = row.get("images") or row.get("image_paths") or row.get("image") or []
    names = [names] if isinstance(names, str) else [str(name) for name in names]
    if problem.count(_MARKER) not in (0, len(names)):
        raise UnusableRow(f"it marks {problem.count(_MARKER)} pictures in its text and has {len(names)}")
    text, source_options = answer_parsing.split_options(_PREAMBLE.sub("", problem.replace(_MARKER, "")))
    gold = answer_parsing.parse_answer(answer, source_options)
    options, gold, meta = shuffling.shuffled(source_options, gold, "sat2", split, number)
    kind = row.get("question_type")
    return Record(
        uid=f"{split}-{number}",
        text=text,
        options=options,
        gold=gold,
        images=tuple(_image(request, name) for name in names),
        family=str(kind or "spatial"),
        shared=tuple(names),
        row=number,
        category=None if kind is None else str(kind),
        meta={**meta, "source_id": row.get("id")},
    )


def _problem_and_answer(row: Mapping[str, Any]) -> tuple[str, object]:
    """Problem and answer: fields of their own, or turns of a conversation."""
    if "conversations" in row:
        turns = {turn["from"]: turn["value"] for turn in reversed(row["conversations"])}
        return str(turns["human"]), turns["gpt"]
    return str(row["problem"]), row["answer"]


def _image(request: ReadRequest, name: str) -> Image:
    image = request.files.image(name)
    if image is None:
        raise UnusableRow(f"its picture {name!r} is not there")
    return image


ENTRIES = (
    CatalogueEntry(
        name="sat2-32k",
        title="SAT-2 as ViGoRL uses it (for training)",
        size="about 32,000 rows",
        licence="MIT",
        home="https://huggingface.co/datasets/gsarch/vigorl_datasets",
        needs="spatial_reasoning.tar",
        read=read,
        hub=HubSource("gsarch/vigorl_datasets", ("spatial_reasoning.tar",)),
        split="train",
    ),
)
