"""From prompts to tensors, and which prompts go through the model together.

Prompts of like length share a batch, padded on the left. A batch that is too large for the memory
is halved; one that the processor refuses is halved until the prompt at fault stands alone, so that
it fails alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from PIL import Image as PILImage

from unswayed.backends.rendering import Rendered, Renderer
from unswayed.conditions import Prompt
from unswayed.errors import BadImage, UnswayedError
from unswayed.images import open_rgb

MOST_ROWS = 128
"""Rows of a batch whose size is left to this module."""
MOST_PIXELS = 300_000_000
"""Decoded pixels kept at once, three bytes each."""
_UNKNOWN_BUDGET = 65_536


@dataclass(eq=False)
class Item:
    """One prompt on its way through the model."""

    place: int
    """Where it stands in the call."""
    rendered: Rendered
    images: tuple[bytes, ...]
    """Encoded, all of them known to be readable."""
    length: int
    """Tokens of its text; pictures count as one each."""
    seconds: float = 0.0
    """Its share of the time of the batches it was in."""
    error: str | None = None
    tokens: list[int] = field(default_factory=list)
    """Tokens that stand behind the prompt already."""
    state: Any = None
    """What the caller keeps beside it."""


class Album:
    """Decoded pictures, so that each is decoded once for all conditions that show it.

    Beyond `MOST_PIXELS` it starts afresh: many large pictures cost time rather than memory.
    """

    def __init__(self) -> None:
        self._opened: dict[bytes, PILImage.Image | BadImage] = {}
        self._pixels = 0

    def open(self, data: bytes, name: str = "") -> PILImage.Image:
        """The picture as RGB pixels. Raises `BadImage`; the second time, too."""
        if data not in self._opened:
            try:
                picture = open_rgb(data, name)
                found: PILImage.Image | BadImage = picture
                self._pixels += picture.width * picture.height
            except BadImage as problem:
                found = problem
            if self._pixels > MOST_PIXELS:
                self._opened.clear()
                self._pixels = 0
            self._opened[data] = found
        known = self._opened[data]
        if isinstance(known, BadImage):
            raise known
        return known


Inputs = dict[str, torch.Tensor]
I = TypeVar("I", bound=Item)  # noqa: E741


def items(prompts: Sequence[Prompt], album: Album, renderer: Renderer, tokenizer: Any) -> list[Item]:
    """Render prompts and try their pictures. What fails has `Item.error`."""
    found = []
    for place, prompt in enumerate(prompts):
        try:
            for i, data in enumerate(prompt.images):
                album.open(data, f"{i + 1} of {len(prompt.images)}")
            found.append(Item(place, renderer.render(prompt), prompt.images, 0))
        except UnswayedError as problem:
            found.append(Item(place, Rendered(""), (), 0, error=str(problem)))
    good = [item for item in found if item.error is None]
    if good:
        lengths = tokenizer([item.rendered.text for item in good], add_special_tokens=False)["input_ids"]
        for item, ids in zip(good, lengths, strict=True):
            item.length = len(ids)
    return found


class Batcher:
    """Cuts items into batches that fit, and makes their tensors."""

    def __init__(self, processor: Any, renderer: Renderer, model: Any, batch_size: int | None) -> None:
        """`batch_size`: rows of a batch; None: as many as seem to fit."""
        self._processor = processor
        self._renderer = renderer
        self._model = model
        self.rows = batch_size or MOST_ROWS
        """Shrinks for good once a batch was too large."""
        self._auto = batch_size is None
        tokenizer = processor.tokenizer
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
        self.pad = int(tokenizer.pad_token_id)

    def run(self, todo: Sequence[I], album: Album, new: int, work: Callable[[list[I], Inputs], None]) -> None:
        """Call `work` with every item, a batch at a time. Items it cannot do get their `error`.

        `new`: most tokens that a row may get, for the memory. `work` may be called again for an item
        whose batch failed. Raises what `work` raises, unless smaller batches may help.
        """
        queue = self._cut(todo)
        budget = token_budget(self._model) if self._auto else None
        while queue:
            batch = queue.pop(0)
            if len(batch) > self.rows:
                queue[:0] = self._cut(batch)
                continue
            try:
                inputs = self._inputs(batch, album)
            except Exception as problem:  # what a processor raises for a strange picture, anything goes
                if len(batch) > 1:
                    queue[:0] = halves(batch)
                else:
                    batch[0].error = f"the model's processor refuses this prompt: {problem}"
                continue
            if budget and len(batch) > 1 and inputs["input_ids"].shape[1] + new > budget // len(batch):
                queue[:0] = halves(batch)
                continue
            try:
                work(batch, inputs)
            except (ValueError, IndexError) as problem:  # what a model raises for a prompt it cannot take
                if len(batch) > 1:
                    queue[:0] = halves(batch)
                else:
                    batch[0].error = f"the model refuses this prompt: {problem}"
            except Exception as problem:
                if not is_out_of_memory(problem):
                    raise
                del inputs
                _free()
                if len(batch) == 1:
                    batch[0].error = (
                        "out of memory with a single prompt; use a smaller dtype (bfloat16), smaller "
                        "pictures, fewer tokens or a larger device"
                    )
                else:
                    self.rows = max(1, len(batch) // 2)
                    queue[:0] = halves(batch)

    def _cut(self, todo: Sequence[I]) -> list[list[I]]:
        """Like goes with like: as many pictures, about as many tokens. The longest first."""
        order = sorted(todo, key=lambda i: (-len(i.images), -i.length - len(i.tokens), i.place))
        batches: list[list[I]] = []
        for item in order:
            fits = batches and len(batches[-1]) < self.rows
            if fits and len(batches[-1][0].images) == len(item.images):
                batches[-1].append(item)
            else:
                batches.append([item])
        return batches

    def _inputs(self, batch: Sequence[Item], album: Album) -> Inputs:
        texts = [item.rendered.text for item in batch]
        pictures = [[album.open(data) for data in item.images] for item in batch] if batch[0].images else None
        features = self._processor(
            text=texts,
            images=pictures,
            padding=True,
            padding_side="left",
            add_special_tokens=self._renderer.special(texts[0]),
            return_tensors="pt",
        )
        inputs = dict(features)
        if any(item.tokens for item in batch):
            inputs = longer(inputs, [item.tokens for item in batch], self.pad)
        device, dtype = self._model.device, self._model.dtype
        return {
            k: v.to(device, dtype) if v.is_floating_point() else v.to(device)
            for k, v in inputs.items()
            if isinstance(v, torch.Tensor)
        }


def longer(inputs: Inputs, tokens: Sequence[list[int]], pad: int, *, left: bool = True) -> Inputs:
    """`inputs` with `tokens` behind each row, padded anew on the left or right; they count as text."""
    shape = inputs["input_ids"].shape
    mask = inputs["attention_mask"].bool()
    lengths = mask.sum(1).tolist()
    total = max(n + len(t) for n, t in zip(lengths, tokens, strict=True))
    out = dict(inputs)
    for name, value in inputs.items():
        if value.shape != shape or not (name.endswith("_ids") or name == "attention_mask"):
            continue
        grown = value.new_full((shape[0], total), pad if name == "input_ids" else 0)
        for i, (n, more) in enumerate(zip(lengths, tokens, strict=True)):
            end = total if left else n + len(more)
            middle = end - len(more)
            grown[i, middle - n : middle] = value[i, mask[i]]
            if name == "input_ids" and more:
                grown[i, middle:end] = torch.tensor(more)
            elif name == "attention_mask":
                grown[i, middle:end] = 1
        out[name] = grown
    return out


def halves(batch: list[I]) -> list[list[I]]:
    middle = (len(batch) + 1) // 2
    return [batch[:middle], batch[middle:]]


def is_out_of_memory(problem: BaseException) -> bool:
    """Whether a device, or the machine, ran out of memory."""
    if isinstance(problem, (torch.OutOfMemoryError, MemoryError)):
        return True
    text = str(problem).lower()
    return isinstance(problem, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)


def token_budget(model: Any) -> int:
    """Tokens (prompt and new, over all rows) whose keys and values fit into what memory is free.

    Half of a GPU's free memory, or an eighth of the machine's, for keys and values; the rest is for
    activations, and for a copy while they grow.
    """
    text = model.config.get_text_config()
    try:
        heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
        width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
        bytes_a_token = 2 * text.num_hidden_layers * heads * width * model.dtype.itemsize
        if model.device.type == "cuda":
            free = torch.cuda.mem_get_info(model.device)[0] // 2
        else:
            free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 8
    except (AttributeError, TypeError, ValueError, OSError):
        return _UNKNOWN_BUDGET
    return int(max(1, free // bytes_a_token))


def _free() -> None:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
