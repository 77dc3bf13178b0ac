"""Attributes of a thing (colour, shape, material, action), and which thing is at a place."""

from __future__ import annotations

import re

from unswayed.cues.checks import normalised
from unswayed.cues.templates import wording
from unswayed.cues.templates.base import Family, ParsedQuestion
from unswayed.question import Question

_COLOUR = re.compile(r"what (?:is the )?(?P<kind>colou?r) (?:is|are|of) (?P<x>.+)\Z", re.IGNORECASE)
_WHAT_KIND = re.compile(
    r"(?:what|which) (?P<kind>shape|size|material|breed|species|pattern|age|gender|style|season|emotion|mood"
    r"|texture|brand|time|type|kind) (?:of (?P<of>\w+) )?(?:is|are) (?P<x>.+?)(?: made of)?\Z",
    re.IGNORECASE,
)
_TOPIC = re.compile(
    r"(?:what(?:'s| is| are)|identify|name|determine) (?P<topic>(?:the|this|these|that|those) .+)\Z",
    re.IGNORECASE,
)
_DOING = re.compile(r"what (?:is|are) (?P<x>.+?) (?P<does>\w+ing)(?P<rest>(?: \w+)*)\Z", re.IGNORECASE)
_THERE = re.compile(
    rf"(?:what|which (?P<kind>\w+))(?: is| are|'s) (?P<be>located |placed |standing |sitting |shown )?"
    rf"(?P<where>(?:{wording.PREPOSITIONS})\b .+)\Z",
    re.IGNORECASE,
)
_WHICH_IMAGE = re.compile(
    r"which (?P<noun>image|picture|photo|figure|panel)"
    r" (?P<rest>(?:is|shows|has|contains|depicts|looks) .+)\Z",
    re.IGNORECASE,
)
_BEST = re.compile(
    r"which (?P<topic>(?:\w+ )?(?:category|type|kind|style|class|term|word))"
    r" (?P<does>(?:best )?(?:matches|fits|describes|represents|characterizes) .+)\Z",
    re.IGNORECASE,
)
_HAVE = re.compile(r"what (?P<topic>\w+) (?:do|does) (?P<x>.+?) have\Z", re.IGNORECASE)
_SHORT = 12
"""Largest number of words of an option that is used as a value in a sentence."""


_PLAIN = re.compile(
    r"\b(?:colou?r|shape|size|material|pattern|age|gender|season|emotion|mood|texture|weather)\b", re.I
)
_SHAPES = re.compile(
    r"(?:circle|square|triangle|rectangle|octagon|hexagon|pentagon|diamond|heart|star|cube|sphere|cone|cylinder"
    r"|ellipse|ring|trapezoid|rhombus|pyramid|prism|line|cross|crescent|semicircle|polygon)\Z",
    re.IGNORECASE,
)


def _worded(value: str, topic: str) -> str:
    """A value in lower case where the topic's values are not names; a shape with its article."""
    if not _PLAIN.search(topic):
        return value
    value = value.lower() if re.fullmatch(r"[A-Z][a-z]+", value) else value
    return f"{'an' if value[:1] in 'aeiou' else 'a'} {value}" if _SHAPES.match(value) else value


def _valued(value: str, topic: str) -> dict[str, str]:
    """A value in a sentence, and after "the answer is"."""
    worded = _worded(value, topic)
    return {"value": worded, "option": wording.concluded(value) if worded == value else worded}


def _values(question: Question) -> list[str] | None:
    """The options as values; None where one of them is not a value (none of the above, code, sentences)."""
    odd = re.compile(r"\n|[.!?]\s|[{}<>\\]|;")
    phrases = [wording.value(option) for option in question.options]
    for option, text in zip(question.options, phrases, strict=True):
        if (
            not text
            or wording.refers_to_options(text)
            or odd.search(option.strip())
            or len(text.split()) > _SHORT
        ):
            return None
        if normalised(option) in ("yes", "no"):
            return None
    return phrases


def _colour(question: Question) -> ParsedQuestion | None:
    match = _COLOUR.match(wording.asked(question.text))
    values = _values(question)
    if not match or values is None:
        return None
    x = wording.the(match["x"])
    kind = match["kind"].lower()
    slots = [{"x": x, "is": wording.be(x), **_valued(v, kind), "kind": kind} for v in values]
    return ParsedQuestion(tuple(slots), (x,))


def _kind(question: Question) -> ParsedQuestion | None:
    match = _WHAT_KIND.match(wording.asked(question.text))
    values = _values(question)
    if not match or values is None or re.match(r"(?:it|there)\b", match["x"]):
        return None
    x = wording.the(match["x"])
    kind = match["kind"].lower() + (f" of {match['of']}" if match["of"] else "")
    topic = f"the {kind} of {x}"
    return ParsedQuestion(tuple({"topic": topic, "is": "is", **_valued(v, kind)} for v in values), (x,))


def _topic(question: Question) -> ParsedQuestion | None:
    match = _TOPIC.match(wording.asked(question.text))
    values = _values(question)
    if not match or values is None:
        return None
    topic = match["topic"]
    if re.search(
        r"\b(?:do|does|did|called|used for|like|mean|made of|different|doing)\Z", topic, re.IGNORECASE
    ):
        return None
    topic = topic[:1].lower() + topic[1:]
    topic = re.sub(r" in (?:the|this) (?:image|picture|photo|scene)\Z", "", topic)
    slots = [{"topic": topic, "is": wording.be(topic), **_valued(v, topic)} for v in values]
    return ParsedQuestion(tuple(slots), (topic,))


def _which_image(question: Question) -> ParsedQuestion | None:
    match = _WHICH_IMAGE.match(wording.asked(question.text))
    values = _values(question)
    if not match or values is None:
        return None
    noun, rest = match["noun"].lower(), match["rest"]
    return ParsedQuestion(tuple({"noun": noun, "rest": rest, **_valued(v, "")} for v in values), (rest,))


def _best(question: Question) -> ParsedQuestion | None:
    match = _BEST.match(wording.asked(question.text))
    values = _values(question)
    if not match or values is None:
        return None
    topic, does = match["topic"].lower(), match["does"]
    return ParsedQuestion(tuple({"topic": topic, "does": does, **_valued(v, topic)} for v in values), (does,))


def _have(question: Question) -> ParsedQuestion | None:
    match = _HAVE.match(wording.asked(question.text))
    values = _values(question)
    if not match or values is None:
        return None
    topic, x = match["topic"].lower(), wording.the(match["x"])
    slots = [{"topic": topic, "x": x, "is": wording.be(topic), **_valued(v, topic)} for v in values]
    return ParsedQuestion(tuple(slots), (topic, x))


def _doing(question: Question) -> ParsedQuestion | None:
    match = _DOING.match(wording.asked(question.text))
    values = _values(question)
    if not match or values is None or not wording.participle(match["does"]):
        return None
    x, does = wording.the(match["x"]), match["does"].lower()
    rest = re.sub(r" in (?:the|this) (?:image|picture|photo)\Z", "", match["rest"])
    if does == "doing":
        if rest or not all(re.match(r"\w+ing\b", v) for v in values):
            return None
        phrases = [v[:1].lower() + v[1:] for v in values]
    else:
        bare = [v if re.search(r"\d", v) else wording.the(v) for v in values]
        phrases = [f"{does} {v}{rest}" for v in bare]
    return ParsedQuestion(tuple({"x": x, "is": wording.be(x), "does": v} for v in phrases), (x, rest))


def _there(question: Question) -> ParsedQuestion | None:
    match = _THERE.match(wording.asked(question.text))
    named = wording.things(question.options)
    if not match or named is None or " or " in match["where"]:
        return None
    where = (match["be"] or "") + match["where"]
    slots = [{"x": x, "is": wording.be(x), "where": where, "option": x} for x in named]
    return ParsedQuestion(tuple(slots), (match["where"],))


FAMILIES = (
    Family(
        "there",
        _there,
        clauses={
            "audit": ("{x} {is} {where}", "what is {where} is {x}"),
            "train": ("the thing {where} is {x}",),
        },
    ),
    Family(
        "colour",
        _colour,
        clauses={
            "audit": ("{x} {is} {value}", "the {kind} of {x} is {value}"),
            "train": ("{value} is the {kind} of {x}",),
        },
    ),
    Family(
        "doing",
        _doing,
        clauses={"audit": ("{x} {is} {does}",), "train": ("{x} {is} {does}",)},
    ),
    Family(
        "which-image",
        _which_image,
        clauses={
            "audit": ("the {value} {noun} {rest}",),
            "train": ("it is the {value} {noun} that {rest}",),
        },
    ),
    Family(
        "best",
        _best,
        clauses={
            "audit": ("the {topic} that {does} is {value}",),
            "train": ("{value} is the {topic} that {does}",),
        },
    ),
    Family(
        "have",
        _have,
        clauses={
            "audit": ("the {topic} of {x} {is} {value}",),
            "train": ("{value} {is} the {topic} of {x}",),
        },
    ),
    Family(
        "attribute-kind",
        _kind,
        clauses={"audit": ("{topic} {is} {value}",), "train": ("{value} {is} {topic}",)},
    ),
    Family(
        "attribute",
        _topic,
        clauses={"audit": ("{topic} {is} {value}",), "train": ("{value} {is} {topic}",)},
    ),
)
