"""One training example: a question under a condition, and the completion to learn."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from unswayed import conditions
from unswayed.conditions import NotAsked, Prompt
from unswayed.errors import BadInput
from unswayed.formats import COMMON, Format
from unswayed.question import Cues, Question
from unswayed.training.augmentation import TrainingPrompt


@dataclass(frozen=True)
class PromptText:
    """The exact strings of a stored trial's prompt."""

    system: str
    text: str
    prefill: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class Example:
    """What is learned from one question; images are read late."""

    question: Question
    condition: str
    completion: str
    """The assistant's turn after the condition's prefill; all of it where there is none."""
    source: str
    """Where it comes from, for messages: file and line, or run and trial."""
    prompt_text: PromptText | None = None
    """The stored prompt; None: the prompt that an audit makes now."""
    format: Format = COMMON

    def prompt(self, images: tuple[bytes, ...]) -> Prompt:
        """The model's input; `images` are the encoded images that it sees."""
        if self.prompt_text is not None:
            t = self.prompt_text
            return Prompt(t.system, t.text, t.prefill, images, t.options, format=self.format)
        condition = conditions.condition(self.condition)
        prompt = conditions.build_prompt(self.question, Cues(), condition, images, self.format)
        if isinstance(prompt, NotAsked):
            raise BadInput(f"{self.source}: {self.condition} needs a cue, and examples have none")
        return prompt

    def row(self, images: tuple[bytes, ...]) -> TrainingPrompt:
        """The prompt as the audit puts it; `images` are the question's encoded files."""
        if conditions.condition(self.condition).blank:
            images = tuple(conditions.blank(data) for data in images)
        return TrainingPrompt(self.question, self.condition, self.prompt(images))


def examples_digest(examples: Iterable[Example]) -> str:
    """SHA-256 of everything that is learned, without the images."""
    sha = hashlib.sha256()
    for each in examples:
        prompt = each.prompt(())
        identity = [each.question.benchmark, each.question.uid, each.condition, prompt.system, prompt.text]
        sha.update(json.dumps([*identity, prompt.prefill, each.completion]).encode() + b"\n")
    return sha.hexdigest()
