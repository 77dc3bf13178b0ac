"""Letter probabilities from a server's log-probabilities for one token.

*Exact*: the server's own tokenizer (`/tokenize`) says which tokens spell a letter, and their
probabilities are requested by id (`logprob_token_ids`). *Top-k*: the texts of the likeliest tokens are
read; a letter that is not among them counts as 0, so the rest shows as mass outside.
A bracket that is a token of its own is followed by asking again with it in the prefill. The server tokenizes
prefill and bracket anew, which may differ from bracket after prefill in some vocabularies.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from unswayed.backends.letter_tokens import (
    AFTER_BRACKET,
    BRACKET,
    NEGLIGIBLE,
    SPELLINGS,
    letter_after_bracket,
    letter_of_token,
)
from unswayed.formats import COMMON
from unswayed.question import LETTERS

BLANKS = ("", " ", "\n")
"""What may precede a letter's spelling in one token."""
MAX_IDS = 100
"""Token ids requested at once."""
_OPEN = 16  # tokenizations at once
_ANSWER = COMMON.answer[0]  # what a letter may stand behind

Tokenize = Callable[[str], Awaitable[list[int] | None]]
Position = Literal["first", "after bracket"]


@dataclass
class LetterTokenIds:
    """Which token id of the server's vocabulary spells what; grows with the letters that are needed."""

    tokenize: Tokenize
    first: dict[int, int] = field(default_factory=dict)
    """Token id to letter (0-based), or `BRACKET`."""
    after_bracket: dict[int, int] = field(default_factory=dict)
    """The same right after a bracket."""
    brackets: dict[int, str] = field(default_factory=dict)
    """Token id of a bracket to its text."""
    letters: int = 0
    """How many letters were looked up."""
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def renew(self) -> None:
        """Be used in another event loop from now on."""
        self._lock = asyncio.Lock()

    async def learn(self, letters: int) -> bool:
        """Look up the first `letters` letters; False where the server cannot tokenize."""
        async with self._lock:
            if letters <= self.letters:
                return True
            tag = await self.tokenize(_ANSWER)
            if tag is None:
                return False
            words = [blank + "(" for blank in BLANKS] if not self.letters else []
            for c in LETTERS[self.letters : letters]:
                words += [blank + form.format(c) for blank in BLANKS for form in SPELLINGS]
            gate = asyncio.Semaphore(_OPEN)

            async def look_up(word: str) -> tuple[str, list[int] | None, list[int] | None]:
                async with gate:
                    return word, await self.tokenize(word), await self.tokenize(_ANSWER + word)

            results = await asyncio.gather(*(look_up(word) for word in words))
            if any(alone is None or in_place is None for _, alone, in_place in results):
                return False
            for word, alone, in_place in results:
                ids = {alone[0]} if alone is not None and len(alone) == 1 else set()
                # In place: some vocabularies write a first word with a blank, and only there.
                if in_place is not None and len(in_place) == len(tag) + 1 and in_place[:-1] == tag:
                    ids.add(in_place[-1])
                for i in ids:
                    self._add(i, word)
            self.letters = letters
            return True

    def _add(self, i: int, word: str) -> None:
        self.first.setdefault(i, letter_of_token(word))
        if self.first[i] == BRACKET:
            self.brackets.setdefault(i, word)
        if word.lstrip() in {form.format(c) for form in AFTER_BRACKET for c in LETTERS}:
            self.after_bracket.setdefault(i, letter_after_bracket(word))

    def of(self, position: Position, letters: int) -> dict[int, int]:
        """Token ids that spell one of the first `letters` letters there, or open a bracket."""
        known = self.first if position == "first" else self.after_bracket
        return {i: letter for i, letter in known.items() if letter < letters or letter == BRACKET}


def probs_by_id(alternatives: Sequence[tuple[str, float]], ids: Mapping[int, int]) -> dict[int, float] | None:
    """P of every id requested, from alternatives named ``token_id:7``; None where one is missing."""
    named = dict(alternatives)
    probs = {i: named.get(f"token_id:{i}") for i in ids}
    if any(p is None for p in probs.values()):
        return None
    return {i: p for i, p in probs.items() if p is not None}


def letter_probs_by_text(
    alternatives: Sequence[tuple[str, float]], letters: int, position: Position
) -> tuple[list[float], dict[str, float]]:
    """P(letter) of the first `letters` letters, and P of the brackets worth following, from tokens' texts.

    Tokens of the same text add up.
    """
    p: list[float] = [0.0] * letters
    brackets: dict[str, float] = {}
    for text, mass in alternatives:
        letter = letter_of_token(text) if position == "first" else letter_after_bracket(text)
        if letter == BRACKET:
            plain = text.replace("▁", " ").replace("Ġ", " ")
            brackets[plain] = brackets.get(plain, 0.0) + mass
        elif 0 <= letter < letters:
            p[letter] += mass
    return p, {text: mass for text, mass in brackets.items() if mass > NEGLIGIBLE}
