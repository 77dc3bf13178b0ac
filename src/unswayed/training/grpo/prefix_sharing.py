"""Prompts that several rollouts share go through the model once, for their words and for their gradient.

A prompt without its last token becomes keys and values, once for each different prompt of a batch; each
row goes on from a copy of them. What comes out is what the whole sequences give, up to rounding, and so
are the gradients, which add up in the shared keys and values. Decided here:

* It is proved on real rows, before it is used, that the model can do this: log probabilities of the short
  way and of the long way agree. A model that cannot goes the long way, and the run says so.
* Rows of like length go on together, so that short ones are not padded to the longest.
* Copies cost memory of keys and values only; pictures go through the vision tower once a prompt.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

_OF_TOKENS = ("token_type_ids", "mm_token_type_ids")
"""Fields with a value for every token of the whole sequence."""


class Unshareable(Exception):
    """How these inputs or this model lay out what a prompt is, is not known here."""


@dataclass(frozen=True)
class Fields:
    """What a model is given beside tokens, for a batch of rows."""

    values: Mapping[str, Any]
    pictures: Sequence[int] | None
    """How many pictures each row shows; None where there are none."""

    def of(self, rows: Sequence[int], length: int) -> dict[str, Any]:
        """The fields of some rows, as for sequences of `length` tokens. Raises `Unshareable`."""
        out = {}
        values = {k: v for k, v in self.values.items() if v is not None}
        grid = values.get("image_grid_thw")
        count = list(self.pictures or [])
        for name, value in values.items():
            if not isinstance(value, torch.Tensor):
                raise Unshareable(f"{name} is no tensor")
            if name in ("pixel_values", "image_grid_thw") and grid is not None:
                sizes = count
                if name == "pixel_values":  # patches of all pictures in one long row
                    patches = iter(grid.prod(-1).tolist())
                    sizes = [sum(next(patches) for _ in range(n)) for n in count]
                pieces = torch.split(value, sizes)
                out[name] = torch.cat([pieces[row] for row in rows])
            elif name in _OF_TOKENS:
                out[name] = value[list(rows), :length]
            elif len(value) == len(count) == sum(count):
                out[name] = value[list(rows)]
            else:
                raise Unshareable(f"{name} does not have one entry a row")
        return out


class Prefix:
    """Different prompts without their last tokens, as keys and values."""

    def __init__(
        self, model: Any, ids: torch.Tensor, mask: torch.Tensor, fields: Fields, rows: Sequence[int]
    ):
        """`ids`, `mask`: (batch, length), padded on the left; `rows`: where each prompt first stands."""
        given = fields.of(rows, ids.shape[1] - 1)
        out = model(
            input_ids=ids[list(rows), :-1],
            attention_mask=mask[list(rows), :-1],
            use_cache=True,
            logits_to_keep=1,
            **given,
        )
        self._cache = getattr(out, "past_key_values", None)
        if self._cache is None or self._cache.get_seq_length() != ids.shape[1] - 1:
            raise Unshareable("the model keeps no keys and values of a whole prompt")
        # Qwen's positions jump at pictures; by how much, the model remembers of its last prompts.
        inner = getattr(_bare(model), "model", None)
        self._jump = getattr(inner, "rope_deltas", None)

    def spread(self, which: torch.Tensor) -> tuple[Any, torch.Tensor | None]:
        """A cache for rows that go on from prompts `which` (rows,), and their jumps (rows, 1), if any."""
        cache: Any = copy.copy(self._cache)
        cache.layers = [copy.copy(layer) for layer in cache.layers]
        cache.batch_select_indices(which)  # gives each copy tensors of its own
        return cache, None if self._jump is None else self._jump[which]


def positions(mask: torch.Tensor, new: int, jump: torch.Tensor | None) -> dict[str, torch.Tensor]:
    """What the last `new` tokens behind a prefix need to be told of their places. `mask`: (rows, length)."""
    if jump is None:
        return {}
    at = (mask.long().cumsum(-1) - 1).clamp(min=0)[:, -new:] + jump
    return {"position_ids": at.expand(3, *at.shape)}


def firsts(which: Sequence[int]) -> tuple[list[int], list[int]]:
    """Where each different value first stands, and for every place the number of its value in that list."""
    seen: dict[int, int] = {}
    rows: list[int] = []
    numbers: list[int] = []
    for place, value in enumerate(which):
        if value not in seen:
            seen[value] = len(rows)
            rows.append(place)
        numbers.append(seen[value])
    return rows, numbers


def log_probs(
    model: Any, ids: torch.Tensor, mask: torch.Tensor, new: int, which: Sequence[int], fields: Fields
) -> tuple[torch.Tensor, torch.Tensor]:
    """Log probability of the last `new` tokens of every row, and the entropy there, (rows, new) each, by
    TRL's fused head; 0 where a row has ended.

    `ids`, `mask`: (rows, length), prompts padded on the left to one length; `which`: which prompt a row has.
    """
    start = ids.shape[1] - new
    rows, numbers = firsts(which)
    prefix = Prefix(model, ids[:, :start], mask[:, :start], fields, rows)
    prompts = torch.tensor(numbers, device=ids.device)
    lengths = mask[:, start:].sum(1).tolist()
    places, found = [], []
    for some in alike(lengths):
        longest = max(1, *(lengths[i] for i in some))
        rows_of = torch.tensor(some, device=ids.device)
        cache, jump = prefix.spread(prompts[rows_of])
        mine, seen = ids[rows_of, : start + longest], mask[rows_of, : start + longest]
        out = model(
            input_ids=mine[:, start - 1 : -1],
            attention_mask=seen[:, :-1],
            past_key_values=cache,
            shift_labels=mine[:, start:].masked_fill(seen[:, start:] == 0, -100),
            fused_lm_head=True,
            **positions(seen[:, :-1], longest, jump),
        )
        places.append(rows_of)
        found.append([F.pad(out.log_probs, (0, new - longest)), F.pad(out.entropy, (0, new - longest))])
    back = torch.cat(places).argsort()
    first, second = (torch.cat(parts)[back] for parts in zip(*found, strict=True))
    return first, second


def alike(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Places of rows of like length, together. A part of its own saves an eighth of all tokens."""
    order = sorted(range(len(lengths)), key=lambda i: lengths[i])
    least = len(order) * max(lengths, default=0) / 8

    def split(part: list[int]) -> Iterator[list[int]]:
        longest = lengths[part[-1]]
        saved = [(n + 1) * (longest - lengths[i]) for n, i in enumerate(part)]
        best = max(range(len(part)), key=saved.__getitem__)
        if saved[best] <= least:
            yield part
        else:
            yield from split(part[: best + 1])
            yield from split(part[best + 1 :])

    return split(order) if order else iter(())


def obstacle(
    model: Any, ids: torch.Tensor, mask: torch.Tensor, which: Sequence[int], fields: Fields
) -> str | None:
    """Why this model's prompts cannot be shared, found by trying; None where both ways agree.

    `ids`, `mask`: (rows, length), some prompts, padded on the left. Nothing is drawn or trained.
    """
    some = _few(which)
    words, seen = ids[some, -1:], mask[some, -1:]
    tail = torch.cat([ids[some, -3:-1], words], 1)  # whatever it says, both ways must agree on it
    whole = torch.cat([ids[some], tail], 1)
    kept = torch.cat([mask[some], seen.expand(-1, 3)], 1)
    more = Fields(fields.of(range(len(which)), ids.shape[1]), fields.pictures)
    here = [more.pictures[i] for i in some] if more.pictures is not None else None
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        with torch.no_grad():
            part = Fields(more.of(some, ids.shape[1]), here)
            labels = whole.masked_fill(kept == 0, -100)
            labels[:, :-3] = -100
            extended = {
                k: torch.cat([v, v.new_zeros(len(some), 3)], 1) if k in _OF_TOKENS else v
                for k, v in part.values.items()
            }
            long = model(input_ids=whole, attention_mask=kept, labels=labels, fused_lm_head=True, **extended)
            short = log_probs(model, whole, kept, 3, [which[i] for i in some], part)
        far = float((long.log_probs[:, -3:] - short[0]).abs().max())
    except Unshareable as reason:
        return str(reason)
    except Exception as problem:  # anything may come of a model that takes no keys and values
        return f"{type(problem).__name__}: {problem}".splitlines()[0]
    finally:
        for module in training:
            module.training = True
    exact = next(model.parameters()).dtype == torch.float32
    if not far <= (1e-3 if exact else 0.25):  # in low precision the order of sums shows
        return f"log probabilities of the two ways differ by {far:.2g}"
    return None


def _few(which: Sequence[int]) -> list[int]:
    """Places of a few rows: two of the first prompt, if it has two, and one of another."""
    rows, numbers = firsts(which)
    twins = [place for place, number in enumerate(numbers) if number == 0][:2]
    return sorted({*twins, *rows[1:2]})


def _bare(model: Any) -> Any:
    """The model itself, without what adapters put around it."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model
