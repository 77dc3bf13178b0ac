"""From examples to tensors: the audit's own prompt, the completion behind it, and labels for that alone.

Decided here: a prompt is rendered and tokenized with its pictures exactly as the audit does it, and its
tokens stay what they are; the completion's tokens follow, then the token that ends a turn. Where tokenizing
prompt and completion as one string leaves the prompt's tokens as they were, the rest of it is the completion;
else it is tokenized alone, which is how a model goes on behind a prefill. Rows are padded on the right, so
that positions count from the first token in every model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch

from unswayed.backends.rendering import Rendered
from unswayed.backends.transformers.backend import token_ids
from unswayed.backends.transformers.batching import longer
from unswayed.errors import BadInput
from unswayed.training.augmentation import Album
from unswayed.training.grpo.prompt_batches import Desk
from unswayed.training.sft.example import Example
from unswayed.training.token_stats import border

IGNORED = -100
"""Label of what is not learnt."""
_OPEN = "<think>"


class Sheet(Desk):
    """Prepares examples for one model. Raises `BadInput` for what its template or tokenizer cannot take."""

    def __init__(self, processor: Any, model: Any, name: str) -> None:
        configs = (model.config, model.config.get_text_config())
        ends = token_ids("eos_token_id", model.generation_config, *configs, processor.tokenizer)
        super().__init__(processor, name, sorted(ends))
        kinds = ("image_token_id", "video_token_id")
        self._pictures = set().union(*(token_ids(kind, *configs) for kind in kinds))
        self._read = Album()
        tokenizer = processor.tokenizer
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
        self._pad = int(tokenizer.pad_token_id)
        self.end = self._ending()
        """The token that ends an assistant's turn."""

    def fitting(self, examples: Sequence[Example], longest: int) -> tuple[list[Example], Counter[str]]:
        """The examples whose completions have at most `longest` tokens (0: all), and why others are out.

        No picture is read. Raises `BadInput`, naming the example, where words of it would reach the model as
        something else: a picture's mark, or the end of a turn.
        """
        kept, out = [], Counter[str]()
        for each in examples:
            prompt = each.prompt((b"",) * len(each.question.images))
            tokens = self.completion(each, self._renderer.render(prompt))
            if longest and len(tokens) > longest:
                out[f"longer than {longest} tokens"] += 1
            else:
                kept.append(each)
        return kept, out

    def completion(self, example: Example, said: Rendered) -> list[int]:
        """The tokens that are learnt behind a rendered prompt: the words, and the end of the turn."""
        text = example.said
        if said.given:  # the template has begun the turn: the words go on from there
            if text.startswith(said.given):
                text = text.removeprefix(said.given)
            elif said.given.strip() == _OPEN and text.startswith(_OPEN):
                text = text.removeprefix(_OPEN)
            else:
                raise BadInput(
                    f"{self._name}: the chat template begins the turn with {said.given!r}, which "
                    f"{example.source} does not; use a template that leaves the thought to the model"
                )
        start, whole = self._tokens(said.text), self._tokens(said.text + text)
        if whole[: len(start)] == start:
            tokens = whole[len(start) :]
        else:
            tokens = list(self.processor.tokenizer(text, add_special_tokens=False)["input_ids"])
        bound = {*self.ends, *self._pictures} & set(tokens)
        if bound:
            mark = self.words.decode(sorted(bound)[:1])
            raise BadInput(f"{example.source}: holds {mark!r}, which means something else to {self._name}")
        if self.words.text(start, tokens) != text:
            raise BadInput(f"{example.source}: {self._name} has no tokens for some of its characters")
        return [*tokens, self.end]

    def page(self, examples: Sequence[Example]) -> dict[str, Any]:
        """The examples as a model learns from them.

        `input_ids`, `attention_mask`, `labels`: (rows, length); `thought`: (rows,) place behind the last
        token of the thought, or of the prompt where the completion has none; `conditions`: their names, by
        row; and whatever the processor makes of the pictures.
        """
        rows = [each.row(self._read.read(each.question)) for each in examples]
        made = self.batch(rows)
        learnt = [
            self.completion(each, self._renderer.render(row.prompt))
            for each, row in zip(examples, rows, strict=True)
        ]
        features = {name: value for name, value in made.features.items() if isinstance(value, torch.Tensor)}
        page: dict[str, Any] = dict(longer(features, learnt, self._pad, left=False))
        labels = torch.full_like(page["input_ids"], IGNORED)
        thought = []
        for i, (prompt, tokens, begun) in enumerate(zip(made.ids, learnt, made.opened, strict=True)):
            labels[i, len(prompt) : len(prompt) + len(tokens)] = torch.tensor(tokens)
            thought.append(len(prompt) + border(self.words, prompt, tokens, begun))
        return page | {
            "labels": labels,
            "thought": torch.tensor(thought),
            "conditions": [each.condition for each in examples],
        }

    def _ending(self) -> int:
        """The end token that the template writes behind an assistant's turn, or else the tokenizer's."""
        behind = self.processor.tokenizer(self._renderer.closing(), add_special_tokens=False)["input_ids"]
        for token in (*behind, self.processor.tokenizer.eos_token_id):
            if token in self.ends:
                return int(token)
        raise BadInput(f"{self._name}: neither chat template nor tokenizer tells how a turn ends")
