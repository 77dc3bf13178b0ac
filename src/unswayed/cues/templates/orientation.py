"""Orientation: sides, directions, parallel and perpendicular."""

from __future__ import annotations

import re

from unswayed.cues.checks import normalised
from unswayed.cues.templates import wording
from unswayed.cues.templates.base import Family, ParsedQuestion
from unswayed.question import Question

_SIDE = re.compile(r"which side of (?P<x>.+?) (?:is|are) facing (?:towards? )?(?P<y>.+)\Z", re.IGNORECASE)
_TOWARDS = re.compile(
    r"which (?:object|person|animal|thing|one) (?:is|are) (?P<x>.+?) facing(?: towards?)?(?:, .+ or .+)?\Z",
    re.IGNORECASE,
)
_ANGLE = re.compile(
    r"what is the relationship between the orientations of (?P<x>.+?),? parallel (?:of|or) perpendicular.*\Z",
    re.I,
)
_ALIKE = re.compile(r"are (?P<x>.+?)(?P<all> all)? facing (?P<list>.+ or .+)\Z", re.IGNORECASE)
_DIRECTION = re.compile(
    r"(?:in )?(?:which|what) direction (?:is|are) (?P<x>.+?) (?P<does>facing|looking(?: at)?|moving|heading"
    r"|pointing|walking|running|going)(?: towards?| in| to)?"
    r"(?P<from> from (?:the )?.+?'s (?:perspective|viewpoint))?\Z",
    re.IGNORECASE,
)
_TOWARDS_SIDE = {
    side: f"to the {side}" for side in ("left", "right", "top", "bottom", "front", "back", "middle")
}
_HAND = re.compile(
    r"(?:in|on|with) which (?P<part>hand|arm|foot|shoulder|side) (?:is|are) (?P<x>.+?)"
    r" (?P<does>\w+ing)(?P<rest>\b.*)\Z",
    re.IGNORECASE,
)
_USING = re.compile(
    r"which (?P<part>hand|arm|foot) (?:is|are) (?P<x>.+?) using (?P<rest>to .+)\Z", re.IGNORECASE
)


def _side(question: Question) -> ParsedQuestion | None:
    match = _SIDE.match(wording.asked(question.text))
    if not match:
        return None
    x, y = wording.the(match["x"]), wording.the(match["y"])
    sides = []
    for option in question.options:
        word = normalised(option)
        if word not in ("front", "back", "left", "right", "top", "bottom", "rear"):
            return None
        sides.append(word if word in ("front", "back", "top", "bottom", "rear") else f"{word} side")
    slots = [{"x": x, "y": y, "side": s, "has": wording.have(x), "option": f"the {s}"} for s in sides]
    return ParsedQuestion(tuple(slots), (x, y))


def _towards(question: Question) -> ParsedQuestion | None:
    match = _TOWARDS.match(wording.asked(question.text))
    named = wording.things(question.options)
    if not match or named is None:
        return None
    x = wording.the(match["x"])
    return ParsedQuestion(
        tuple({"x": x, "is": wording.be(x), "y": y, "are": wording.be(y), "option": y} for y in named), (x,)
    )


def _angle(question: Question) -> ParsedQuestion | None:
    match = _ANGLE.match(wording.asked(question.text))
    if not match or {normalised(o) for o in question.options} != {"parallel", "perpendicular"}:
        return None
    x = wording.the(match["x"])
    slots = [{"x": x, "how": normalised(option)} for option in question.options]
    return ParsedQuestion(tuple(slots), (x,))


def _alike(question: Question) -> ParsedQuestion | None:
    match = _ALIKE.match(wording.asked(question.text))
    if not match or any(normalised(option) not in normalised(match["list"]) for option in question.options):
        return None
    x, every = wording.the(match["x"]), " all" if match["all"] else ""
    slots = []
    for option in question.options:
        word = normalised(option)
        slots.append({"x": x, "all": every, "how": ("the " if word.startswith("same") else "") + word})
    return ParsedQuestion(tuple(slots), (x,))


def _direction(question: Question) -> ParsedQuestion | None:
    match = _DIRECTION.match(wording.asked(question.text))
    if not match:
        return None
    x, does = wording.the(match["x"]), re.sub(r" at\Z", "", match["does"].lower())
    more = re.sub(r"\A from (?!the )", " from the ", match["from"] or "")
    slots = []
    for option in question.options:
        word = normalised(option)
        corner = re.match(r"(?:top|bottom|upper|lower) \w+\Z", word)
        where = _TOWARDS_SIDE.get(word) or (f"to the {word}" if corner else word)
        if len(where.split()) > 6 or wording.refers_to_options(word):
            return None
        slots.append({"x": x, "is": wording.be(x), "does": does, "where": where, "from": more})
    return ParsedQuestion(tuple(slots), (x, more))


def _limb(question: Question) -> ParsedQuestion | None:
    text = wording.asked(question.text)
    match = _HAND.match(text) or _USING.match(text)
    if not match or not {normalised(o) for o in question.options} <= {"left", "right"}:
        return None
    x, part, rest = wording.the(match["x"]), match["part"].lower(), match["rest"]
    holds = match.groupdict().get("does")
    slots = []
    for option in question.options:
        word = f"{normalised(option)} {part}"
        where = f"{'on' if part in ('side', 'shoulder', 'arm') else 'with'} the {word}"
        does = f"{holds}{rest} {where}" if holds else f"using the {word} {rest}"
        slots.append({"x": x, "is": wording.be(x), "does": does})
    return ParsedQuestion(tuple(slots), (x, rest))


def _either(question: Question) -> ParsedQuestion | None:
    """``Are the bus and the car next to each other or far away from each other?``"""
    words = wording.alternatives(question.options)
    match = re.match(
        rf"(?:is|are) (?P<x>.+?) (?:{words}),? or (?:{words})\Z"
        rf"|what is the relationship between (?P<pair>.+ and .+)\Z",
        wording.asked(question.text),
        re.IGNORECASE,
    )
    if not match or (match["pair"] and not all(re.match(r"\w+ing\b", option) for option in question.options)):
        return None
    x = wording.the(match["x"] or match["pair"])
    slots = [{"x": x, "is": wording.be(x), "how": wording.value(option)} for option in question.options]
    return ParsedQuestion(tuple(slots), (x,))


FAMILIES = (
    Family(
        "side",
        _side,
        clauses={
            "audit": ("the {side} of {x} is facing {y}", "{x} {has} the {side} turned towards {y}"),
            "train": ("the {side} of {x} points at {y}", "it is the {side} of {x} that points at {y}"),
        },
    ),
    Family(
        "facing",
        _towards,
        clauses={
            "audit": ("{x} {is} facing towards {y}", "{x} {is} turned towards {y}"),
            "train": ("{y} {are} what {x} {is} facing",),
        },
    ),
    Family(
        "angle",
        _angle,
        clauses={
            "audit": (
                "the orientations of {x} are {how} to each other",
                "{x} are oriented {how} to each other",
            ),
            "train": ("{x} stand {how} to each other",),
        },
    ),
    Family(
        "direction-shared",
        _alike,
        clauses={
            "audit": ("{x} are{all} facing {how}", "{x} are{all} turned in {how}"),
            "train": ("{x} look in {how}",),
        },
    ),
    Family(
        "either",
        _either,
        clauses={
            "audit": ("{x} {is} {how}",),
            "train": ("{x} {is} {how}",),
        },
    ),
    Family(
        "direction",
        _direction,
        clauses={
            "audit": ("{x} {is} {does} {where}{from}",),
            "train": ("the direction in which {x} {is} {does} is {where}{from}",),
        },
    ),
    Family(
        "limb",
        _limb,
        clauses={
            "audit": ("{x} {is} {does}",),
            "train": ("{x} {is} {does}",),
        },
    ),
)
