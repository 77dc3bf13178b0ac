"""Letter probabilities from vLLM: exact, token by token, for every spelling that the vocabulary has.

The same classes of tokens as for a transformers model (`letters_local.Spellings`), their probabilities
asked for by id (`SamplingParams.logprob_token_ids`) and taken before any temperature (`raw_logprobs`).
A bracket that is a token of its own is followed by making vLLM draw it (`allowed_token_ids`, which does
not touch the raw probabilities): the prompt is not put into tokens anew.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from unswayed.backends.letter_tokens import NEGLIGIBLE
from unswayed.backends.transformers.letters import Spellings
from unswayed.question import LETTERS

MOST_IDS = 128
"""Token ids that vLLM tells of at once (its MAX_LOGPROB_TOKEN_IDS)."""

Draw = Callable[[Mapping[str, Any]], Awaitable[Any]]
"""Asks one prompt with these sampling fields; gives vLLM's `CompletionOutput`."""


class Letters:
    """The spellings of one vocabulary."""

    def __init__(self, tokenizer: Any, size: int) -> None:
        """`size`: tokens of the model's vocabulary."""
        found = Spellings(tokenizer, size)
        self.direct = _places(found.direct.tolist())
        """Token to letter (0-based)."""
        self.behind = _places(found.behind.tolist())
        """The same right behind a bracket."""
        self.brackets = found.brackets.tolist()

    async def score(self, draw: Draw, letters: int) -> list[float]:
        """P of the first `letters` letters. Raises `KeyError` where vLLM tells not of every token."""
        direct = {i: c for i, c in self.direct.items() if c < letters}
        behind = {i: c for i, c in self.behind.items() if c < letters}
        p = [0.0] * letters
        first = await _told(draw, [*direct, *self.brackets])
        for i, c in direct.items():
            p[c] += first[i]
        for bracket in self.brackets:
            if first[bracket] > NEGLIGIBLE:
                for i, mass in (await _told(draw, list(behind), bracket)).items():
                    p[behind[i]] += first[bracket] * mass
        return p


async def _told(draw: Draw, ids: Sequence[int], behind: int | None = None) -> dict[int, float]:
    """P of every token in `ids` as the next one, or as the one after the token `behind`."""
    found: dict[int, float] = {}
    for begin in range(0, len(ids), MOST_IDS):
        some = list(ids[begin : begin + MOST_IDS])
        # At temperature 1, probabilities before and after it are the same.
        params = {"temperature": 1.0, "seed": 0, "max_tokens": 1, "logprob_token_ids": some}
        if behind is not None:
            # The engine draws one more token than is needed of it; only that one's alternatives are read.
            params |= {"max_tokens": 2, "allowed_token_ids": [behind], "ignore_eos": True}
        told = (await draw(params)).logprobs[-1]
        found |= {i: min(1.0, math.exp(told[i].logprob)) for i in some}
    return found


def _places(classes: Sequence[int]) -> dict[int, int]:
    return {i: c for i, c in enumerate(classes) if c < len(LETTERS)}
