"""From prompts to tensors, and which prompts share a batch.

Prompts of similar length share a batch, padded on the left. A batch that is too large for the memory
is halved; one that the processor refuses is halved until the faulty prompt is alone, so that
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

MAX_ROWS = 128
"""Rows of a batch whose size is chosen automatically."""
MAX_PIXELS = 300_000_000
"""Decoded pixels kept at once, three bytes each."""
_UNKNOWN_BUDGET = 65_536


@dataclass(eq=False)
class BatchItem:
    """One prompt to be computed."""

    index: int
    """Its position in the call."""
    rendered: Rendered
    images: tuple[bytes, ...]
    """Encoded, all of them known to be readable."""
    length: int
    """Tokens of its text; pictures count as one each."""
    seconds: float = 0.0
    """Its share of the time of the batches it was in."""
    error: str | None = None
    tokens: list[int] = field(default_factory=list)
    """Tokens that follow the prompt already."""
    state: Any = None
    """The caller's own state."""


class ImageCache:
    """Decoded pictures, so that each is decoded once for all conditions that show it.

    Emptied beyond `MAX_PIXELS`: many large pictures cost time rather than memory.
    """

    def __init__(self) -> None:
        self._opened: dict[bytes, PILImage.Image | BadImage] = {}
        self._pixels = 0

    def open(self, data: bytes, name: str = "") -> PILImage.Image:
        """The picture as RGB pixels. Raises `BadImage`; the second time, too."""
        if data not in self._opened:
            try:
                picture = open_rgb(data, name)
                self._pixels += picture.width * picture.height
                result: PILImage.Image | BadImage = picture
            except BadImage as problem:
                result = problem
            if self._pixels > MAX_PIXELS:
                self._opened.clear()
                self._pixels = 0
            self._opened[data] = result
        opened = self._opened[data]
        if isinstance(opened, BadImage):
            raise opened
        return opened


Inputs = dict[str, torch.Tensor]
I = TypeVar("I", bound=BatchItem)  # noqa: E741


def prepare_items(
    prompts: Sequence[Prompt], images: ImageCache, renderer: Renderer, tokenizer: Any
) -> list[BatchItem]:
    """Render prompts and decode their pictures. Those that fail have `BatchItem.error`."""
    items = []
    for index, prompt in enumerate(prompts):
        try:
            for i, data in enumerate(prompt.images):
                images.open(data, f"{i + 1} of {len(prompt.images)}")
            items.append(BatchItem(index, renderer.render(prompt), prompt.images, 0))
        except UnswayedError as problem:
            items.append(BatchItem(index, Rendered(""), (), 0, error=str(problem)))
    good = [item for item in items if item.error is None]
    if good:
        lengths = tokenizer([item.rendered.text for item in good], add_special_tokens=False)["input_ids"]
        for item, ids in zip(good, lengths, strict=True):
            item.length = len(ids)
    return items


class Batcher:
    """Cuts items into batches that fit, and makes their tensors."""

    def __init__(self, processor: Any, renderer: Renderer, model: Any, batch_size: int | None) -> None:
        """`batch_size`: rows of a batch; None: as many as seem to fit."""
        self._processor = processor
        self._renderer = renderer
        self._model = model
        self.rows = batch_size or MAX_ROWS
        """Reduced for good once a batch was too large."""
        self._auto = batch_size is None
        tokenizer = processor.tokenizer
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
        self.pad = int(tokenizer.pad_token_id)

    def run(
        self, todo: Sequence[I], images: ImageCache, new: int, work: Callable[[list[I], Inputs], None]
    ) -> None:
        """Call `work` with every item, a batch at a time. Items that fail get their `error`.

        `new`: tokens that a row may grow by, for the memory. `work` may be called again for an item
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
                inputs = self._inputs(batch, images)
            except Exception as problem:  # a processor may raise anything for a strange picture
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
        """Batches of equally many pictures and similar length; the longest first."""
        order = sorted(todo, key=lambda i: (-len(i.images), -i.length - len(i.tokens), i.index))
        batches: list[list[I]] = []
        for item in order:
            fits = batches and len(batches[-1]) < self.rows
            if fits and len(batches[-1][0].images) == len(item.images):
                batches[-1].append(item)
            else:
                batches.append([item])
        return batches

    def _inputs(self, batch: Sequence[BatchItem], images: ImageCache) -> Inputs:
        texts = [item.rendered.text for item in batch]
        pictures = (
            [[images.open(data) for data in item.images] for item in batch] if batch[0].images else None
        )
        features = self._processor(
            text=texts,
            images=pictures,
            padding=True,
            padding_side="left",
            add_special_tokens=self._renderer.adds_special_tokens(texts[0]),
            return_tensors="pt",
        )
        inputs = dict(features)
        if any(item.tokens for item in batch):
            inputs = extend_inputs(inputs, [item.tokens for item in batch], self.pad)
        device, dtype = self._model.device, self._model.dtype
        return {
            k: v.to(device, dtype) if v.is_floating_point() else v.to(device)
            for k, v in inputs.items()
            if isinstance(v, torch.Tensor)
        }


def extend_inputs(inputs: Inputs, tokens: Sequence[list[int]], pad: int, *, left: bool = True) -> Inputs:
    """`inputs` with `tokens` appended to each row, padded anew on the left or right; they count as text."""
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
    """Whether a device or the machine ran out of memory."""
    if isinstance(problem, (torch.OutOfMemoryError, MemoryError)):
        return True
    text = str(problem).lower()
    return isinstance(problem, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)


def token_budget(model: Any) -> int:
    """Tokens (prompt and new, over all rows) whose keys and values fit into the free memory.

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
