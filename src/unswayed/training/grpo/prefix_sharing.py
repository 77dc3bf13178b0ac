"""Processes prompts that several rollouts share once, for sampling and for the gradient.

A prompt without its last token becomes keys and values, once for each distinct prompt of a batch; each row
continues from a copy of them. The results are those of whole sequences, up to rounding, and so are the
gradients, which add up in the shared keys and values.

* Before it is used, it is checked on real rows that the model supports it: log probabilities with and without
  sharing agree. A model that does not support it processes every row's own prompt, and the run says so.
* Rows of similar length are processed together, so that short ones are not padded to the longest.
* Copies take memory for keys and values only; images go through the vision tower once per prompt.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

_PER_TOKEN = ("token_type_ids", "mm_token_type_ids")
"""Inputs with a value for every token of the sequence."""
_CHECKED_TOKENS = 3
_TOLERANCE = {True: 1e-3, False: 0.25}
"""Largest difference of log probabilities, in float32 and in lower precision, where the order of sums
matters."""


class PrefixNotShareable(Exception):
    """The layout of these inputs, or of this model's cache, is not supported."""


@dataclass(frozen=True)
class ModelInputs:
    """A model's inputs beside the tokens, for a batch of rows."""

    values: Mapping[str, Any]
    image_counts: Sequence[int] | None
    """Number of images of each row; None where there are none."""

    def select(self, rows: Sequence[int], length: int) -> dict[str, Any]:
        """The inputs of some rows, for sequences of `length` tokens. Raises `PrefixNotShareable`."""
        out = {}
        values = {k: v for k, v in self.values.items() if v is not None}
        grid = values.get("image_grid_thw")
        counts = list(self.image_counts or [])
        for name, value in values.items():
            if not isinstance(value, torch.Tensor):
                raise PrefixNotShareable(f"{name} is not a tensor")
            if name in ("pixel_values", "image_grid_thw") and grid is not None:
                sizes = counts
                if name == "pixel_values":  # patches of all images in one long tensor
                    patches = iter(grid.prod(-1).tolist())
                    sizes = [sum(next(patches) for _ in range(n)) for n in counts]
                pieces = torch.split(value, sizes)
                out[name] = torch.cat([pieces[row] for row in rows])
            elif name in _PER_TOKEN:
                out[name] = value[list(rows), :length]
            elif len(value) == len(counts) == sum(counts):
                out[name] = value[list(rows)]
            else:
                raise PrefixNotShareable(f"{name} does not have one entry per row")
        return out


class SharedPrefix:
    """Distinct prompts without their last tokens, as keys and values."""

    def __init__(
        self, model: Any, ids: torch.Tensor, mask: torch.Tensor, inputs: ModelInputs, rows: Sequence[int]
    ):
        """`ids`, `mask`: (batch, length), padded on the left; `rows`: where each distinct prompt first
        occurs."""
        self.cache_argument = cache_argument(model)
        """The name under which the model takes its cache."""
        out = model(
            input_ids=ids[list(rows), :-1],
            attention_mask=mask[list(rows), :-1],
            use_cache=True,
            logits_to_keep=1,
            **inputs.select(rows, ids.shape[1] - 1),
        )
        self._cache = cache_of(out)
        if self._cache is None or self._cache.get_seq_length() != ids.shape[1] - 1:
            raise PrefixNotShareable("the model does not cache the keys and values of a whole prompt")
        # Qwen's positions jump at images; the model stores by how much for its last prompts.
        inner = getattr(_without_adapters(model), "model", None)
        self._jump = getattr(inner, "rope_deltas", None)

    def expand(self, prompt_index: torch.Tensor) -> tuple[Any, torch.Tensor | None]:
        """A cache for rows that continue prompts `prompt_index` (rows,), and their jumps (rows, 1), if
        any."""
        cache: Any = copy.copy(self._cache)
        cache.layers = [copy.copy(layer) for layer in cache.layers]
        cache.batch_select_indices(prompt_index)  # gives each copy tensors of its own
        return cache, None if self._jump is None else self._jump[prompt_index]


def cache_argument(model: Any) -> str:
    """`cache`, or `past_key_values` in transformers before 5.24."""
    parameters = inspect.signature(_without_adapters(model).forward).parameters
    return "cache" if "cache" in parameters else "past_key_values"


def cache_of(output: Any) -> Any:
    """The cache in a model's output; None where there is none."""
    cache = getattr(output, "cache", None)
    return cache if cache is not None else getattr(output, "past_key_values", None)


def position_arguments(mask: torch.Tensor, new: int, jump: torch.Tensor | None) -> dict[str, torch.Tensor]:
    """Positions of the last `new` tokens after a prefix, where the model needs them. `mask`: (rows,
    length)."""
    if jump is None:
        return {}
    positions = (mask.long().cumsum(-1) - 1).clamp(min=0)[:, -new:] + jump
    return {"position_ids": positions.expand(3, *positions.shape)}


def first_occurrences(values: Sequence[int]) -> tuple[list[int], list[int]]:
    """Index of the first occurrence of each distinct value, and for every item its number in that list."""
    numbers: dict[int, int] = {}
    first: list[int] = []
    numbered: list[int] = []
    for i, value in enumerate(values):
        if value not in numbers:
            numbers[value] = len(first)
            first.append(i)
        numbered.append(numbers[value])
    return first, numbered


def log_probs(
    model: Any,
    ids: torch.Tensor,
    mask: torch.Tensor,
    new: int,
    prompt_index: Sequence[int],
    inputs: ModelInputs,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Log probability of the last `new` tokens of every row, and the entropy there, (rows, new) each.

    By TRL's fused head; 0 where a row has ended. `ids`, `mask`: (rows, length), prompts padded on the left to
    one length; `prompt_index`: each row's prompt.
    """
    start = ids.shape[1] - new
    first, numbered = first_occurrences(prompt_index)
    prefix = SharedPrefix(model, ids[:, :start], mask[:, :start], inputs, first)
    prompts = torch.tensor(numbered, device=ids.device)
    lengths = mask[:, start:].sum(1).tolist()
    order, parts = [], []
    for bucket in length_buckets(lengths):
        longest = max(1, *(lengths[i] for i in bucket))
        rows = torch.tensor(bucket, device=ids.device)
        cache, jump = prefix.expand(prompts[rows])
        row_ids, row_mask = ids[rows, : start + longest], mask[rows, : start + longest]
        out = model(
            input_ids=row_ids[:, start - 1 : -1],
            attention_mask=row_mask[:, :-1],
            shift_labels=row_ids[:, start:].masked_fill(row_mask[:, start:] == 0, -100),
            fused_lm_head=True,
            **{prefix.cache_argument: cache},
            **position_arguments(row_mask[:, :-1], longest, jump),
        )
        order.append(rows)
        parts.append([F.pad(out.log_probs, (0, new - longest)), F.pad(out.entropy, (0, new - longest))])
    original = torch.cat(order).argsort()
    logps, entropies = (torch.cat(each)[original] for each in zip(*parts, strict=True))
    return logps, entropies


def length_buckets(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Indices of rows of similar length, together. A split must save an eighth of all tokens."""
    order = sorted(range(len(lengths)), key=lambda i: lengths[i])
    threshold = len(order) * max(lengths, default=0) / 8

    def split(bucket: list[int]) -> Iterator[list[int]]:
        longest = lengths[bucket[-1]]
        saved = [(n + 1) * (longest - lengths[i]) for n, i in enumerate(bucket)]
        best = max(range(len(bucket)), key=saved.__getitem__)
        if saved[best] <= threshold:
            yield bucket
        else:
            yield from split(bucket[: best + 1])
            yield from split(bucket[best + 1 :])

    return split(order) if order else iter(())


def why_not_shareable(
    model: Any, ids: torch.Tensor, mask: torch.Tensor, prompt_index: Sequence[int], inputs: ModelInputs
) -> str | None:
    """The reason why this model's prompts cannot be shared, found by trying; None where both ways agree.

    `ids`, `mask`: (rows, length), some prompts, padded on the left. Nothing is sampled or trained.
    """
    rows = _check_rows(prompt_index)
    last, last_mask = ids[rows, -1:], mask[rows, -1:]
    tail = torch.cat([ids[rows, -_CHECKED_TOKENS:-1], last], 1)  # any tokens do: both ways must agree on them
    whole = torch.cat([ids[rows], tail], 1)
    whole_mask = torch.cat([mask[rows], last_mask.expand(-1, _CHECKED_TOKENS)], 1)
    in_training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        counts = [inputs.image_counts[i] for i in rows] if inputs.image_counts is not None else None
        part = ModelInputs(inputs.select(rows, ids.shape[1]), counts)
        labels = whole.masked_fill(whole_mask == 0, -100)
        labels[:, :-_CHECKED_TOKENS] = -100
        extended = {
            k: torch.cat([v, v.new_zeros(len(rows), _CHECKED_TOKENS)], 1) if k in _PER_TOKEN else v
            for k, v in part.values.items()
        }
        with torch.no_grad():
            unshared = model(
                input_ids=whole, attention_mask=whole_mask, labels=labels, fused_lm_head=True, **extended
            )
            shared, _ = log_probs(
                model, whole, whole_mask, _CHECKED_TOKENS, [prompt_index[i] for i in rows], part
            )
        difference = float((unshared.log_probs[:, -_CHECKED_TOKENS:] - shared).abs().max())
    except PrefixNotShareable as reason:
        return str(reason)
    except Exception as error:  # a model without a usable cache may raise anything
        return f"{type(error).__name__}: {error}".splitlines()[0]
    finally:
        for module in in_training:
            module.training = True
    exact = next(model.parameters()).dtype == torch.float32
    if not difference <= _TOLERANCE[exact]:
        return f"log probabilities with and without sharing differ by {difference:.2g}"
    return None


def _check_rows(prompt_index: Sequence[int]) -> list[int]:
    """A few rows: two of the first prompt, if it has two, and one of another."""
    first, numbered = first_occurrences(prompt_index)
    twins = [i for i, number in enumerate(numbered) if number == 0][:2]
    return sorted({*twins, *first[1:2]})


def _without_adapters(model: Any) -> Any:
    return model.get_base_model() if hasattr(model, "get_base_model") else model
