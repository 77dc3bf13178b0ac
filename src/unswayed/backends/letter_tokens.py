"""Which piece of text, as the next token, says which option letter; the same for every backend.

A letter counts when the next token, without leading blanks, is "A", "(A", "(A)", "A)" or "A."; and,
where the bracket is a token of its own, when "(" comes next and then "A", "A)" or "A.":
P(A) = sum of P(t) over such tokens t + sum over bracket tokens b of P(b) P(A | b).
"""

from __future__ import annotations

from unswayed.question import LETTERS

NEGLIGIBLE = 1e-3
"""A bracket token less probable than this is not followed any further."""
BRACKET = len(LETTERS)
"""What `spelt` says of a bracket that stands alone."""
BEHIND_BRACKET = ("{}", "{})", "{}.")
"""Spellings of a letter right behind a bracket, which count without one, too."""
SPELLINGS = (*BEHIND_BRACKET, "({}", "({})")
"""Spellings of a letter, leading blanks aside."""

_BEHIND = {form.format(c): i for i, c in enumerate(LETTERS) for form in BEHIND_BRACKET}
_DIRECT = {form.format(c): i for i, c in enumerate(LETTERS) for form in SPELLINGS} | {"(": BRACKET}


def spelt(text: str, other: int = -1) -> int:
    """The letter (0-based) that a token's text says, `BRACKET` for a bracket, else `other`."""
    return _DIRECT.get(_bare(text), other)


def spelt_behind(text: str, other: int = -1) -> int:
    """The same right behind a bracket."""
    return _BEHIND.get(_bare(text), other)


def _bare(text: str) -> str:
    """Without leading blanks, and without the marks that vocabularies write for them."""
    return text.replace("▁", " ").replace("Ġ", " ").lstrip()
