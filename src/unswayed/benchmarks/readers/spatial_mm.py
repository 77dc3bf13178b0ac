"""Spatial-MM (Shiri et al. 2024, arXiv 2411.06048): options inside the question, right answer like ``D.
upwards``.

Obj: rows whose letter and words of the answer disagree are left out. Multihop is open-ended: wrong options
are made here, and only where they are unambiguous (yes and no, opposites, colours, numbers). It has no
licence: nothing of it is shipped, the user's copy is read.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from unswayed.benchmarks import answer_parsing, shuffling
from unswayed.benchmarks.catalogue_entry import CatalogueEntry, Collection, ReadRequest
from unswayed.benchmarks.distractors import nearby_numbers
from unswayed.benchmarks.files import json_rows
from unswayed.benchmarks.records import Record, Skipped, UnusableRow, make_records, to_questions
from unswayed.benchmarks.split_files import missing_files
from unswayed.question import Image, Question

FILES = {
    "one-obj": "spatial_mm_one_obj.json",
    "two-obj": "spatial_mm_two_obj.json",
    "multihop": "multihop_reasoning_309.json",
}
OPPOSITES = (
    ("yes", "no"),
    ("left", "right"),
    ("above", "below"),
    ("top", "bottom"),
    ("up", "down"),
    ("upwards", "downwards"),
    ("in front of", "behind"),
    ("front", "back"),
    ("inside", "outside"),
    ("true", "false"),
)
COLOURS = tuple(
    "red orange yellow green blue purple pink brown black white grey gray silver gold golden beige".split()  # noqa: SIM905
)
DISTRACTORS = "unswayed-1"
"""Version of the rule that makes wrong options, in ``meta["distractors"]``."""

_PERSON = re.compile(r"\bperspective\b|\bpoint of view\b|\bviewpoint\b|\b\w+['’]s? (?:own )?view\b", re.I)

MakeRecord = Callable[[int, Mapping[str, Any]], Record]


def read(request: ReadRequest) -> Iterator[Question]:
    """The questions of one file, or of both Obj files. ``meta["perspective"]``: person's or camera's."""
    part = request.name.removeprefix("spatial-mm-")
    keys = ("one-obj", "two-obj") if part == "obj" else (part,)
    entries = {
        entry.name: entry
        for key in keys
        for entry in request.files.match(FILES[key], f"*{key.replace('-', '_')}*.json")
    }
    records: list[Record | Skipped] = []
    for entry in entries.values():
        key = next((key for key in FILES if key.replace("-", "_") in entry.name), part)
        rows = json_rows.read_objects(entry)
        make = _make_multihop(request, rows) if key == "multihop" else _make_obj(request, key)
        records += make_records(rows, make, partial(_uid, key), entry.location)
    if not records:
        raise missing_files(request, FILES.get(part, "spatial_mm_one_obj.json or spatial_mm_two_obj.json"))
    yield from to_questions(request.name, records, request.on_skipped)


def _uid(key: str, number: int, _: object) -> str:
    return f"{key}-{number}"


def _make_obj(request: ReadRequest, key: str) -> MakeRecord:
    def make(number: int, row: Mapping[str, Any]) -> Record:
        text, source_options = answer_parsing.split_options(row["question"])
        gold = answer_parsing.parse_answer(row["answer"], source_options)
        options, gold, meta = shuffling.shuffled(source_options, gold, "spatial-mm", key, number)
        kind = "one-object" if key == "one-obj" else "two-object"
        return Record(
            uid=_uid(key, number, row),
            text=text,
            options=options,
            gold=gold,
            images=(_image(request, row),),
            family=kind,
            shared=(row["image_name"],),
            row=number,
            category=kind,
            meta={**meta, "perspective": perspective(text)},
        )

    return make


def _make_multihop(request: ReadRequest, rows: Sequence[Mapping[str, Any]]) -> MakeRecord:
    answers = {str(row.get("answer", "")).strip().lower() for row in rows}
    colours = [colour for colour in COLOURS if colour in answers]

    def make(number: int, row: Mapping[str, Any]) -> Record:
        if answer_parsing.is_missing(row["answer"]):
            raise UnusableRow("it has no answer")
        answer = str(row["answer"]).strip().rstrip(".")
        wrong, kind = distractors(answer, str(row["question"]), colours, number)
        options, gold, meta = shuffling.shuffled((answer, *wrong), 0, "spatial-mm", "multihop", number)
        return Record(
            uid=f"multihop-{number}",
            text=answer_parsing.strip_instruction(row["question"]),
            options=options,
            gold=gold,
            images=(_image(request, row),),
            family=kind,
            shared=(row["image_name"],),
            row=number,
            category=kind,
            meta={**meta, "hop": row.get("hop"), "distractors": DISTRACTORS},
        )

    return make


def distractors(answer: str, question: str, colours: Sequence[str], row: int) -> tuple[tuple[str, ...], str]:
    """Wrong options for an open answer, and their kind. Raises `UnusableRow` where none are unambiguous.

    `colours` are those that occur as answers in the set; three of them are sampled, seeded by `row`.
    """
    low = answer.lower()
    words = set(_tokens(question))
    # A pair that the question itself names goes first: "is it in front of or behind", "front or back".
    pairs = [pair for pair in OPPOSITES if low in pair]
    for pair in sorted(pairs, key=lambda pair: not set(_tokens(" ".join(pair))) <= words):
        other = pair[1 - pair.index(low)]
        kind = "yes-no" if "yes" in pair or "true" in pair else "direction"
        return (other.capitalize() if answer[:1].isupper() else other,), kind
    if low in COLOURS:
        similar = [{"grey", "gray", "silver"}, {"gold", "golden", "yellow", "beige", "orange"}]
        excluded = next((group for group in similar if low in group), {low})
        others = [c for c in colours if c not in excluded and not (c == "gray" and "grey" in colours)]
        if len(others) < 3:
            others = [c for c in ("red", "green", "blue", "black", "white") if c not in excluded]
        sample = random.Random(shuffling.seeded_number("multihop", row)).sample(others, 3)
        return tuple(c.capitalize() if answer[:1].isupper() else c for c in sample), "colour"
    if low.isdecimal() and len(low) < 4:
        options, gold = nearby_numbers(int(low), "multihop", row)
        return tuple(option for k, option in enumerate(options) if k != gold), "count"
    raise UnusableRow(f"it is open-ended, and no wrong options come by themselves for {answer[:40]!r}")


def perspective(text: str) -> str:
    """``person`` where the question names a person's point of view, else ``camera``; a rule of this
    project."""
    return "person" if _PERSON.search(text) else "camera"


def _image(request: ReadRequest, row: Mapping[str, Any]) -> Image:
    image = request.files.image(str(row["image_name"]))
    if image is None:
        raise UnusableRow(f"its picture {row['image_name']!r} is not there")
    return image


def _tokens(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _entry(part: str, title: str, size: str, files: str) -> CatalogueEntry:
    return CatalogueEntry(
        name=f"spatial-mm-{part}",
        title=title,
        size=size,
        licence="none stated",
        home="https://github.com/FatemehShiri/Spatial-MM",
        needs=f"{files} and pictures",
        read=read,
    )


ENTRIES = (
    _entry(
        "obj",
        "Spatial-MM Obj, one and two objects",
        "1,576 rows",
        "spatial_mm_one_obj.json, spatial_mm_two_obj.json",
    ),
    _entry("one-obj", "Spatial-MM Obj, one object", "502 rows", "spatial_mm_one_obj.json"),
    _entry("two-obj", "Spatial-MM Obj, two objects", "1,074 rows", "spatial_mm_two_obj.json"),
    _entry(
        "multihop",
        "Spatial-MM Multihop, open-ended; wrong options ours",
        "309 rows, some left out",
        "multihop_reasoning_309.json",
    ),
)
COLLECTIONS = (
    Collection(
        "spatial-mm", "Spatial-MM Obj and Multihop", {"spatial-mm-obj": 1576, "spatial-mm-multihop": 309}
    ),
)
