"""Probability of each option letter as the next token, for a model in this process (see `letter_tokens`)."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event
from typing import Any

import torch

from unswayed.backends.letter_tokens import (
    BRACKET,
    NEGLIGIBLE,
    letter_after_bracket,
    letter_of_token,
)
from unswayed.backends.transformers.decoding import Cancelled
from unswayed.question import LETTERS

_OTHER = BRACKET + 1


class LetterTokens:
    """Which token stands for which letter, for one tokenizer."""

    def __init__(self, tokenizer: Any, size: int) -> None:
        """`size`: number of rows of the model's output matrix."""
        pieces = tokenizer.convert_ids_to_tokens(list(range(min(size, len(tokenizer)))))
        self.direct = torch.full((size,), _OTHER)
        """Letter of every token (0-based), or a class beyond the letters. Shape (vocabulary,)."""
        self.behind = torch.full((size,), _OTHER)
        """The same right after a bracket."""
        for i, piece in enumerate(pieces):
            # Only short pieces can spell a letter; the marks for blanks are one character, or bytes.
            if piece is None or len(piece) > 12 or not any(c in "(" + LETTERS for c in piece):
                continue
            text = str(tokenizer.decode([i], skip_special_tokens=False, clean_up_tokenization_spaces=False))
            self.direct[i] = letter_of_token(text, _OTHER)
            self.behind[i] = letter_after_bracket(text, _OTHER)
        self.brackets = (self.direct == BRACKET).nonzero().squeeze(1)


class LetterProbe:
    """Logits processor of a `generate` call of one or two tokens: reads the letters, then opens a bracket."""

    def __init__(self, tokens: LetterTokens, rows: int, rank: int, cancel: Event) -> None:
        """`rank`: which of each row's bracket tokens is followed; 0 is the likeliest."""
        self._tokens = tokens
        self._rank = rank
        self._cancel = cancel
        self._step = 0
        self._p_bracket = torch.zeros(rows, dtype=torch.float64)
        self.more = False
        """Some row has a further bracket token that is not negligible."""
        self.direct = torch.zeros(rows, len(LETTERS), dtype=torch.float64)
        """P(letter) as the next token. Shape (rows, letters)."""
        self.behind = torch.zeros(rows, len(LETTERS), dtype=torch.float64)
        """P(bracket) P(letter | bracket). Same shape."""

    def logits(self, ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if self._cancel.is_set():
            raise Cancelled
        p = torch.softmax(scores.float(), dim=-1)
        if self._step == 0:
            chosen = self._first(p)
        else:
            if self._step == 1:
                mass = _by_letter(p, self._tokens.behind)
                self.behind = torch.where(
                    (self._p_bracket > NEGLIGIBLE).unsqueeze(1), self._p_bracket.unsqueeze(1) * mass, 0.0
                )
            chosen = torch.zeros(p.shape[0], dtype=torch.long)
        self._step += 1
        return scores.fill_(float("-inf")).scatter_(1, chosen.to(scores.device).unsqueeze(1), 0.0)

    def stop(self, ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:
        over = self._step >= 2 or not bool((self._p_bracket > NEGLIGIBLE).any())
        return torch.full((ids.shape[0],), over, device=ids.device, dtype=torch.bool)

    def _first(self, p: torch.Tensor) -> torch.Tensor:
        self.direct = _by_letter(p, self._tokens.direct)
        brackets = self._tokens.brackets
        if len(brackets) <= self._rank:
            return torch.zeros(p.shape[0], dtype=torch.long)
        mass, order = p[:, brackets.to(p.device)].cpu().double().sort(dim=1, descending=True, stable=True)
        self._p_bracket = mass[:, self._rank]
        self.more = bool((mass[:, self._rank + 1 :] > NEGLIGIBLE).any())
        return brackets[order[:, self._rank]]


def _by_letter(p: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """Probability mass of every letter. Shapes (rows, vocabulary), (vocabulary,) -> (rows, letters)."""
    tokens = (classes < len(LETTERS)).nonzero().squeeze(1)
    mass = torch.zeros(p.shape[0], len(LETTERS), dtype=torch.float64)
    return mass.index_add_(1, classes[tokens], p[:, tokens.to(p.device)].cpu().double())


def as_tuple(p: Sequence[float], n: int) -> tuple[float, ...]:
    """The first `n` letters' probabilities, kept within [0, 1] against rounding."""
    return tuple(min(1.0, max(0.0, float(v))) for v in p[:n])
