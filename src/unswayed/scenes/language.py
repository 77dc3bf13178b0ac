"""Statements about scenes, which are true or false, and the sentences that express them.

Each option of a scene question corresponds to one statement. A kind of statement has several phrasings as a
caption and as a thought, in two disjoint sets: `audit` phrasings are used to audit a model, `train`
phrasings to train one. `find_statements` parses statements out of any text; the exact judge is built on it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

from unswayed.scenes.world import COLOURS, SHAPES, Scene

NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
RELATIONS = {"left": "to the left of", "right": "to the right of", "above": "above", "below": "below"}
Use = Literal["audit", "train"]


@dataclass(frozen=True)
class Count:
    """The number of objects of a colour, of a shape, or of both."""

    n: int
    colour: str | None = None
    shape: str | None = None

    def holds(self, scene: Scene) -> bool:
        return self.n == count(scene, self.colour, self.shape)

    @property
    def words(self) -> str:
        """E.g. ``two red things``, ``one circle``, ``zero blue stars``."""
        return f"{NUMBERS[self.n]} {plural(self.colour, self.shape, self.n)}"


@dataclass(frozen=True)
class Colour:
    """The only object of a shape has this colour."""

    shape: str
    colour: str

    def holds(self, scene: Scene) -> bool:
        thing = scene.only(self.shape)
        return thing is not None and thing.colour == self.colour


@dataclass(frozen=True)
class Relation:
    """The only object of shape `a` is left of, right of, above or below the only one of shape `b`."""

    a: str
    relation: str
    b: str

    def holds(self, scene: Scene) -> bool:
        a, b = scene.only(self.a), scene.only(self.b)
        if a is None or b is None:
            return False
        return {
            "left": a.row == b.row and a.column < b.column,
            "right": a.row == b.row and a.column > b.column,
            "above": a.column == b.column and a.row < b.row,
            "below": a.column == b.column and a.row > b.row,
        }[self.relation]


Statement = Count | Colour | Relation


def count(scene: Scene, colour: str | None, shape: str | None) -> int:
    """Number of objects of that colour and shape (None: any)."""
    return sum(colour in (None, t.colour) and shape in (None, t.shape) for t in scene.things)


def plural(colour: str | None, shape: str | None, n: int) -> str:
    """``red things``, ``circle``, ``blue crosses``: the noun phrase for a count of n."""
    noun = shape or "thing"
    if n != 1:
        noun += "es" if noun.endswith("s") else "s"
    return f"{colour} {noun}" if colour else noun


# Slots: {n} number word, {what} counted noun, {are}; {colour} {a_colour} {shape}; {a} {b} shapes, {rel}.
_CAPTIONS: dict[str, dict[Use, tuple[str, ...]]] = {
    "Count": {
        "audit": (
            "This is an image with {n} {what}.",
            "The image shows {n} {what}.",
            "There {are} {n} {what} in this image.",
        ),
        "train": (
            "The picture has {n} {what} in it.",
            "Here you can see {n} {what}.",
            "A picture in which there {are} {n} {what}.",
        ),
    },
    "Colour": {
        "audit": (
            "This is an image with {a_colour} {colour} {shape}.",
            "The image shows {a_colour} {colour} {shape}.",
            "The {shape} in this image is {colour}.",
        ),
        "train": (
            "The picture has {a_colour} {colour} {shape} in it.",
            "Here you can see {a_colour} {colour} {shape}.",
            "A picture in which the {shape} is {colour}.",
        ),
    },
    "Relation": {
        "audit": (
            "This is an image with a {a} {rel} a {b}.",
            "The image shows a {a} {rel} a {b}.",
            "The {a} in this image is {rel} the {b}.",
        ),
        "train": (
            "The picture has a {a} {rel} a {b}.",
            "Here you can see a {a} {rel} a {b}.",
            "A picture in which the {a} is {rel} the {b}.",
        ),
    },
}
_THOUGHTS: dict[str, dict[Use, tuple[str, ...]]] = {
    "Count": {
        "audit": (
            "Looking at the image, I count {n} {what}.",
            "In the image there {are} {n} {what}.",
            "I see {n} {what} in the image.",
        ),
        "train": (
            "It looks like {n} {what}.",
            "I think there {are} {n} {what}.",
            "At a glance there {are} {n} {what} here.",
        ),
    },
    "Colour": {
        "audit": (
            "Looking at the image, the {shape} is {colour}.",
            "In the image there is {a_colour} {colour} {shape}.",
            "I see that the {shape} is {colour}.",
        ),
        "train": (
            "It looks like the {shape} is {colour}.",
            "I think the {shape} is {colour}.",
            "At a glance the {shape} here is {colour}.",
        ),
    },
    "Relation": {
        "audit": (
            "Looking at the image, the {a} is {rel} the {b}.",
            "In the image the {a} is {rel} the {b}.",
            "I see that the {a} is {rel} the {b}.",
        ),
        "train": (
            "It looks like the {a} is {rel} the {b}.",
            "I think the {a} is {rel} the {b}.",
            "At a glance the {a} here is {rel} the {b}.",
        ),
    },
}
PHRASINGS = {"caption": _CAPTIONS, "thought": _THOUGHTS}


def phrasings(statement: Statement, kind: str, use: Use) -> tuple[str, ...]:
    """The templates for a statement of this type."""
    return PHRASINGS[kind][type(statement).__name__][use]


def fill_template(statement: Statement, template: str) -> str:
    """Fill a template with a statement."""
    match statement:
        case Count(n=n, colour=colour, shape=shape):
            are = "is" if n == 1 else "are"
            return template.format(n=NUMBERS[n], what=plural(colour, shape, n), are=are)
        case Colour(shape=shape, colour=colour):
            article = "an" if colour[0] in "aeiou" else "a"
            return template.format(a_colour=article, colour=colour, shape=shape)
        case Relation(a=a, relation=relation, b=b):
            return template.format(a=a, rel=RELATIONS[relation], b=b)


@cache
def _pattern() -> re.Pattern[str]:
    number = "|".join((*NUMBERS, "no", *map(str, range(10))))
    colours, shapes = "|".join(COLOURS), "|".join(SHAPES)
    relations = "|".join(("to the left of", "to the right of", "left of", "right of", "above", "below"))
    noun = rf"things?|(?:{shapes})(?:es|s)?"
    return re.compile(
        rf"\b(?P<n>{number}) (?:(?P<c_colour>{colours}) )?(?P<noun>{noun})\b(?! (?:is|are) )"
        rf"|\bthe (?P<c_shape>{shapes})(?: in this (?:image|picture)| here)? is (?P<is_colour>{colours})\b"
        rf"|\ban? (?P<a_colour>{colours}) (?P<a_shape>{shapes})\b"
        rf"|\b(?:the|a) (?P<r_a>{shapes})(?: in this (?:image|picture)| here)?(?: is)? "
        rf"(?P<rel>{relations}) (?:the|a) (?P<r_b>{shapes})\b",
        re.IGNORECASE,
    )


def find_statements(text: str) -> list[tuple[Statement, int, int]]:
    """(statement, start, end) of every statement in a text, in order."""
    statements: list[tuple[Statement, int, int]] = []
    for hit in _pattern().finditer(text):
        part = {k: v.lower() for k, v in hit.groupdict().items() if v}
        statement: Statement
        if "n" in part:
            noun = part["noun"]
            shape = next((s for s in SHAPES if noun.startswith(s)), None)
            n = (
                0
                if part["n"] == "no"
                else NUMBERS.index(part["n"])
                if part["n"] in NUMBERS
                else int(part["n"])
            )
            statement = Count(n, part.get("c_colour"), shape)
        elif "is_colour" in part:
            statement = Colour(part["c_shape"], part["is_colour"])
        elif "a_colour" in part:
            statement = Colour(part["a_shape"], part["a_colour"])
        else:
            relation = next(r for r in RELATIONS if r in part["rel"].split())
            statement = Relation(part["r_a"], relation, part["r_b"])
        statements.append((statement, hit.start(), hit.end()))
    return statements
