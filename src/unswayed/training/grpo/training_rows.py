"""Which question and which group member each row of the training data is, and the order of the rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from unswayed.question import Question
from unswayed.training import augmentation
from unswayed.training.augmentation import EncodedImages, TrainingPrompt
from unswayed.training.config.grpo import GrpoConfig

_CHECKED_QUESTIONS = 8


class TrainingRows:
    """The rollouts to be made: row ``q * G + j`` is member j of the group of question q."""

    def __init__(self, questions: Sequence[Question], config: GrpoConfig) -> None:
        self._questions, self._config = questions, config
        self._images = EncodedImages()

    def __len__(self) -> int:
        return len(self._questions) * self._config.grpo.num_generations

    def prompt(self, row: int) -> TrainingPrompt:
        """The prompt of a row, under its condition."""
        config, size = self._config, self._config.grpo.num_generations
        question, member = self._questions[row // size], row % size
        name = augmentation.group_conditions(question, config.seed, config.augment, size)[member]
        return self._build(question, name)

    def collate(self, features: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """TRL's inputs for rows of the dataset: the prompt as messages, for its log, and as our own
        object."""
        rows = [self.prompt(feature["place"]) for feature in features]
        return [{"prompt": _messages(row), "row": row} for row in rows]

    def examples_of_each_condition(self) -> list[TrainingPrompt]:
        """The first questions under every condition that has a share."""
        shares = self._config.augment.by_condition()
        return [
            self._build(question, name)
            for question in self._questions[:_CHECKED_QUESTIONS]
            for name, share in shares.items()
            if share
        ]

    def _build(self, question: Question, name: str) -> TrainingPrompt:
        images = self._images.read(question)
        return augmentation.build_prompt(
            question, name, self._config.seed, images, self._config.prompt_format
        )


class GroupSampler(torch.utils.data.Sampler[int]):
    """TRL's order of questions, with the position in the group: question q, rollout j is row q * size + j.

    TRL's sampler draws a new order each time it is iterated, so a run that resumes in a later pass over the
    data would begin with the order of the first pass. Here the orders of earlier passes are drawn first.
    """

    def __init__(self, order: Any, size: int) -> None:
        self._order = order
        self._size = size
        self._epoch = self._drawn = 0

    def set_epoch(self, epoch: int) -> None:
        """The trainer calls this before every pass over the data, with its number from 0."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        while self._drawn < self._epoch:
            for _ in self._order:
                pass
            self._drawn += 1
        self._drawn += 1
        for n, question in enumerate(self._order):
            yield int(question) * self._size + n % self._size

    def __len__(self) -> int:
        return len(self._order)


def _messages(row: TrainingPrompt) -> list[dict[str, str]]:
    """The prompt for TRL's log of completions; what the model reads is rendered by `PromptBatcher`."""
    p = row.prompt
    messages = [{"role": "system", "content": p.system}] if p.system else []
    messages.append({"role": "user", "content": p.text})
    return messages + ([{"role": "assistant", "content": p.prefill}] if p.prefill else [])
