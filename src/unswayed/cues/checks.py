"""Does a cue assert the option that it should, and no other?

Judged by words: which options' texts stand in the cue, and which options it names by letter. An
option whose text lies within that of another mentioned one (``table`` in ``on the table``) is not
itself mentioned.
"""

from __future__ import annotations

import re
import unicodedata

from unswayed.question import LETTERS, Cue, Question

# "option (B)", "the answer is B", "answer: (B)": a letter that names an option.
_LETTER = re.compile(r"\b(?:[Oo]ption|[Aa]nswer|[Cc]hoice)(?: is| must be|:)? \(?([A-Y])\)?(?!\w)")
TRAILING = " .,;:!?。，；：！？、"
"""What is cut from an option's end before it is compared or put into a sentence."""


def asserts(cue: Cue, question: Question) -> bool:
    """Whether the cue's text names exactly the option `cue.option` (or none, where that is None)."""
    wanted = set() if cue.option is None else {cue.option}
    return mentioned(cue.text, question.options) == wanted


def mentioned(text: str, options: tuple[str, ...]) -> set[int]:
    """The options, 0-based, that `text` names by their words or by their letter."""
    said = _folded(text)
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
    folded = _folded(option).strip()
    return folded.rstrip(TRAILING) or folded


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _within(start: int, end: int, other_start: int, other_end: int) -> bool:
    return other_start <= start and end <= other_end and (other_start, other_end) != (start, end)
