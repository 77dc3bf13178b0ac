"""Letter probabilities from vLLM: exact, token by token, for every spelling that the vocabulary has.

The same classes of tokens as for a transformers model (`transformers.letters.LetterTokens`), their
probabilities requested by id (`SamplingParams.logprob_token_ids`) and taken before any temperature
(`raw_logprobs`). A bracket that is a token of its own is followed by forcing vLLM to sample it
(`allowed_token_ids`, which does not change the raw probabilities): the prompt is not tokenized anew.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from unswayed.backends.letter_tokens import NEGLIGIBLE
from unswayed.backends.transformers.letters import LetterTokens
from unswayed.question import LETTERS

MAX_IDS = 128
"""Token ids per request (vLLM's MAX_LOGPROB_TOKEN_IDS)."""

Sample = Callable[[Mapping[str, Any]], Awaitable[Any]]
"""Samples from one prompt with these fields of `SamplingParams`; returns vLLM's `CompletionOutput`."""


class VllmLetters:
    """The letter tokens of one vocabulary."""

    def __init__(self, tokenizer: Any, size: int) -> None:
        """`size`: tokens of the model's vocabulary."""
        tokens = LetterTokens(tokenizer, size)
        self.direct = _letters_by_token(tokens.direct.tolist())
        """Token id to letter (0-based)."""
        self.behind = _letters_by_token(tokens.behind.tolist())
        """The same right after a bracket."""
        self.brackets = tokens.brackets.tolist()

    async def score(self, sample: Sample, letters: int) -> list[float]:
        """P of the first `letters` letters. Raises `KeyError` where vLLM leaves a token out."""
        direct = {i: c for i, c in self.direct.items() if c < letters}
        behind = {i: c for i, c in self.behind.items() if c < letters}
        p = [0.0] * letters
        first = await _probs(sample, [*direct, *self.brackets])
        for i, c in direct.items():
            p[c] += first[i]
        for bracket in self.brackets:
            if first[bracket] > NEGLIGIBLE:
                for i, mass in (await _probs(sample, list(behind), bracket)).items():
                    p[behind[i]] += first[bracket] * mass
        return p


async def _probs(sample: Sample, ids: Sequence[int], behind: int | None = None) -> dict[int, float]:
    """P of every token in `ids` as the next one, or as the one after the token `behind`."""
    p: dict[int, float] = {}
    for begin in range(0, len(ids), MAX_IDS):
        part = list(ids[begin : begin + MAX_IDS])
        # At temperature 1, probabilities before and after it are the same.
        params = {"temperature": 1.0, "seed": 0, "max_tokens": 1, "logprob_token_ids": part}
        if behind is not None:
            # The forced token comes first; only the alternatives of the second one are read.
            params |= {"max_tokens": 2, "allowed_token_ids": [behind], "ignore_eos": True}
        logprobs = (await sample(params)).logprobs[-1]
        p |= {i: min(1.0, math.exp(logprobs[i].logprob)) for i in part}
    return p


def _letters_by_token(classes: Sequence[int]) -> dict[int, int]:
    return {i: c for i, c in enumerate(classes) if c < len(LETTERS)}
