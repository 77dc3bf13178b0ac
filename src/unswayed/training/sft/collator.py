"""From examples to tensors: the audit's prompt, the completion after it, and labels for the completion alone.

A prompt is rendered and tokenized with its images exactly as the audit does it, and its tokens are kept; the
completion's tokens follow, then the token that ends a turn. Where tokenizing prompt and completion as one
string keeps the prompt's tokens, the rest of it is the completion; otherwise the completion is tokenized
alone, which is how a model continues a prefill. Rows are padded on the right, so that positions count from
the first token in every model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch

from unswayed.backends.rendering import Rendered
from unswayed.backends.transformers.backend import token_ids
from unswayed.backends.transformers.batching import extend_inputs
from unswayed.errors import BadInput
from unswayed.training.augmentation import EncodedImages
from unswayed.training.prompt_batches import PromptBatcher
from unswayed.training.sft.example import Example
from unswayed.training.token_stats import thought_token_count

IGNORED = -100
"""Label of tokens that are not learned."""


class ExampleCollator(PromptBatcher):
    """Prepares examples for one model. Raises `BadInput` for what its template or tokenizer does not
    support."""

    def __init__(self, processor: Any, model: Any, name: str) -> None:
        configs = (model.config, model.config.get_text_config())
        ends = token_ids("eos_token_id", model.generation_config, *configs, processor.tokenizer)
        super().__init__(processor, name, sorted(ends))
        kinds = ("image_token_id", "video_token_id")
        self._image_tokens = set().union(*(token_ids(kind, *configs) for kind in kinds))
        self._encoded = EncodedImages()
        tokenizer = processor.tokenizer
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
        self._pad = int(tokenizer.pad_token_id)
        self.end = self._end_token()
        """The token that ends an assistant's turn."""

    def fitting(self, examples: Sequence[Example], longest: int) -> tuple[list[Example], Counter[str]]:
        """The examples whose completions have at most `longest` tokens (0: all), and counts of the others.

        No image is read. Raises `BadInput`, naming the example, where its text would reach the model as
        something else: an image's token, or the end of a turn.
        """
        kept, left_out = [], Counter[str]()
        for format in dict.fromkeys(each.format for each in examples):
            self.check_format(format)
        for each in examples:
            prompt = each.prompt((b"",) * len(each.question.images))
            tokens = self.completion_tokens(each, self._renderer.render(prompt))
            if longest and len(tokens) > longest:
                left_out[f"longer than {longest} tokens"] += 1
            else:
                kept.append(each)
        return kept, left_out

    def completion_tokens(self, example: Example, rendered: Rendered) -> list[int]:
        """The tokens that are learned after a rendered prompt: the completion, and the end of the turn."""
        text = example.completion
        if rendered.template_opening:  # the template has begun the turn: the completion continues it
            opened = rendered.template_opening.strip()
            if text.startswith(rendered.template_opening):
                text = text.removeprefix(rendered.template_opening)
            elif opened == example.format.open_thought.strip() and text.startswith(opened):
                text = text.removeprefix(opened)
            else:
                raise BadInput(
                    f"{self._name}: the chat template begins the turn with {rendered.template_opening!r}, "
                    f"and {example.source} does not; use a template that leaves the thought to the model"
                )
        prompt_tokens, all_tokens = self._tokens(rendered.text), self._tokens(rendered.text + text)
        if all_tokens[: len(prompt_tokens)] == prompt_tokens:
            tokens = all_tokens[len(prompt_tokens) :]
        else:
            tokens = list(self.processor.tokenizer(text, add_special_tokens=False)["input_ids"])
        special = {*self.ends, *self._image_tokens} & set(tokens)
        if special:
            token = self.words.decode(sorted(special)[:1])
            raise BadInput(f"{example.source}: holds {token!r}, a special token of {self._name}; remove it")
        if self.words.text(prompt_tokens, tokens) != text:
            raise BadInput(
                f"{example.source}: {self._name} has no tokens for some of its characters; replace them"
            )
        return [*tokens, self.end]

    def collate(self, examples: Sequence[Example]) -> dict[str, Any]:
        """The examples as the model learns from them.

        `input_ids`, `attention_mask`, `labels`: (rows, length); `thought`: (rows,) position after the last
        token of the thought, or of the prompt where the completion has none; `conditions`: names by row; and
        the processor's outputs for the images.
        """
        rows = [each.row(self._encoded.read(each.question)) for each in examples]
        batch = self.prepare(rows)
        completions = [
            self.completion_tokens(each, self._renderer.render(row.prompt))
            for each, row in zip(examples, rows, strict=True)
        ]
        features = {name: value for name, value in batch.features.items() if isinstance(value, torch.Tensor)}
        inputs: dict[str, Any] = dict(extend_inputs(features, completions, self._pad, left=False))
        labels = torch.full_like(inputs["input_ids"], IGNORED)
        thought_ends = []
        for i, (prompt, tokens, turn_start, row) in enumerate(
            zip(batch.ids, completions, batch.turn_starts, rows, strict=True)
        ):
            labels[i, len(prompt) : len(prompt) + len(tokens)] = torch.tensor(tokens)
            thought = thought_token_count(self.words, prompt, tokens, turn_start, row.prompt.format)
            thought_ends.append(len(prompt) + thought)
        return inputs | {
            "labels": labels,
            "thought": torch.tensor(thought_ends),
            "conditions": [each.condition for each in examples],
        }

    def _end_token(self) -> int:
        """The end token that the template writes after an assistant's turn, or else the tokenizer's."""
        separator = self._renderer.turn_separator()
        closing = self.processor.tokenizer(separator, add_special_tokens=False)["input_ids"]
        for token in (*closing, self.processor.tokenizer.eos_token_id):
            if token in self.ends:
                return int(token)
        raise BadInput(
            f"{self._name}: neither chat template nor tokenizer defines how a turn ends; set eos_token in "
            "tokenizer_config.json"
        )
