"""One example: a question put under a condition, and what the model is to say behind the prefill."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from unswayed import conditions
from unswayed.conditions import NotAsked, Prompt
from unswayed.errors import BadInput
from unswayed.question import Cues, Question
from unswayed.training.augmentation import Row


@dataclass(frozen=True)
class Wording:
    """The exact strings with which a stored trial was asked."""

    system: str
    text: str
    prefill: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class Example:
    """What is learnt from one question; pictures are read late."""

    question: Question
    condition: str
    said: str
    """The rest of the assistant's turn, behind the condition's prefill; all of it where there is none."""
    source: str
    """Where it comes from, for messages: file and line, or run and trial."""
    wording: Wording | None = None
    """How it is asked; None: as an audit asks it now."""

    def prompt(self, shown: tuple[bytes, ...]) -> Prompt:
        """What reaches the model; `shown` are the encoded pictures that it sees."""
        if self.wording is not None:
            w = self.wording
            return Prompt(w.system, w.text, w.prefill, shown, w.options)
        found = conditions.put(self.question, Cues(), conditions.condition(self.condition), shown)
        if isinstance(found, NotAsked):
            raise BadInput(f"{self.source}: {self.condition} needs a cue, and no example brings one")
        return found

    def row(self, images: tuple[bytes, ...]) -> Row:
        """As the audit puts it to the model; `images` are the question's encoded files."""
        if conditions.condition(self.condition).blank:
            images = tuple(conditions.blank(data) for data in images)
        return Row(self.question, self.condition, self.prompt(images))


def digest(examples: Iterable[Example]) -> str:
    """SHA-256 of all that is learnt, but for the pictures."""
    found = hashlib.sha256()
    for each in examples:
        prompt = each.prompt(())
        asked = [each.question.benchmark, each.question.uid, each.condition, prompt.system, prompt.text]
        line = json.dumps([*asked, prompt.prefill, each.said])
        found.update(line.encode() + b"\n")
    return found.hexdigest()
