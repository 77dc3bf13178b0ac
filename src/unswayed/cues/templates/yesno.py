"""Yes/no questions: the question as a statement, with or without a "not"."""

from __future__ import annotations

import re

from unswayed.cues import inflection
from unswayed.cues.checks import normalised
from unswayed.cues.templates import wording
from unswayed.cues.templates.base import Family, ParsedQuestion
from unswayed.question import Question

_THERE = re.compile(r"(?P<be>is|are) there (?P<any>(?:a|an|any|some|the) )?(?P<what>.+)\Z", re.IGNORECASE)
_SEE = re.compile(
    r"(?:can (?:you|we|i) see|do you see|does (?:this|the) (?:image|picture|photo) (?:show|contain|have)) "
    r"(?P<any>(?:a|an|any|some|the) )?(?P<what>.+)\Z",
    re.IGNORECASE,
)
_IS = re.compile(r"(?P<be>is|are) (?P<rest>.+)\Z", re.IGNORECASE)
_IF = re.compile(
    r"(?P<if>if .+?), (?P<verb>will|would) (?P<x>i|you|the .+?|it) (?P<rest>(?:be|get|see|move|have)\b.*)\Z",
    re.I,
)
_SENTENCE = re.compile(
    r"(?:sentence|statement|claim|caption|description)\b[^“\"]{0,60}[“\"](?P<what>[^“”\"]+)[”\"]",
    re.IGNORECASE,
)
_WILL = re.compile(r"(?P<verb>will|can|should) (?P<x>i|you|it|he|she|they) (?P<rest>(?!see\b).+)\Z", re.I)
_STRONG = re.compile(
    r" (?=(?:directly|located|positioned|touching|at a higher|at a lower|to the (?:left|right) of"
    r"|on the (?:left|right)(?: side)? of|higher|lower|closer|further|farther|bigger|smaller|larger"
    r"|taller|shorter)\b)",
    re.IGNORECASE,
)
_WEAK = re.compile(
    rf" (?=(?:{wording.PREPOSITIONS})\b)(?!from (?:the )?\S+ (?:perspective|viewpoint))", re.IGNORECASE
)
_ADJECTIVE = re.compile(
    r"(?:red|blue|green|yellow|black|white|brown|gr[ae]y|orange|pink|purple|open|closed|empty|full|visible|round"
    r"|square|wet|dry|big|small|tall|happy|sad|young|old|male|female|wooden|parallel|perpendicular|indoors|outdoors"
    r"|cloudy|sunny|asleep|awake|lit|real|alive)\Z",
    re.IGNORECASE,
)


def _yes(question: Question) -> list[bool] | None:
    words = [normalised(option) for option in question.options]
    return [word == "yes" for word in words] if sorted(words) == ["no", "yes"] else None


def _there(question: Question) -> ParsedQuestion | None:
    yes, text = _yes(question), wording.asked(question.text)
    match = _THERE.match(text) or _SEE.match(text)
    if yes is None or not match:
        return None
    what = re.sub(r" in (?:the|this) (?:image|picture|photo|scene)\Z", "", match["what"])
    article = (match["any"] or "").strip().lower()
    several = match.groupdict().get("be", "").lower() == "are" or inflection.is_plural(wording.head(what))
    if several:
        article = "some"
    elif article in ("", "any", "some", "the"):
        article = "an" if re.match(r"[aeiou]", what, re.IGNORECASE) else "a"
    slots = [{"is": "are" if several else "is", "some": article if y else "no", "what": what} for y in yes]
    return ParsedQuestion(tuple(slots), (what,))


def _split(rest: str) -> tuple[str, str] | None:
    """The subject and the predicate; None where the boundary is ambiguous."""
    if match := _STRONG.search(rest):
        return rest[: match.start()], rest[match.end() :]
    verbs = [m for m in re.finditer(r" (?=\w+ing\b)", rest) if wording.participle(rest[m.end() :].split()[0])]
    if verbs and (len(verbs) == 1 or re.search(r"ing and\Z", rest[: verbs[-1].start()])):
        return rest[: verbs[0].start()], rest[verbs[0].end() :]
    places = list(_WEAK.finditer(rest))
    if len(places) == 1 and not verbs:
        return rest[: places[0].start()], rest[places[0].end() :]
    subject, _, last = rest.rpartition(" ")
    return (subject, last) if subject and not places and not verbs and _ADJECTIVE.match(last) else None


def _articled(rest: str) -> str:
    """The end of a question with the articles that some benchmarks omit."""
    rest = re.sub(
        r"\b(from|towards?|to|at|than) (?=[a-z][^()]*\((?:near|marked|high))(?!the\b|an?\b|a )",
        r"\1 the ",
        rest,
    )
    match = re.match(rf"(.*\b(?:{wording.PREPOSITIONS}|than)) ((?:[A-Z][A-Za-z]+ ?)+(?:\(.+\))?)\Z", rest)
    return f"{match[1]} {wording.the(match[2])}" if match else rest


def _is(question: Question) -> ParsedQuestion | None:
    yes = _yes(question)
    match = _IS.match(wording.asked(question.text))
    parts = _split(match["rest"]) if match else None
    if yes is None or not match or parts is None or re.search(r"\b(?:not|n't)\b", match["rest"]):
        return None
    if re.match(r"there\b", match["rest"], re.IGNORECASE) or not parts[0].strip():
        return None
    rest = _articled(parts[1])
    x = wording.the(parts[0]) if not re.match(r"(?:it|he|she|they|i|you)\b", parts[0], re.I) else parts[0]
    slots = [{"x": x, "is": wording.be(x), "not": "" if y else " not", "rest": rest} for y in yes]
    return ParsedQuestion(tuple(slots), (x, parts[1]))


def _if(question: Question) -> ParsedQuestion | None:
    yes, text = _yes(question), wording.asked(question.text)
    match = _IF.match(text) or _WILL.match(text)
    if yes is None or not match:
        return None
    rest = _articled(match["rest"])
    when = match.groupdict().get("if")
    when = f"{when[:1].lower()}{when[1:]}, " if when else ""
    x = "I" if match["x"].lower() == "i" else match["x"]
    slots = [
        {
            "when": when,
            "x": x,
            "will": match["verb"].lower(),
            "not": "" if y else " not",
            "rest": rest,
        }
        for y in yes
    ]
    return ParsedQuestion(tuple(slots), (when, match["rest"]))


def _truth(question: Question) -> ParsedQuestion | None:
    """``Is this sentence true of the image? “There is a box.”``, with the options true and false."""
    words = [normalised(option) for option in question.options]
    match = _SENTENCE.search(" ".join(question.text.split()))
    if sorted(words) != ["false", "true"] or not match:
        return None
    what = wording.clean(match["what"])
    what = what if re.match(r"[A-Z][a-z]*[A-Z]|I\b", what) else what[:1].lower() + what[1:]
    return ParsedQuestion(tuple({"what": what, "value": word} for word in words), (what,))


FAMILIES = (
    Family(
        "existence",
        _there,
        clauses={
            "audit": ("there {is} {some} {what}",),
            "train": ("there {is} {some} {what}",),
        },
    ),
    Family(
        "yes-no",
        _is,
        clauses={
            "audit": ("{x} {is}{not} {rest}",),
            "train": ("{x} {is}{not} {rest}",),
        },
    ),
    Family(
        "yes-no-will",
        _if,
        clauses={
            "audit": ("{when}{x} {will}{not} {rest}",),
            "train": ("{when}{x} {will}{not} {rest}",),
        },
    ),
    Family(
        "truth",
        _truth,
        clauses={
            "audit": ("it is {value} that {what}",),
            "train": ("the claim that {what} is {value}",),
        },
    ),
)
