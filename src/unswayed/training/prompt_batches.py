"""From prompts to the tensors that the model is trained on, with the audit's own renderer.

Prompt and prefill are one string and are tokenized together; a rollout continues after its last token. Equal
prompts are processed once, however many rollouts they have. A chat template or tokenizer is refused unless
prompt and prefill are shown to stay a prefix of the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from unswayed.backends.rendering import Rendered, Renderer
from unswayed.backends.transformers.batching import ImageCache
from unswayed.backends.transformers.decoding import TokenDecoder
from unswayed.conditions import Prompt
from unswayed.errors import BadInput
from unswayed.formats import Format
from unswayed.training.augmentation import TrainingPrompt


def _continuations(format: Format) -> tuple[str, ...]:
    """What a model may write after an open thought; each begins at a word boundary."""
    return " So", " But I look again.", f" it is (A).{format.close_thought}{format.write_answer('(A)')}"


@dataclass
class PromptBatch:
    """Prompts as tensors."""

    ids: list[list[int]]
    """Tokens of prompt and prefill, without padding."""
    features: Any
    """The processor's output for all rows: `input_ids` (rows, length) padded on the left, images."""
    images: list[list[Any]] | None
    """Decoded images by row; None where no row has any."""
    turn_starts: list[str]
    """How each assistant turn begins: its prefill, or what the template wrote."""
    prompt_index: list[int]
    """Index of each row's prompt among the distinct prompts."""


class PromptBatcher:
    """Prepares prompts for one processor. Raises `BadInput` for a template that fails the check."""

    def __init__(self, processor: Any, name: str, ends: Sequence[int]) -> None:
        """`ends`: tokens that end a turn."""
        self.processor = processor
        self.words = TokenDecoder(processor.tokenizer, ends, ())
        self.ends = frozenset(ends)
        self._name = name
        self._renderer = Renderer(processor, name)
        self._images = ImageCache()

    def check_prefills(self, rows: Sequence[TrainingPrompt]) -> None:
        """Checks on real prompts that prefills reach the model open and stay a prefix of the whole.

        Raises `BadInput` where the tokens of a rendered prompt do not end in the words of its prefill, or are
        not a prefix of the tokens of prompt and continuation.
        """
        for row in rows:
            prefill, format = row.prompt.prefill, row.prompt.format
            if format.thought is None or not prefill.startswith(format.open_thought):
                continue
            text = self._renderer.render(row.prompt).text
            tokens = self._tokens(text)
            if not text.endswith(prefill) or not self.words.decode(tokens).endswith(prefill):
                raise BadInput(
                    f"{self._name}: the chat template does not keep {prefill!r} at the end of the prompt; "
                    "use a template that continues it, or train without augmented thoughts"
                )
            for continuation in _continuations(format):
                if self._tokens(text + continuation)[: len(tokens)] != tokens:
                    raise BadInput(
                        f"{self._name}: the tokens of {prefill!r} change when {continuation!r} follows; "
                        "this tokenizer cannot continue a thought, so train without augmented thoughts"
                    )

    def check_format(self, format: Format) -> None:
        """Raises `BadInput` where the model's chat template does not fit the prompt format."""
        self._renderer.check_format(format)

    def prepare(self, rows: Sequence[TrainingPrompt]) -> PromptBatch:
        """The prompts as the model reads them. Raises `BadInput`, `BadImage` as the audit would."""
        index: list[int] = []
        distinct: dict[Prompt, int] = {}
        for row in rows:
            index.append(distinct.setdefault(row.prompt, len(distinct)))
        prompts = list(distinct)
        rendered = [self._renderer.render(prompt) for prompt in prompts]
        images = [[self._images.open(data) for data in prompt.images] for prompt in prompts]
        counts = [len(own) for own in images]
        features = self._process(rendered, images if any(counts) else None)
        if len(prompts) < len(rows):
            if set(counts) == {1} or not any(counts):
                _repeat_rows(features, index)
            else:  # the layout of several images differs between processors: process every row
                features = self._process([rendered[i] for i in index], [images[i] for i in index])
        ids, mask = features["input_ids"], features["attention_mask"].bool()
        return PromptBatch(
            [row[keep].tolist() for row, keep in zip(ids, mask, strict=True)],
            features,
            [images[i] for i in index] if any(counts) else None,
            [prompts[i].prefill or rendered[i].template_opening for i in index],
            index,
        )

    def decode(self, prompt: Sequence[int], tokens: Sequence[int]) -> tuple[str, str]:
        """Text and finish reason of a rollout's tokens after its prompt's, as the audit reads them."""
        ended = bool(tokens) and tokens[-1] in self.ends
        return self.words.text(prompt, tokens), "stop" if ended else "length"

    def _process(self, rendered: Sequence[Rendered], images: list[list[Any]] | None) -> Any:
        texts = [each.text for each in rendered]
        return self.processor(
            text=texts,
            images=images,
            padding=True,
            padding_side="left",
            add_special_tokens=self._renderer.adds_special_tokens(texts[0]),
            return_tensors="pt",
        )

    def _tokens(self, text: str) -> list[int]:
        special = self._renderer.adds_special_tokens(text)
        return list(self.processor.tokenizer(text, add_special_tokens=special)["input_ids"])


def _repeat_rows(features: Any, index: Sequence[int]) -> None:
    """Repeats what was processed once for every row that has it: one image per row, or none."""
    rows = torch.tensor(index)
    grid = features.get("image_grid_thw")
    for name in list(features):
        value = features[name]
        if name == "pixel_values" and grid is not None:  # patches of all images in one long tensor
            pieces = torch.split(value, grid.prod(-1).tolist())
            features[name] = torch.cat([pieces[i] for i in index])
        elif isinstance(value, torch.Tensor):
            features[name] = value[rows]


class PrecomputedProcessor:
    """Stands in for the processor while TRL makes rollouts, and returns the batch that is processed already.

    TRL renders and processes every rollout's prompt a second time for the training forward pass. Everything
    else is the processor's own.
    """

    def __init__(self, processor: Any, batch: PromptBatch) -> None:
        self._processor = processor
        self._batch = batch

    def __call__(self, **_: Any) -> Any:
        return self._batch.features

    def apply_chat_template(self, *_: Any, **__: Any) -> str:
        return ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._processor, name)
