"""How tokens are sampled, and when a text ends; row by row, independently of the rest of the batch.

`TokenSampler` drives the generation loop of transformers: it reads the logits of every row, chooses its next
token, and ends the loop once all rows are done, or once so many are done that the rest are better
continued in a batch of their own.

A row's sample depends on its own logits and its own seed only: a token is found by one uniform
number (of the row's own generator) in the cumulative distribution. Temperature and top-p
(Holtzman et al. 2020, arXiv 1904.09751, section 3.1) are applied in double precision.

Text is the decoded tokens, special tokens included (``<think>`` may be one); only the end token that ended
the text is left out. It ends right behind the first stop string that counts (`answers.stopping`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import numpy as np
import torch

from unswayed.answers.stopping import first_stop
from unswayed.formats import COMMON, Format
from unswayed.model_io import Finish, Sampling

_TAIL = 4  # prompt tokens decoded in front of the text, so that its first space is kept


class Cancelled(Exception):
    """The caller was cancelled."""


@dataclass(eq=False)
class RowState:
    """One text being generated."""

    sampling: Sampling
    uniform: np.random.Generator
    """Source of its uniform numbers."""
    limit: int
    """Maximal number of tokens."""
    turn: str = ""
    """What precedes the text in the assistant's turn: prefill, or the template's opening."""
    format: Format = COMMON
    prompt: tuple[int, ...] = ()
    """Its prompt's tokens, without padding."""
    tokens: list[int] = field(default_factory=list)
    """All sampled so far, an end token included."""
    has_image_token: bool = False
    """It sampled a token that stands for a picture: in a prompt it would be taken for one."""
    text: str = ""
    """Set when it is done."""
    finish: Finish | None = None


class TokenDecoder:
    """From tokens to text, for one tokenizer; and the tokens that may complete a stop string."""

    def __init__(self, tokenizer: Any, ends: Iterable[int], image_tokens: Iterable[int]) -> None:
        """`ends`: tokens that end a turn; `image_tokens`: tokens that stand for pictures."""
        self._tokenizer = tokenizer
        self.ends = frozenset(ends)
        self.image_tokens = frozenset(image_tokens)
        self._stop_tokens: dict[tuple[str, ...], frozenset[int] | None] = {}

    def decode(self, tokens: Sequence[int]) -> str:
        text = self._tokenizer.decode(
            list(tokens), skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return str(text)

    def text(self, prompt: Sequence[int], tokens: Sequence[int]) -> str:
        """The text of `tokens` after `prompt`, without a closing end token."""
        if tokens and tokens[-1] in self.ends:
            tokens = tokens[:-1]
        tail = list(prompt[-_TAIL:])
        before, whole = self.decode(tail), self.decode([*tail, *tokens])
        return whole[len(before) :] if whole.startswith(before) else self.decode(tokens)

    def first_from(self, prompt: Sequence[int], tokens: Sequence[int], place: int) -> int:
        """How many of the first `tokens` make up the text up to `place`, in characters."""
        return bisect_left(range(len(tokens)), place, key=lambda n: len(self.text(prompt, tokens[:n])))

    def may_stop(self, token: int, stop: tuple[str, ...]) -> bool:
        """Whether a stop string can end in this token; cached, since it is needed for every token."""
        if stop not in self._stop_tokens:
            self._stop_tokens[stop] = self._find_stop_tokens(stop)
        tokens = self._stop_tokens[stop]
        return tokens is None or token in tokens

    def _find_stop_tokens(self, stop: tuple[str, ...]) -> frozenset[int] | None:
        last = {s[-1] for s in stop if s}
        if not all(c.isascii() and c.isprintable() and c != " " for c in last):
            return None  # vocabularies spell other characters differently: check every token
        pieces = self._tokenizer.convert_ids_to_tokens(list(range(len(self._tokenizer))))
        return frozenset(
            i
            for i, piece in enumerate(pieces)
            # Byte tokens such as <0x3E> may end a stop string, too.
            if piece is not None and (any(c in piece for c in last) or piece.startswith("<0x"))
        )


def sample_tokens(logits: torch.Tensor, rows: Sequence[RowState]) -> list[int]:
    """The next token of every row, greedy or sampled.

    `logits`: shape (rows, vocabulary), any float type. Returns one token id per row.
    """
    tokens: list[int] = logits.argmax(dim=-1).tolist()
    sampled = [i for i, row in enumerate(rows) if row.sampling.temperature > 0 and row.finish is None]
    if not sampled:
        return tokens
    # MPS has no double precision.
    chosen = logits[sampled].to("cpu" if logits.device.type == "mps" else logits.device).double()
    temperature = chosen.new_tensor([rows[i].sampling.temperature for i in sampled]).unsqueeze(1)
    u = chosen.new_tensor([rows[i].uniform.random() for i in sampled]).unsqueeze(1)
    p = torch.softmax(chosen / temperature, dim=-1)
    order = None
    if any(rows[i].sampling.top_p < 1 for i in sampled):
        top_p = chosen.new_tensor([rows[i].sampling.top_p for i in sampled]).unsqueeze(1)
        p, order = p.sort(dim=-1, descending=True, stable=True)
        before = p.cumsum(dim=-1) - p
        before[:, 0] = -1.0  # the likeliest token always stays
        p = p * (before < top_p)
    total = p.cumsum(dim=-1)
    index = torch.searchsorted(total, u * total[:, -1:], right=True)
    # Rounding may lead past the end; then the last token that has any probability is taken.
    last = p.shape[1] - 1 - (p > 0).flip(-1).to(torch.int8).argmax(dim=-1, keepdim=True)
    index = torch.minimum(index, last)
    if order is not None:
        index = order.gather(1, index)
    for i, token in zip(sampled, index.squeeze(1).tolist(), strict=True):
        tokens[i] = token
    return tokens


class TokenSampler:
    """Logits processor and stopping criterion of one `generate` call over some rows."""

    def __init__(self, rows: Sequence[RowState], decoder: TokenDecoder, pad: int, cancel: Event) -> None:
        self._rows = rows
        self._decoder = decoder
        self._pad = pad
        self._cancel = cancel
        self._idle = 0
        self._over = False

    def logits(self, ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Choose a token for every row; all others get probability zero. Shape (rows, vocabulary)."""
        if self._cancel.is_set():
            raise Cancelled
        # Where stopping takes effect a step late, that step samples nothing.
        tokens = [self._pad] * len(self._rows) if self._over else sample_tokens(scores, self._rows)
        for i, row in enumerate(self._rows):
            if row.finish is not None:
                tokens[i] = self._pad
            elif not self._over:
                self._take(row, tokens[i])
        chosen = torch.tensor(tokens, device=scores.device).unsqueeze(1)
        return scores.fill_(float("-inf")).scatter_(1, chosen, 0.0)

    def stop(self, ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:
        """Whether the loop is over; the same value for every row."""
        open_rows = [row for row in self._rows if row.finish is None]
        self._idle += len(self._rows) - len(open_rows)
        # Restarting the rest costs about their lengths in forward passes; rows that are done cost
        # one per step. Continuing until both are equal costs at most twice the best choice.
        restart_cost = sum(len(row.prompt) + len(row.tokens) for row in open_rows)
        can_restart = not any(row.has_image_token for row in open_rows)
        self._over = self._over or not open_rows or (can_restart and self._idle >= restart_cost)
        return torch.full((len(self._rows),), self._over, device=ids.device, dtype=torch.bool)

    def _take(self, row: RowState, token: int) -> None:
        row.tokens.append(token)
        row.has_image_token = row.has_image_token or token in self._decoder.image_tokens
        stop = row.sampling.stop
        if token in self._decoder.ends:
            row.finish, row.text = "stop", self._decoder.text(row.prompt, row.tokens)
        elif stop and self._decoder.may_stop(token, stop):
            text = self._decoder.text(row.prompt, row.tokens)
            cut = first_stop(text, stop, prefill=row.turn, format=row.format)
            if cut is not None:
                row.finish, row.text = "stop", text[:cut]
        if row.finish is None and len(row.tokens) >= row.limit:
            row.finish, row.text = "length", self._decoder.text(row.prompt, row.tokens)
