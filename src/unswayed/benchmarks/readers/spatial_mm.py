"""Spatial-MM (Shiri et al. 2024, arXiv 2411.06048): options inside the question, gold like ``D. upwards``.

Obj: rows whose letter and words of the answer disagree are left out. Multihop is open-ended: the
wrong options are made here, and only where they come by themselves (yes and no, opposites, colours,
numbers). It has no licence: nothing of it is shipped, the user's copy is read.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from unswayed.benchmarks import answer_parsing, shuffling
from unswayed.benchmarks.distractors import near
from unswayed.benchmarks.files import json_rows
from unswayed.benchmarks.records import (
    Asked,
    Draft,
    LeftOut,
    Skipped,
    each,
    finish,
)
from unswayed.benchmarks.split_files import nothing
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
"""Version of the making of wrong options, in ``meta["distractors"]``."""

_PERSON = re.compile(r"\bperspective\b|\bpoint of view\b|\bviewpoint\b|\b\w+['’]s? (?:own )?view\b", re.I)


def read(asked: Asked) -> Iterator[Question]:
    """The questions of one file, or of both Obj files. ``meta["perspective"]``: person's or camera's."""
    part = asked.name.removeprefix("spatial-mm-")
    wanted = ("one-obj", "two-obj") if part == "obj" else (part,)
    files = {
        f.name: f for key in wanted for f in asked.place.files(FILES[key], f"*{key.replace('-', '_')}*.json")
    }
    drafts: list[Draft | Skipped] = []
    for file in files.values():
        key = next((key for key in FILES if key.replace("-", "_") in file.name), part)
        found = json_rows.objects(file)
        make = _multihop(asked, found) if key == "multihop" else _obj(asked, key)
        drafts += each(found, make, partial(_uid, key), file.where)
    if not drafts:
        raise nothing(asked, FILES.get(part, "spatial_mm_one_obj.json or spatial_mm_two_obj.json"))
    yield from finish(asked.name, drafts, asked.tell)


def _uid(key: str, number: int, _: object) -> str:
    return f"{key}-{number}"


def _obj(asked: Asked, key: str) -> Any:
    def make(number: int, row: Mapping[str, Any]) -> Draft:
        text, options = answer_parsing.split(row["question"])
        gold = answer_parsing.labelled(str(row["answer"]), options)
        shown, gold, meta = shuffling.shuffled(options, gold, "spatial-mm", key, number)
        kind = "one-object" if key == "one-obj" else "two-object"
        return Draft(
            uid=_uid(key, number, row),
            text=text,
            options=shown,
            gold=gold,
            images=(_picture(asked, row),),
            family=kind,
            shares=(row["image_name"],),
            meta={**meta, "category": kind, "perspective": perspective(text), "row": number},
        )

    return make


def _multihop(asked: Asked, found: Sequence[Mapping[str, Any]]) -> Any:
    golds = {str(row.get("answer", "")).strip().lower() for row in found}
    colours = [colour for colour in COLOURS if colour in golds]

    def make(number: int, row: Mapping[str, Any]) -> Draft:
        answer = str(row["answer"]).strip().rstrip(".")
        wrong, kind = distractors(answer, str(row["question"]), colours, number)
        shown, gold, meta = shuffling.shuffled((answer, *wrong), 0, "spatial-mm", "multihop", number)
        return Draft(
            uid=f"multihop-{number}",
            text=answer_parsing.without_instruction(row["question"]),
            options=shown,
            gold=gold,
            images=(_picture(asked, row),),
            family=kind,
            shares=(row["image_name"],),
            meta={**meta, "category": kind, "hop": row.get("hop"), "distractors": DISTRACTORS, "row": number},
        )

    return make


def distractors(answer: str, question: str, colours: Sequence[str], row: int) -> tuple[tuple[str, ...], str]:
    """Wrong options for an open answer, and of which kind it is. Raises `LeftOut` where none come.

    `colours` are those that the set answers with; of them three are drawn by `row`.
    """
    low = answer.lower()
    named = _tokens(question)
    # A pair that the question itself names goes first: "is it in front of or behind", "front or back".
    pairs = [pair for pair in OPPOSITES if low in pair]
    for pair in sorted(pairs, key=lambda pair: not set(_tokens(" ".join(pair))) <= set(named)):
        other = pair[1 - pair.index(low)]
        kind = "yes-no" if "yes" in pair or "true" in pair else "direction"
        return (other.capitalize() if answer[:1].isupper() else other,), kind
    if low in COLOURS:
        same = [{"grey", "gray", "silver"}, {"gold", "golden", "yellow", "beige", "orange"}]
        alike = next((group for group in same if low in group), {low})
        others = [c for c in colours if c not in alike and not (c == "gray" and "grey" in colours)]
        if len(others) < 3:
            others = [c for c in ("red", "green", "blue", "black", "white") if c not in alike]
        drawn = random.Random(shuffling.number("multihop", row)).sample(others, 3)
        return tuple(c.capitalize() if answer[:1].isupper() else c for c in drawn), "colour"
    if low.isdecimal() and len(low) < 4:
        options, gold = near(int(low), "multihop", row)
        return tuple(o for k, o in enumerate(options) if k != gold), "count"
    raise LeftOut(f"it is open-ended, and no wrong options come by themselves for {answer[:40]!r}")


def perspective(text: str) -> str:
    """``person`` where the question names somebody's point of view, else ``camera``. A rule of ours."""
    return "person" if _PERSON.search(text) else "camera"


def _picture(asked: Asked, row: Mapping[str, Any]) -> Image:
    image = asked.place.picture(str(row["image_name"]))
    if image is None:
        raise LeftOut(f"its picture {row['image_name']!r} is not there")
    return image


def _tokens(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
