"""Comparisons of depth, distance and height."""

from __future__ import annotations

import re

from unswayed.cues.checks import normalised
from unswayed.cues.templates import wording
from unswayed.cues.templates.base import Family, ParsedQuestion
from unswayed.question import Question

_WHICH = r"which (?:(?:of the [\w ]+?)|(?:one|object|item|thing|point|animal|person|\w+))?"
_NEAR = re.compile(
    rf"{_WHICH} ?(?:is|are|appears) (?:located )?(?P<how>(?:the )?(?:closer|closest|nearer|nearest|further"
    r"|farther|furthest|farthest)(?: away)?(?: to| from)?) (?P<target>.+)\Z",
    re.IGNORECASE,
)
_HIGH = re.compile(
    rf"{_WHICH} ?(?:has|have|is at) (?:a|the) (?P<how>higher|lower|highest|lowest)"
    r" (?:location|position|place|height)\Z"
    rf"|{_WHICH} ?(?:is|are) (?:located )?(?P<how2>higher|lower)\Z",
    re.IGNORECASE,
)
_CAMERA = re.compile(
    r"(?:the )?(?:camera|viewer|observer)(?: taking (?:this|the) (?:photo|picture|image))?\Z", re.I
)


def _listed(question: Question, text: str) -> tuple[str, list[str]]:
    """The reference of the distance, and the things as the question names them, one per option."""
    target, comma, tail = text.partition(", ")
    if comma and " or " not in tail:
        return text, list(question.options)
    parts = [part.strip() for part in re.split(r",\s+(?:or\s+)?|\s+or\s+", tail)] if comma else []
    named = []
    for option in question.options:
        key = normalised(wording.the(option))
        fits = [p for p in parts if normalised(wording.the(p)) == key]
        fits = fits or [p for p in parts if normalised(wording.the(p)).startswith(f"{key} (")]
        named.append(fits[0] if len(fits) == 1 else option)
    return target, named


def _rest(question: Question, best: bool) -> dict[str, str]:
    """Phrases for the other things of a comparison; a superlative does not need them."""
    two = len(question.options) == 2
    other = "the other object" if two else "the other objects"
    return {
        "than": "" if best else f" than {other}",
        "them": "the two objects" if two else "these objects",
        "article": "the" if best else "a",
    }


def _near(question: Question) -> tuple[ParsedQuestion, bool] | None:
    match = _NEAR.match(wording.asked(question.text))
    things = wording.things(question.options)
    if not match or things is None:
        return None
    target, named = _listed(question, match["target"])
    if " or " in target:
        return None
    how = re.sub(r"\Athe ", "", match["how"].lower())
    far, best = how.startswith("f"), how.split()[0].endswith("est")
    how = how if how.endswith((" to", " from")) else f"{how} {'from' if far else 'to'}"
    camera = _CAMERA.match(target) is not None
    y = "the camera" if camera else wording.the(target)
    extent = ("great" if far else "small") + ("est" if best else "er")
    rest = _rest(question, best)
    slots = []
    for thing, option in zip(named, things, strict=True):
        x = wording.the(thing)
        own = {"x": x, "y": y, "is": wording.be(x), "how": how, "extent": extent, "option": option}
        slots.append(own | rest)
    return ParsedQuestion(tuple(slots), (y,)), camera


def _depth(question: Question) -> ParsedQuestion | None:
    match = _near(question)
    return match[0] if match and match[1] else None


def _distance(question: Question) -> ParsedQuestion | None:
    match = _near(question)
    return match[0] if match and not match[1] else None


def _height(question: Question) -> ParsedQuestion | None:
    match = _HIGH.match(wording.asked(question.text))
    named = wording.things(question.options)
    if not match or named is None:
        return None
    how = (match["how"] or match["how2"]).lower()
    best = how.endswith("est")
    rest = _rest(question, best)
    slots = [
        {"x": x, "is": wording.be(x), "has": wording.have(x), "how": how, "option": x} | rest for x in named
    ]
    return ParsedQuestion(tuple(slots))


FAMILIES = (
    Family(
        "depth",
        _depth,
        clauses={
            "audit": ("{x} {is} {how} the camera{than}", "it is {x} that {is} {how} the camera"),
            "train": ("the distance from the camera to {x} is the {extent} one",),
        },
    ),
    Family(
        "distance",
        _distance,
        clauses={
            "audit": ("{x} {is} {how} {y}{than}", "it is {x} that {is} {how} {y}"),
            "train": ("the distance between {x} and {y} is the {extent} one",),
        },
    ),
    Family(
        "height",
        _height,
        clauses={
            "audit": ("{x} {has} {article} {how} location{than}", "{x} {is} the {how} of {them}"),
            "train": ("in the real world {x} {is} placed {how}{than}",),
        },
    ),
)
