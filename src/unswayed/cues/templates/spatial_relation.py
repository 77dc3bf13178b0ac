"""Positions: relative to another thing, in the image, or for an observer in the scene."""

from __future__ import annotations

import re

from unswayed.cues.checks import normalised
from unswayed.cues.fallback import Use
from unswayed.cues.templates import wording
from unswayed.cues.templates.base import Family, ParsedQuestion
from unswayed.question import Question

_CORNER = r"(?:top|bottom|upper|lower|left|right)[ -](?:left|right|top|bottom)"
_BESIDE = {
    **{word: f"to the {word} of" for word in ("left", "right")},
    **{word: f"at the {word} of" for word in ("top", "bottom", "back")},
    **{word: f"in the {word} of" for word in ("middle", "center", "centre")},
    "front": "in front of", "in front": "in front of", "on top": "on top of", "on the left": "on the left of",
    "on the right": "on the right of", "to the left": "to the left of", "to the right": "to the right of",
    "further away": "further away than", "farther away": "farther away than", "closer": "closer than",
    "far": "far from", "far away": "far away from", "next": "next to", "close": "close to",
}  # fmt: skip
_AS_IT_IS = re.compile(rf"(?:{wording.PREPOSITIONS})\Z")
_IN_PICTURE = {
    **{word: f"on the {word}" for word in ("left", "right")},
    **{word: f"at the {word}" for word in ("top", "bottom", "front", "back")},
    **{word: f"in the {word}" for word in ("middle", "center", "centre", "background", "foreground")},
    **{word: word for word in ("behind", "inside", "outside", "above", "below", "in front", "underneath")},
    "under": "under it", "on": "on it", "up": "up", "down": "down",
}  # fmt: skip
_RELATED = re.compile(
    r"where (?:is|are) (?P<x>.+?)(?: located| placed| positioned)? (?:with respect to|in relation to"
    r"|relative to|compared to) (?P<y>.+?)"
    r"(?:[?.,]? (?:left|right|above|below|in front|behind)[\w ]* or [\w ]+)?"
    r"(?P<from>,? from (?:the )?(?:camera|viewer|observer)(?:'s)? (?:perspective|viewpoint|point of view))?"
    r"(?:\?.*)?\Z",
    re.IGNORECASE,
)
_SOMEWHERE = re.compile(
    r"where (?:is|are) (?P<x>.+?)(?: located| placed| positioned| situated)?"
    r"(?P<from>(?:,? from (?:the )?.+?(?:'s|s') ?(?:perspective|viewpoint|point of view|view))"
    r"|(?: in (?:the|this) (?:image|picture|photo|scene)))?\Z",
    re.IGNORECASE,
)
_STAND = re.compile(
    r"if i stand at (?P<x>.+?)(?:'s|') position facing where (?:it|he|she|they) (?:is|are) facing,"
    r" (?:is|are) (?P<y>.+?) (?:in front of|behind|on|to|left|right)\b.*\Z",
    re.IGNORECASE,
)


def _beside(option: str) -> str | None:
    word = normalised(option)
    word = re.sub(r" (?:side|hand side|direction)\Z", "", word)
    if re.fullmatch(_CORNER, word):
        return f"to the {wording.clean(option).lower()} of"
    return _BESIDE.get(word) or (word if _AS_IT_IS.match(word) else None)


def _in_picture(option: str) -> str | None:
    word = normalised(option)
    if re.fullmatch(_CORNER, word):
        return f"at the {word}"
    if re.match(rf"(?:{wording.PREPOSITIONS}) \w", word):
        return wording.value(option)
    return _IN_PICTURE.get(word)


def _named(option: str) -> dict[str, str]:
    """How a thought names the position at its end: in lower case."""
    return {"option": wording.concluded(option.lower())}


def _pair(question: Question, x: str, y: str, more: str = "") -> ParsedQuestion | None:
    where = [_beside(option) for option in question.options]
    if None in where:
        return None
    x, y = wording.the(x), wording.the(y)
    slots = [
        {"x": x, "y": y, "is": wording.be(x), "where": str(w), "from": more} | _named(option)
        for w, option in zip(where, question.options, strict=True)
    ]
    return ParsedQuestion(tuple(slots), (x, y, more))


def _related(question: Question) -> ParsedQuestion | None:
    match = _RELATED.match(wording.asked(question.text))
    return _pair(question, match["x"], match["y"], _from(match["from"])) if match else None


def _either(question: Question) -> ParsedQuestion | None:
    """``Is the lamp above or below the bed?``"""
    words = wording.alternatives(question.options)
    either = rf"(?:to the |on the |at the )?(?:{words})(?:[ -]hand)?(?: side)?(?: of)?"
    match = re.match(
        rf"(?:is|are) (?P<x>.+?) (?:positioned |located |situated )?{either},? or {either}"
        r"(?: side)?(?: (?:of|to|than|from))? (?P<y>(?!each other).+)\Z",
        wording.asked(question.text),
        re.IGNORECASE,
    )
    return _pair(question, match["x"], match["y"]) if match else None


def _somewhere(question: Question) -> ParsedQuestion | None:
    match = _SOMEWHERE.match(wording.asked(question.text))
    where = [_in_picture(option) for option in question.options]
    if not match or None in where:
        return None
    x, more = wording.the(match["x"]), _from(match["from"])
    if re.search(rf"\b(?:{wording.alternatives(question.options)})\b", more):
        return None
    slots = [
        {"x": x, "is": wording.be(x), "where": str(w), "from": more} | _named(option)
        for w, option in zip(where, question.options, strict=True)
    ]
    return ParsedQuestion(tuple(slots), (x, more))


def _stand(question: Question) -> ParsedQuestion | None:
    match = _STAND.match(wording.asked(question.text))
    if not match:
        return None
    x, y = wording.the(match["x"]), wording.the(match["y"])
    owner = f"{x}'" if wording.many(x) and x.endswith("s") else f"{x}'s"
    slots = []
    for option in question.options:
        word = normalised(option)
        if word not in ("in front of", "behind", "on the left", "on the right", "left", "right", "in front"):
            return None
        side = {"left": "on the left", "right": "on the right", "in front": "in front of"}.get(word, word)
        them, viewer = (" them", " the viewer") if side in ("in front of", "behind") else ("", "")
        slots.append(
            {
                "owner": owner, "x": x, "y": y, "is": wording.be(y),
                "where": side + them, "seen": side + viewer,
            }
        )  # fmt: skip
    return ParsedQuestion(tuple(slots), (x, y, owner))


def _from(phrase: str | None) -> str:
    """A point of view as the end of a clause, with its article."""
    if not phrase:
        return ""
    text = phrase.strip(" ,")
    text = re.sub(r"\Afrom (?!the |this |a )", "from the ", text, flags=re.IGNORECASE)
    return "" if re.match(r"in (?:the|this)\b", text) else f" {text}"


_PAIR: dict[Use, tuple[str, ...]] = {
    "audit": ("{x} {is} {where} {y}{from}", "{x} {is} located {where} {y}{from}"),
    "train": ("{x} can be found {where} {y}{from}", "the position of {x} is {where} {y}{from}"),
}
FAMILIES = (
    Family(
        "place-standing",
        _stand,
        clauses={
            "audit": ("for someone at {owner} position who faces the same way, {y} {is} {where}",),
            "train": ("seen from {owner} own position and heading, {y} {is} {seen}",),
        },
    ),
    Family("place", _related, clauses=_PAIR),
    Family("place-either", _either, clauses=_PAIR),
    Family(
        "place-in-picture",
        _somewhere,
        clauses={
            "audit": ("{x} {is} {where}{from}", "{x} {is} located {where}{from}"),
            "train": ("{x} can be found {where}{from}",),
        },
    ),
)
