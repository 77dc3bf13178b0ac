"""From rows to what the model reads while training, by the very renderer of the audit.

Decided here: prompt and prefill are one string, tokenized together, and the rollout goes on behind its
last token; equal prompts go through the processor once, however many rollouts they have; a chat template
or tokenizer of which it cannot be proved that prompt and prefill stay a prefix of the whole is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from unswayed.backends.rendering import Rendered, Renderer
from unswayed.backends.transformers.batching import Album
from unswayed.backends.transformers.decoding import Words
from unswayed.conditions import OPEN_THINK, Prompt
from unswayed.errors import BadInput
from unswayed.training.augmentation import Row

_GOES_ON = (" So", " But I look again.", " it is (A).</think><answer>(A)</answer>")
"""What a model may write behind an open thought; each begins at a word."""


@dataclass
class Batch:
    """Rows as tensors."""

    ids: list[list[int]]
    """Prompt and prefill, without padding."""
    features: Any
    """What the processor gives for all rows: `input_ids` (rows, length) padded on the left, pictures."""
    images: list[list[Any]] | None
    """Decoded pictures by row; None where no row has any."""
    opened: list[str]
    """How each assistant turn begins: its prefill, or what the template itself wrote."""
    which: list[int]
    """Which of the different prompts each row has."""


class Desk:
    """Prepares rows for one processor. Raises `BadInput` for a template that cannot be proved."""

    def __init__(self, processor: Any, name: str, ends: Sequence[int]) -> None:
        """`ends`: tokens that end a turn."""
        self.processor = processor
        self.words = Words(processor.tokenizer, ends, ())
        self.ends = frozenset(ends)
        self._name = name
        self._renderer = Renderer(processor, name)
        self._album = Album()

    def prove(self, rows: Sequence[Row]) -> None:
        """Check on real rows that prefills reach the model open, and stay a prefix of the whole.

        Raises `BadInput` where the tokens of a rendered prompt do not end in the words of its prefill,
        or are no prefix of the tokens of prompt and continuation.
        """
        for row in rows:
            if not row.prompt.prefill.startswith(OPEN_THINK):
                continue
            said = self._renderer.render(row.prompt)
            start = self._tokens(said.text)
            told = self.words.decode(start)
            if not said.text.endswith(row.prompt.prefill) or not told.endswith(row.prompt.prefill):
                raise BadInput(
                    f"{self._name}: the chat template does not leave {row.prompt.prefill!r} as it is at "
                    "the end; use a template that continues it, or train without augmented thoughts"
                )
            for more in _GOES_ON:
                if self._tokens(said.text + more)[: len(start)] != start:
                    raise BadInput(
                        f"{self._name}: the tokens of {row.prompt.prefill!r} change when {more!r} follows; "
                        "this tokenizer cannot continue a thought, so train without augmented thoughts"
                    )

    def batch(self, rows: Sequence[Row]) -> Batch:
        """The rows as the model reads them. Raises `BadInput`, `BadImage` as the audit would."""
        where: list[int] = []
        distinct: dict[Prompt, int] = {}
        for row in rows:
            where.append(distinct.setdefault(row.prompt, len(distinct)))
        prompts = list(distinct)
        said = [self._renderer.render(prompt) for prompt in prompts]
        pictures = [[self._album.open(data) for data in prompt.images] for prompt in prompts]
        counts = [len(p) for p in pictures]
        features = self._process(said, pictures if any(counts) else None)
        if len(prompts) < len(rows):
            if set(counts) == {1} or not any(counts):
                _spread(features, where)
            else:  # how such a processor lays out its pictures is not known: process them all
                some = [pictures[w] for w in where]
                features = self._process([said[w] for w in where], some)
        ids, mask = features["input_ids"], features["attention_mask"].bool()
        return Batch(
            [row[keep].tolist() for row, keep in zip(ids, mask, strict=True)],
            features,
            [pictures[w] for w in where] if any(counts) else None,
            [prompts[w].prefill or said[w].given for w in where],
            where,
        )

    def read(self, prompt: Sequence[int], tokens: Sequence[int]) -> tuple[str, str]:
        """Text and finish of a rollout's tokens behind its prompt's, as the audit reads them."""
        ended = bool(tokens) and tokens[-1] in self.ends
        return self.words.text(prompt, tokens), "stop" if ended else "length"

    def _process(self, said: Sequence[Rendered], pictures: list[list[Any]] | None) -> Any:
        texts = [s.text for s in said]
        return self.processor(
            text=texts,
            images=pictures,
            padding=True,
            padding_side="left",
            add_special_tokens=self._renderer.special(texts[0]),
            return_tensors="pt",
        )

    def _tokens(self, text: str) -> list[int]:
        special = self._renderer.special(text)
        return list(self.processor.tokenizer(text, add_special_tokens=special)["input_ids"])


def _spread(features: Any, where: Sequence[int]) -> None:
    """Repeat what was processed once for every row that shows it: one picture a row, or none."""
    index = torch.tensor(where)
    grid = features.get("image_grid_thw")
    for name in list(features):
        value = features[name]
        if name == "pixel_values" and grid is not None:  # patches of all pictures in one long row
            pieces = torch.split(value, grid.prod(-1).tolist())
            features[name] = torch.cat([pieces[w] for w in where])
        elif isinstance(value, torch.Tensor):
            features[name] = value[index]


class Facade:
    """The processor while rollouts are made: what it is asked to do again is already done.

    TRL renders and processes every rollout's prompt a second time for the training forward. Here the
    first result is handed out; everything else is the processor's own.
    """

    def __init__(self, processor: Any, batch: Batch) -> None:
        self._processor = processor
        self._batch = batch

    def __call__(self, **_: Any) -> Any:
        return self._batch.features

    def apply_chat_template(self, *_: Any, **__: Any) -> str:
        return ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._processor, name)
