"""Which token text stands for which option letter; the same rule for every backend.

A letter counts when the next token, without leading blanks, is "A", "(A", "(A)", "A)" or "A."; and,
where the bracket is a token of its own, when "(" comes next and then "A", "A)" or "A.":
P(A) = sum of P(t) over such tokens t + sum over bracket tokens b of P(b) P(A | b).
"""

from __future__ import annotations

from unswayed.question import LETTERS

NEGLIGIBLE = 1e-3
"""A bracket token less probable than this is not followed any further."""
BRACKET = len(LETTERS)
"""Value of `letter_of_token` for a bracket that stands alone."""
AFTER_BRACKET = ("{}", "{})", "{}.")
"""Spellings of a letter right after a bracket; they count without a bracket, too."""
SPELLINGS = (*AFTER_BRACKET, "({}", "({})")
"""Spellings of a letter, without leading blanks."""

_AFTER_BRACKET = {form.format(c): i for i, c in enumerate(LETTERS) for form in AFTER_BRACKET}
_FIRST = {form.format(c): i for i, c in enumerate(LETTERS) for form in SPELLINGS} | {"(": BRACKET}


def letter_of_token(text: str, other: int = -1) -> int:
    """The letter (0-based) that a token's text stands for, `BRACKET` for a bracket, else `other`."""
    return _FIRST.get(_without_blanks(text), other)


def letter_after_bracket(text: str, other: int = -1) -> int:
    """The same for a token right after a bracket."""
    return _AFTER_BRACKET.get(_without_blanks(text), other)


def _without_blanks(text: str) -> str:
    """Without leading blanks, and without the marks that vocabularies write for them."""
    return text.replace("▁", " ").replace("Ġ", " ").lstrip()
