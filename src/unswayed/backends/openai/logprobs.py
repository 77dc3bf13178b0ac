"""Letter probabilities from a server's log-probabilities for one token.

*Exact*: the server's own tokenizer (`/tokenize`) says which tokens spell a letter, and their
probabilities are asked for by id (`logprob_token_ids`). *Top-k*: the texts of the likeliest tokens are
read; a letter that is not among them counts as 0, so what is left out shows as mass outside.
A bracket that is a token of its own is followed by asking again behind it, as in `spellings`. The server
puts prefill and bracket into tokens anew, which may differ from bracket after prefill in some vocabularies.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from unswayed.answers.letter_probs import ANSWER_TAG
from unswayed.backends.letter_tokens import (
    BEHIND_BRACKET,
    BRACKET,
    NEGLIGIBLE,
    SPELLINGS,
    spelt,
    spelt_behind,
)
from unswayed.question import LETTERS

BLANKS = ("", " ", "\n")
"""What may stand before a letter's spelling in one token."""
MOST_IDS = 100
"""Token ids asked for at once."""
_OPEN = 16  # tokenizations at once

Tokenize = Callable[[str], Awaitable[list[int] | None]]
Place = Literal["direct", "behind"]


@dataclass
class Ids:
    """Which token of the server's vocabulary spells what; grows with the letters that are asked for."""

    tokenize: Tokenize
    direct: dict[int, int] = field(default_factory=dict)
    """Token to letter (0-based), or `BRACKET`."""
    behind: dict[int, int] = field(default_factory=dict)
    """The same right behind a bracket."""
    brackets: dict[int, str] = field(default_factory=dict)
    """Token to its text."""
    letters: int = 0
    """How many letters were looked up."""
    _busy: asyncio.Lock = field(default_factory=asyncio.Lock)

    def renew(self) -> None:
        """Be used in another event loop from now on."""
        self._busy = asyncio.Lock()

    async def learn(self, letters: int) -> bool:
        """Look up the first `letters` letters; False where the server does not say."""
        async with self._busy:
            if letters <= self.letters:
                return True
            tag = await self.tokenize(ANSWER_TAG)
            if tag is None:
                return False
            words = [blank + "(" for blank in BLANKS] if not self.letters else []
            for c in LETTERS[self.letters : letters]:
                words += [blank + form.format(c) for blank in BLANKS for form in SPELLINGS]
            gate = asyncio.Semaphore(_OPEN)

            async def look(word: str) -> tuple[str, list[int] | None, list[int] | None]:
                async with gate:
                    return word, await self.tokenize(word), await self.tokenize(ANSWER_TAG + word)

            found = await asyncio.gather(*(look(word) for word in words))
            if any(alone is None or within is None for _, alone, within in found):
                return False
            for word, alone, within in found:
                ids = {alone[0]} if alone is not None and len(alone) == 1 else set()
                # Where it stands: some vocabularies write a first word with a blank, and only there.
                if within is not None and len(within) == len(tag) + 1 and within[:-1] == tag:
                    ids.add(within[-1])
                for i in ids:
                    self._note(i, word)
            self.letters = letters
            return True

    def _note(self, i: int, word: str) -> None:
        self.direct.setdefault(i, spelt(word))
        if self.direct[i] == BRACKET:
            self.brackets.setdefault(i, word)
        if word.lstrip() in {form.format(c) for form in BEHIND_BRACKET for c in LETTERS}:
            self.behind.setdefault(i, spelt_behind(word))

    def of(self, place: Place, letters: int) -> dict[int, int]:
        """Tokens that say one of the first `letters` letters there, or open a bracket."""
        known = self.direct if place == "direct" else self.behind
        return {i: said for i, said in known.items() if said < letters or said == BRACKET}


def told_by_id(found: Mapping[str, float], ids: Mapping[int, int]) -> dict[int, float] | None:
    """P of every id asked for, from tokens told as ``token_id:7``; None where one is missing."""
    told = {i: found.get(f"token_id:{i}") for i in ids}
    if any(p is None for p in told.values()):
        return None
    return {i: p for i, p in told.items() if p is not None}


def by_text(
    found: list[tuple[str, float]], letters: int, place: Place
) -> tuple[list[float], dict[str, float]]:
    """P(letter) of the first `letters` letters, and the brackets worth following, from tokens' texts."""
    p, brackets = [0.0] * letters, {}
    for text, mass in found:
        said = spelt(text) if place == "direct" else spelt_behind(text)
        if said == BRACKET and mass > NEGLIGIBLE:
            brackets[text.replace("▁", " ").replace("Ġ", " ")] = mass
        elif 0 <= said < letters:
            p[said] += mass
    return p, brackets
