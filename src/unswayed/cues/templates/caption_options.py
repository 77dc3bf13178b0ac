"""Options that are captions or sentences themselves are used unchanged."""

from __future__ import annotations

import re

from unswayed.cues.templates import wording
from unswayed.cues.templates.base import Family, ParsedQuestion
from unswayed.question import Question

_PICTURE_OF = re.compile(
    r"(?:a|an|the) (?:photo|photograph|picture|image|drawing|painting|view)\b", re.IGNORECASE
)
_THING = re.compile(
    r"(?:a|an|two|three|four|five|six|several|some|many|people|men|women|children) \w", re.IGNORECASE
)
_SENTENCE = re.compile(
    r"\w+\b.*?\b(?:(?:is|are|was|were|has|have|had|will|can|could|should|does|do|did|becomes?|makes?)\b .*\w"
    r"|moved\b.*)",
    re.IGNORECASE,
)
_NO_SENTENCE = re.compile(
    r"\b(?:that|who|which|what|where|when|how|why|if) (?:\w+ )?(?:is|are|was|were|has|have)\b", re.I
)
_FEWEST = 3


def _options(question: Question) -> list[str] | None:
    """The options as parts of a sentence; None where one is no caption (too short, code, several lines)."""
    phrases = [wording.clean(option) for option in question.options]
    short = any(len(option.split()) < _FEWEST or len(option) > 240 for option in phrases)
    odd = any(
        "\n" in option.strip() or re.search(r"[.!?]\s|[{}=<>\\]", option) for option in question.options
    )
    return None if short or odd or any(wording.refers_to_options(option) for option in phrases) else phrases


def _lower(text: str) -> str:
    first = text.partition(" ")[0]
    return text[:1].lower() + text[1:] if first[1:].islower() or (len(first) == 1 and first != "I") else text


def _things(question: Question) -> ParsedQuestion | None:
    phrases = _options(question)
    if phrases is None or not all(_THING.match(o) and not _PICTURE_OF.match(o) for o in phrases):
        return None
    return ParsedQuestion(tuple({"what": _lower(option)} for option in phrases))


def _pictures(question: Question) -> ParsedQuestion | None:
    phrases = _options(question)
    if phrases is None or not all(_PICTURE_OF.match(option) for option in phrases):
        return None
    return ParsedQuestion(tuple({"what": _lower(option)} for option in phrases))


def _sentences(question: Question) -> ParsedQuestion | None:
    phrases = _options(question)
    if phrases is None or not all(_SENTENCE.match(o) and not _NO_SENTENCE.search(o) for o in phrases):
        return None
    if any(_PICTURE_OF.match(option) for option in phrases):
        return None
    return ParsedQuestion(tuple({"what": _lower(option)} for option in phrases))


FAMILIES = (
    Family("sentence", _sentences, clauses={"audit": ("{what}",), "train": ("{what}",)}),
    Family("caption", _things, captions={"audit": ("{what}",), "train": ("{what}",)}),
    Family(
        "picture-of",
        _pictures,
        clauses={
            "audit": ("this is {what}", "what we have here is {what}"),
            "train": ("the scene amounts to {what}", "this one is {what}"),
        },
    ),
)
