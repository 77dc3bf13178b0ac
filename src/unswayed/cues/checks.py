"""Checks that a cue asserts its option and no other, and that it is a well-formed sentence.

The checks compare words: the options' texts in the cue, and the letters that name options. Number words
equal digits. An option within a longer mentioned option (``table`` in ``on the table``) is not mentioned
itself, nor is one within a phrase that the question *gives* (``left`` in "the man on the left"). A yes/no
question may also be answered by repeating its words with or without a "not".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from unswayed.answers.option_matching import NUMBER_WORDS
from unswayed.judges.lexicon import HEDGES
from unswayed.question import LETTERS, Cue, Question

# "option (B)", "the answer is B", "answer: (B)": a letter that names an option.
_LETTER = re.compile(r"\b(?:[Oo]ption|[Aa]nswer|[Cc]hoice)(?: is| must be|:)? \(?([A-Y])\)?(?!\w)")
_BRACKETED = re.compile(r"\(([a-y])\)")
_TAGS = re.compile(r"</?\s*\w+[^>]*>|<\|")
_NUMBER = re.compile(rf"\b(?:{'|'.join(NUMBER_WORDS)})\b")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_DENIES = re.compile(
    r"\b(?:not|never|neither|nor|none|cannot|without|rather than|instead of|except)\b|n['’]t\b"
)
_NEGATES = re.compile(r"\b(?:not|no|never|nobody|nothing|none|cannot)\b|n['’]t\b")
_END = re.compile(r"[.!?]+[\"'”’)]*(?=\s|\Z)")
_SMALL = re.compile(
    r"(?:a|an|the|is|are|be|am|was|were|will|i|it|its|there|this|that|of|to|in|no|not|any|some)\Z"
    r"|(?:can|do|does|you|we|see|show|shown|shows|contain|visible|image|picture|photo)\Z"
)
"""Words that a statement need not repeat from its question."""
TRAILING = " .,;:!?。，；：！？、"
"""Characters removed from an option's end before it is compared or put into a sentence."""
BY_LETTER = "-letter"
"""Suffix of the phrasing of a cue that names its option by letter."""


def problems(cue: Cue, question: Question, given: Sequence[str] = ()) -> tuple[str, ...]:
    """The problems of a cue, one clause each; empty: it may be used.

    `given`: phrases of the question that the cue repeats; words in them assert nothing.
    """
    clauses = []
    text = cue.text
    if not text.strip():
        return ("it is empty",)
    if "\n" in text or _TAGS.search(text):
        clauses.append("it has a line break or what looks like a tag")
    if not text.endswith("."):
        clauses.append("it does not end in a full stop")
    option = "" if cue.option is None else normalised(question.options[cue.option])
    rest = _masked(folded(text), [option, *_contained(given, question)])
    if "?" in rest:
        clauses.append("it has a question mark")
    if len(_END.findall(rest)) > 2:
        clauses.append("it has more than two sentences")
    if normalised(question.text) and normalised(question.text) in folded(text):
        clauses.append("it repeats the question")
    if HEDGES.search(rest):
        clauses.append("it hedges")
    if not cue.phrasing.endswith(BY_LETTER) and _letters(text, rest, len(question.options)):
        clauses.append("it names an option by its letter")
    if not asserts(cue, question, given):
        clauses.append("it does not assert exactly the option that it should")
    return tuple(clauses)


def asserts(cue: Cue, question: Question, given: Sequence[str] = ()) -> bool:
    """Whether the cue asserts exactly the option `cue.option` (None: no option), without negation."""
    expected = set() if cue.option is None else {cue.option}
    given = _contained(given, question)
    named = mentioned(cue.text, question.options, given)
    if cue.option is None:
        return named == expected
    rest = _masked(folded(cue.text), given)
    positive = _yes_no(question)
    if positive is None:
        own = normalised(question.options[cue.option])
        return named == expected and not _DENIES.search(_masked(rest, [own]))
    denied = _NEGATES.search(rest) is not None
    if cue.option == positive:
        return named <= expected and not denied and bool(named or _repeats(cue, question))
    return named <= expected and (named == expected or (denied and _repeats(cue, question)))


def mentioned(text: str, options: tuple[str, ...], given: Sequence[str] = ()) -> set[int]:
    """The options, 0-based, that `text` names by their words or by their letter, outside of `given`."""
    rest = _masked(folded(text), given)
    spans = [
        (match.start(), match.end(), k)
        for k, option in enumerate(options)
        if option.strip()
        for match in re.finditer(rf"(?<!\w){re.escape(normalised(option))}(?!\w)", rest)
    ]
    by_words = {k for start, end, k in spans if not any(_within(start, end, s, e) for s, e, _ in spans)}
    by_letter = {LETTERS.index(letter) for letter in _LETTER.findall(text)}
    return by_words | {k for k in by_letter if k < len(options)}


def normalised(option: str) -> str:
    """An option's text for comparison: folded, without punctuation at its end."""
    plain = folded(option).strip()
    return plain.rstrip(TRAILING) or plain


@lru_cache(maxsize=4096)  # the same options and question are compared with every wording
def folded(text: str) -> str:
    """`text` for comparison: case, styled characters, blanks and ``CamelCase`` normalised, digits for words.

    >>> folded("Zero  WineBottles")
    '0 wine bottles'
    """
    spaced = _HUMP.sub(" ", unicodedata.normalize("NFKC", text))
    plain = " ".join(spaced.casefold().split())
    return _NUMBER.sub(lambda word: str(NUMBER_WORDS.index(word.group())), plain)


def _contained(given: Sequence[str], question: Question) -> list[str]:
    """The phrases, folded, that the question contains; the longest first."""
    asked = folded(question.text)
    return sorted((p for p in map(normalised, given) if p and p in asked), key=len, reverse=True)


def _masked(text: str, phrases: Sequence[str]) -> str:
    for phrase in phrases:
        if phrase:
            text = re.sub(rf"(?<!\w){re.escape(phrase)}(?!\w)", "#", text)
    return text


def _letters(text: str, rest: str, n: int) -> bool:
    """Whether a letter names one of the `n` options."""
    letters = {*_LETTER.findall(text), *map(str.upper, _BRACKETED.findall(rest))}
    return any(LETTERS.index(letter) < n for letter in letters)


def _yes_no(question: Question) -> int | None:
    """Index of the option "yes", where the options are "yes" and "no"."""
    words = [normalised(option) for option in question.options]
    return words.index("yes") if sorted(words) == ["no", "yes"] else None


def _repeats(cue: Cue, question: Question) -> bool:
    """Whether a cue repeats at least 70 % of the words of the question's last sentence."""
    last = re.split(r"[.?!,]\s+", folded(question.text).rstrip(TRAILING))[-1]
    asked = [word for word in re.findall(r"\w+", last) if not _SMALL.match(word)]
    words = set(re.findall(r"\w+", folded(cue.text)))
    return bool(asked) and sum(word in words for word in asked) >= 0.7 * len(asked)


def _within(start: int, end: int, other_start: int, other_end: int) -> bool:
    return other_start <= start and end <= other_end and (other_start, other_end) != (start, end)
