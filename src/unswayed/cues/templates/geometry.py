"""Values in a diagram: ``Find x.`` becomes "x is equal to 12"."""

from __future__ import annotations

import re

from unswayed.cues.templates import wording
from unswayed.cues.templates.base import Family, ParsedQuestion
from unswayed.question import Question

_ENDS = r"(?=\s*(?:[.,?;]|\Z|\bso that\b|\bif\b|\bto the nearest\b|\bround\b|\bin \b|\bfor\b))"
_FIND = re.compile(
    r"(?:\A|[.,;]\s|\band\s|\bthen\s)(?:find|calculate|compute|determine|solve for)(?: the value of)?"
    rf"\s+(?P<what>\$[^$]{{1,60}}\$|\\?[\w\\^{{}}∠△ ]{{1,24}}?){_ENDS}",
    re.IGNORECASE,
)
_MEASURE = re.compile(
    r"(?:find|what is) the (?P<kind>measure|length|area|perimeter|circumference|volume|radius|diameter|value"
    rf"|scale factor)(?P<of> of .{{1,60}}?)?{_ENDS}",
    re.IGNORECASE,
)
_VALUE = re.compile(
    r"(?:[-+]?[\d\s.,/°%π√()]+|[-+]?\d*[\w√π]{0,4})(?:\s?(?:cm|mm|m|ft|in|units?|degrees?))?\Z|.*[\\^].*"
)


def _value(option: str) -> str:
    text = wording.clean(option)
    return f"${text}$" if "\\" in text and "$" not in text else text


def _read(question: Question) -> ParsedQuestion | None:
    options = [wording.clean(option) for option in question.options]
    if not all(option and _VALUE.match(option) and any(c.isdigit() for c in option) for option in options):
        return None
    text = " ".join(question.text.replace("<image>", " ").split())
    if match := _MEASURE.search(text):
        what = f"the {match['kind'].lower()}{match['of'] or ''}"
    elif match := _FIND.search(text):
        what = match["what"].strip()
    else:
        return None
    topic = what if what.startswith("the ") else f"the value of {what}"
    values = [_value(option) for option in question.options]
    slots = [{"topic": topic, "what": what, "value": v, "option": v} for v in values]
    return ParsedQuestion(tuple(slots), (what,))


FAMILIES = (
    Family(
        "geometry",
        _read,
        clauses={
            "audit": ("{topic} is {value}", "{topic} is equal to {value}"),
            "train": ("{topic} comes to {value}", "{topic} works out as {value}"),
        },
        picture={"audit": "diagram", "train": "figure"},
    ),
)
