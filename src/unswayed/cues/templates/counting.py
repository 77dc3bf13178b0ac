"""Counts: ``How many cats are in the image?`` becomes ``two cats``, ``zero cats``."""

from __future__ import annotations

import re

from unswayed.answers.option_matching import NUMBER_WORDS
from unswayed.cues import inflection
from unswayed.cues.templates import wording
from unswayed.cues.templates.base import Family, ParsedQuestion
from unswayed.question import Question

_HERE = (
    r"(?:(?:in|on|within) (?:the|this) (?:given )?(?:image|picture|photo|photograph|scene|figure|room|view))"
)
_PLAIN = re.compile(
    rf"(?:how many|what is the (?:total )?number of) (?P<what>.+?)(?: (?:are|is))?"
    rf"(?: there| visible| present| shown| seen| pictured| depicted| located)*(?: {_HERE})+\Z",
    re.IGNORECASE,
)
_THERE = re.compile(
    r"how many (?P<what>.+?) (?:are|is) (?:there|visible|present|shown)(?P<rest> .+)?\Z", re.IGNORECASE
)
_DOING = re.compile(r"how many (?P<what>.+?) (?:are|is) (?P<rest>.+)\Z", re.IGNORECASE)
_SEE = re.compile(
    rf"how many (?P<what>.+?) (?:can|do) (?:you|be|i) (?:see|seen|count)(?: {_HERE})?\Z", re.IGNORECASE
)


def _number(option: str) -> int | None:
    text = wording.clean(option).lower()
    if text.isdecimal() and len(text) < 6:
        return int(text)
    return NUMBER_WORDS.index(text) if text in NUMBER_WORDS else None


def _counted(question: Question, what: str, given: tuple[str, ...], **more: str) -> ParsedQuestion | None:
    numbers = [_number(option) for option in question.options]
    kind = wording.head(what)
    tail = what[len(kind) :]
    if (
        not kind
        or re.match(r"(?:of|the|percent|times|more|people's)\b", kind, re.IGNORECASE)
        or len(kind) > 60
    ):
        return None
    kind = wording.the(kind).removeprefix("the ")
    slots = []
    for n in numbers:
        if n is None:
            return None
        slots.append(
            {
                "count": inflection.counted(n, kind) + tail,
                "are": "is" if n == 1 else "are",
                "kind": inflection.counted(2, kind).partition(" ")[2] + tail,
                "n": inflection.number(n),
                **more,
            }
        )
    return ParsedQuestion(tuple(slots), given)


def _read(question: Question) -> ParsedQuestion | None:
    text = wording.asked(question.text)
    if match := _PLAIN.match(text) or _SEE.match(text):
        what = match["what"]
        return None if re.search(r"\b(?:are|is|do|does|have|has)\b", what) else _counted(question, what, ())
    return None


def _read_there(question: Question) -> ParsedQuestion | None:
    match = _THERE.match(wording.asked(question.text))
    if not match:
        return None
    rest = match["rest"] or ""
    return _counted(question, match["what"], (rest,), rest=rest)


def _read_doing(question: Question) -> ParsedQuestion | None:
    match = _DOING.match(wording.asked(question.text))
    return _counted(question, match["what"], (match["rest"],), rest=match["rest"]) if match else None


FAMILIES = (
    Family(
        "counting",
        _read,
        clauses={
            "audit": ("there {are} {count}", "exactly {count} {are} in view"),
            "train": ("the number of {kind} is {n}", "a total of {n} is reached when counting the {kind}"),
        },
        things={"audit": ("{count}",), "train": ("{count}",)},
    ),
    Family(
        "counting-there",
        _read_there,
        clauses={
            "audit": ("there {are} {count}{rest}",),
            "train": ("the number of {kind}{rest} is {n}",),
        },
    ),
    Family(
        "counting-doing",
        _read_doing,
        clauses={
            "audit": ("{count} {are} {rest}", "there {are} {count} {rest}"),
            "train": ("the number of {kind} {rest} is {n}",),
        },
    ),
)
