"""How tokens are drawn, and when a text ends; a row at a time, whatever else is in the batch.

`Draw` drives the generation loop of transformers: it looks at the logits of every row, decides its
next token, and ends the loop once all rows are done, or once so many are done that the rest are
better asked again in a batch of their own.

The draw of a row depends on its own logits and its own seed only: a token is found by one uniform
number (of the row's own generator) in the cumulated distribution. Temperature and top-p
(Holtzman et al. 2020, arXiv 1904.09751, section 3.1) are applied in double precision.

Text is what the tokenizer makes of the drawn tokens, special tokens included (a ``<think>`` may be
one); only the end token that ended the text is left out. It is cut right behind the first stop string.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import numpy as np
import torch

from unswayed.model_io import Finish, Sampling, first_stop

_TAIL = 4  # prompt tokens decoded in front of the text, so that its first space is kept


class Cancelled(Exception):
    """Nobody waits for the result any more."""


@dataclass(eq=False)
class Row:
    """One text under way."""

    sampling: Sampling
    uniform: np.random.Generator
    """Source of its draws."""
    limit: int
    """Most tokens it may have."""
    prompt: tuple[int, ...] = ()
    """Its prompt's tokens, without padding."""
    tokens: list[int] = field(default_factory=list)
    """All drawn so far, an end token included."""
    bound: bool = False
    """It drew a token that stands for a picture: as a prompt it would be taken for one."""
    text: str = ""
    """Filled when it is done."""
    finish: Finish | None = None


class Words:
    """From tokens to text, for one tokenizer; and the tokens that may complete a stop string."""

    def __init__(self, tokenizer: Any, ends: Iterable[int], pictures: Iterable[int]) -> None:
        """`ends`: tokens that end a turn; `pictures`: tokens that stand for pictures."""
        self._tokenizer = tokenizer
        self.ends = frozenset(ends)
        self.pictures = frozenset(pictures)
        self._suspects: dict[tuple[str, ...], frozenset[int] | None] = {}

    def decode(self, tokens: Sequence[int]) -> str:
        text = self._tokenizer.decode(
            list(tokens), skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return str(text)

    def text(self, prompt: Sequence[int], tokens: Sequence[int]) -> str:
        """The words of `tokens` as they stand behind `prompt`, without a closing end token."""
        if tokens and tokens[-1] in self.ends:
            tokens = tokens[:-1]
        tail = list(prompt[-_TAIL:])
        before, whole = self.decode(tail), self.decode([*tail, *tokens])
        return whole[len(before) :] if whole.startswith(before) else self.decode(tokens)

    def first_from(self, prompt: Sequence[int], tokens: Sequence[int], place: int) -> int:
        """How many of the first `tokens` it takes to write their text up to a place, in characters."""
        return bisect_left(range(len(tokens)), place, key=lambda n: len(self.text(prompt, tokens[:n])))

    def may_stop(self, token: int, stop: tuple[str, ...]) -> bool:
        """Whether a stop string can end in this token; looked up, for it is asked at every token."""
        if stop not in self._suspects:
            self._suspects[stop] = self._find(stop)
        found = self._suspects[stop]
        return found is None or token in found

    def _find(self, stop: tuple[str, ...]) -> frozenset[int] | None:
        last = {s[-1] for s in stop if s}
        if not all(c.isascii() and c.isprintable() and c != " " for c in last):
            return None  # how a vocabulary spells other characters differs: look at every token
        pieces = self._tokenizer.convert_ids_to_tokens(list(range(len(self._tokenizer))))
        return frozenset(
            i
            for i, piece in enumerate(pieces)
            # Bytes spelt <0x3E> and the like are suspects too.
            if piece is not None and (any(c in piece for c in last) or piece.startswith("<0x"))
        )


def draw(logits: torch.Tensor, rows: Sequence[Row]) -> list[int]:
    """The next token of every row.

    Shapes: `logits` (rows, vocabulary), any float type. Returns one index a row.
    """
    tokens: list[int] = logits.argmax(dim=-1).tolist()
    at = [i for i, row in enumerate(rows) if row.sampling.temperature > 0 and row.finish is None]
    if not at:
        return tokens
    # MPS has no double precision.
    some = logits[at].to("cpu" if logits.device.type == "mps" else logits.device).double()
    heat = some.new_tensor([rows[i].sampling.temperature for i in at]).unsqueeze(1)
    u = some.new_tensor([rows[i].uniform.random() for i in at]).unsqueeze(1)
    p = torch.softmax(some / heat, dim=-1)
    order = None
    if any(rows[i].sampling.top_p < 1 for i in at):
        top = some.new_tensor([rows[i].sampling.top_p for i in at]).unsqueeze(1)
        p, order = p.sort(dim=-1, descending=True, stable=True)
        before = p.cumsum(dim=-1) - p
        before[:, 0] = -1.0  # the likeliest token always stays
        p = p * (before < top)
    total = p.cumsum(dim=-1)
    found = torch.searchsorted(total, u * total[:, -1:], right=True)
    # Rounding may lead past the end; then the last token that has any probability is meant.
    last = p.shape[1] - 1 - (p > 0).flip(-1).to(torch.int8).argmax(dim=-1, keepdim=True)
    found = torch.minimum(found, last)
    if order is not None:
        found = order.gather(1, found)
    for i, token in zip(at, found.squeeze(1).tolist(), strict=True):
        tokens[i] = token
    return tokens


class Draw:
    """Logits processor and stopping criterion of one `generate` call over some rows."""

    def __init__(self, rows: Sequence[Row], words: Words, pad: int, cancel: Event) -> None:
        self._rows = rows
        self._words = words
        self._pad = pad
        self._cancel = cancel
        self._idle = 0
        self._over = False

    def logits(self, ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Choose a token for every row; all others get probability zero. Shape (rows, vocabulary)."""
        if self._cancel.is_set():
            raise Cancelled
        # Where stopping is noticed a step late, that step draws nothing.
        tokens = [self._pad] * len(self._rows) if self._over else draw(scores, self._rows)
        for i, row in enumerate(self._rows):
            if row.finish is not None:
                tokens[i] = self._pad
            elif not self._over:
                self._take(row, tokens[i])
        chosen = torch.tensor(tokens, device=scores.device).unsqueeze(1)
        return scores.fill_(float("-inf")).scatter_(1, chosen, 0.0)

    def stop(self, ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:
        """Whether the loop is over; one value a row, all alike."""
        open_rows = [row for row in self._rows if row.finish is None]
        self._idle += len(self._rows) - len(open_rows)
        # Asking the rest again costs about their lengths in forward passes; rows that are done cost
        # one a step. Going on until both are equal is never twice as dear as the best choice.
        again = sum(len(row.prompt) + len(row.tokens) for row in open_rows)
        asks = not any(row.bound for row in open_rows)
        self._over = self._over or not open_rows or (asks and self._idle >= again)
        return torch.full((len(self._rows),), self._over, device=ids.device, dtype=torch.bool)

    def _take(self, row: Row, token: int) -> None:
        row.tokens.append(token)
        row.bound = row.bound or token in self._words.pictures
        stop = row.sampling.stop
        if token in self._words.ends:
            row.finish, row.text = "stop", self._words.text(row.prompt, row.tokens)
        elif stop and self._words.may_stop(token, stop):
            text = self._words.text(row.prompt, row.tokens)
            cut = first_stop(text, stop)
            if cut is not None:
                row.finish, row.text = "stop", text[:cut]
        if row.finish is None and len(row.tokens) >= row.limit:
            row.finish, row.text = "length", self._words.text(row.prompt, row.tokens)
