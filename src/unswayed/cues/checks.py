"""Does a cue assert the option that it should, and no other, and is it a sentence fit to be shown?

Judged by words: which options' texts stand in the cue, and which options it names by letter. Number
words are digits. An option whose text lies within that of another mentioned one (``table`` in
``on the table``) is not itself mentioned, nor is one that stands within a phrase *given* by the
question (``left`` in "the man on the left"). A yes/no question may also be answered without the
word, by repeating its words with or without a "not".
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
"""Words that need not come back where a statement answers a question."""
TRAILING = " .,;:!?。，；：！？、"
"""What is cut from an option's end before it is compared or put into a sentence."""
BY_LETTER = "-letter"
"""What the phrasing of a cue that names its option by letter ends in."""


def complaints(cue: Cue, question: Question, given: Sequence[str] = ()) -> tuple[str, ...]:
    """What is wrong with a cue, a clause each; none: it may be shown.

    `given` are phrases of the question that the cue repeats; words in them assert nothing.
    """
    found = []
    text = cue.text
    if not text.strip():
        return ("it is empty",)
    if "\n" in text or _TAGS.search(text):
        found.append("it has a line break or what looks like a tag")
    if not text.endswith("."):
        found.append("it does not end in a full stop")
    option = "" if cue.option is None else normalised(question.options[cue.option])
    rest = _masked(folded(text), [option, *_stated(given, question)])
    if "?" in rest:
        found.append("it has a question mark")
    if len(_END.findall(rest)) > 2:
        found.append("it has more than two sentences")
    if normalised(question.text) and normalised(question.text) in folded(text):
        found.append("it repeats the question")
    if HEDGES.search(rest):
        found.append("it hedges")
    if not cue.phrasing.endswith(BY_LETTER) and _letters(text, rest, len(question.options)):
        found.append("it names an option by its letter")
    if not asserts(cue, question, given):
        found.append("it does not assert exactly the option that it should")
    return tuple(found)


def asserts(cue: Cue, question: Question, given: Sequence[str] = ()) -> bool:
    """Whether the cue says exactly the option `cue.option` (or none, where that is None), undenied."""
    wanted = set() if cue.option is None else {cue.option}
    given = _stated(given, question)
    said = mentioned(cue.text, question.options, given)
    if cue.option is None:
        return said == wanted
    rest = _masked(folded(cue.text), given)
    positive = _yes_no(question)
    if positive is None:
        own = normalised(question.options[cue.option])
        return said == wanted and not _DENIES.search(_masked(rest, [own]))
    denied = _NEGATES.search(rest) is not None
    if cue.option == positive:
        return said <= wanted and not denied and bool(said or _repeats(cue, question))
    return said <= wanted and (said == wanted or (denied and _repeats(cue, question)))


def mentioned(text: str, options: tuple[str, ...], given: Sequence[str] = ()) -> set[int]:
    """The options, 0-based, that `text` names by their words or by their letter, outside of `given`."""
    said = _masked(folded(text), given)
    spans = [
        (found.start(), found.end(), k)
        for k, option in enumerate(options)
        if option.strip()
        for found in re.finditer(rf"(?<!\w){re.escape(normalised(option))}(?!\w)", said)
    ]
    by_words = {k for start, end, k in spans if not any(_within(start, end, s, e) for s, e, _ in spans)}
    by_letter = {LETTERS.index(found) for found in _LETTER.findall(text)}
    return by_words | {k for k in by_letter if k < len(options)}


def normalised(option: str) -> str:
    """An option's text for comparing: folded, blanks made single, without punctuation at its end."""
    plain = folded(option).strip()
    return plain.rstrip(TRAILING) or plain


@lru_cache(maxsize=4096)  # the same options and question are compared with every wording
def folded(text: str) -> str:
    """`text` for comparing: case, stylised characters, blanks and ``CamelCase`` made plain, digits for words.

    >>> folded("Zero  WineBottles")
    '0 wine bottles'
    """
    spaced = _HUMP.sub(" ", unicodedata.normalize("NFKC", text))
    plain = " ".join(spaced.casefold().split())
    return _NUMBER.sub(lambda word: str(NUMBER_WORDS.index(word.group())), plain)


def _stated(given: Sequence[str], question: Question) -> list[str]:
    """The phrases, folded, that really stand in the question; the longest first."""
    asked = folded(question.text)
    return sorted((p for p in map(normalised, given) if p and p in asked), key=len, reverse=True)


def _masked(said: str, phrases: Sequence[str]) -> str:
    for phrase in phrases:
        if phrase:
            said = re.sub(rf"(?<!\w){re.escape(phrase)}(?!\w)", "#", said)
    return said


def _letters(text: str, rest: str, n: int) -> bool:
    """Whether a letter of one of `n` options stands where it names the option."""
    found = {*_LETTER.findall(text), *map(str.upper, _BRACKETED.findall(rest))}
    return any(LETTERS.index(letter) < n for letter in found)


def _yes_no(question: Question) -> int | None:
    """Which option is "yes", where the options are "yes" and "no"."""
    words = [normalised(option) for option in question.options]
    return words.index("yes") if sorted(words) == ["no", "yes"] else None


def _repeats(cue: Cue, question: Question) -> bool:
    """Whether a cue says what the question's last sentence asks: nearly all of its words are there."""
    last = re.split(r"[.?!,]\s+", folded(question.text).rstrip(TRAILING))[-1]
    asked = [word for word in re.findall(r"\w+", last) if not _SMALL.match(word)]
    said = set(re.findall(r"\w+", folded(cue.text)))
    return bool(asked) and sum(word in said for word in asked) >= 0.7 * len(asked)


def _within(start: int, end: int, other_start: int, other_end: int) -> bool:
    return other_start <= start and end <= other_end and (other_start, other_end) != (start, end)
