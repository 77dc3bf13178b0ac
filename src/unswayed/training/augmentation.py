"""Assigns the audit's conditions to training questions, by the shares of the table `augment`.

The assignment depends on (seed, benchmark, uid) alone, not on the other questions. Cues use the phrasings
reserved for training, so that no model is audited in words that it was trained on. Where a question has no
cue of the assigned kind it is used without one, and counted.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from unswayed import conditions
from unswayed.conditions import NotAsked, Prompt
from unswayed.cues import write
from unswayed.errors import BadInput
from unswayed.formats import COMMON, Format
from unswayed.question import Question
from unswayed.training.config.augmentation import PAIRS, AugmentSettings

_SIGMAS = 5.0


@dataclass(frozen=True)
class TrainingPrompt:
    """One question under one condition, as it is put to the model in training."""

    question: Question
    condition: str
    prompt: Prompt
    fallback_reason: str = ""
    """Why the assigned condition does not exist for this question, where `condition` is `base` instead."""


def hash_fraction(question: Question, seed: int, purpose: str = "augment") -> float:
    """A pseudo-random number in [0, 1) that depends on seed, purpose and the question's identity alone."""
    key = f"{seed}/{purpose}/{question.benchmark}/{question.uid}"
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64


def assigned_condition(question: Question, seed: int, shares: AugmentSettings) -> str:
    """The condition assigned to a question; `base` for the rest."""
    fraction, upper = hash_fraction(question, seed), 0.0
    for name, share in shares.by_condition().items():
        upper += share
        if fraction < upper:
            return name
    return "base"


def group_conditions(question: Question, seed: int, shares: AugmentSettings, size: int) -> tuple[str, ...]:
    """The conditions of the `size` rollouts of one group, in order."""
    name = assigned_condition(question, seed, shares)
    if shares.groups == "same" or name == "base":
        return (name,) * size
    if size < 3:
        raise BadInput(
            f"paired groups hold base, wrong and correct rollouts: num_generations is {size}; give 3 or more"
        )
    wrong, correct = next(pair for pair in PAIRS if name in pair)
    with_cue = round(size / 3)
    without = size - 2 * with_cue
    rest = ("base",) * (without - with_cue) + (wrong, correct) * (with_cue - without)
    return ("base", wrong, correct) * min(with_cue, without) + rest


def build_prompt(
    question: Question, name: str, seed: int, images: tuple[bytes, ...], format: Format = COMMON
) -> TrainingPrompt:
    """The question under a condition, in training phrasings; under `base` where its cue does not exist."""
    cues = write(question, seed, "train")
    prompt = conditions.build_prompt(question, cues, conditions.condition(name), images, format)
    if isinstance(prompt, Prompt):
        return TrainingPrompt(question, name, prompt)
    base = conditions.build_prompt(question, cues, conditions.condition("base"), images, format)
    assert not isinstance(base, NotAsked)
    return TrainingPrompt(question, "base", base, prompt.reason)


def count_conditions(questions: Iterable[Question], seed: int, shares: AugmentSettings) -> dict[str, int]:
    """Number of questions assigned to each condition (including those whose cue does not exist)."""
    return dict(Counter(assigned_condition(question, seed, shares) for question in questions))


def check_shares(counts: Mapping[str, int], shares: AugmentSettings) -> None:
    """Raises `BadInput` where counts deviate from the shares by more than 5 standard deviations."""
    n = sum(counts.values())
    expected = shares.by_condition()
    expected["base"] = max(0.0, 1 - sum(expected.values()))
    for name, share in expected.items():
        count, tolerance = counts.get(name, 0), _SIGMAS * math.sqrt(n * share * (1 - share)) + 1e-9
        if abs(count - n * share) > tolerance:
            raise BadInput(
                f"{count} of {n} questions have condition {name}, and its share is {share:.0%}; "
                "give the questions distinct uids, or change the seed"
            )


@dataclass
class EncodedImages:
    """Cache of the encoded images of the most recent questions, so that a group reads them once."""

    capacity: int = 256
    _cached: dict[str, tuple[bytes, ...]] = field(default_factory=dict)

    def read(self, question: Question) -> tuple[bytes, ...]:
        """The question's encoded images."""
        name = f"{question.benchmark}/{question.uid}"
        if name not in self._cached:
            while len(self._cached) >= self.capacity:
                del self._cached[next(iter(self._cached))]
            self._cached[name] = tuple(image.read() for image in question.images)
        return self._cached[name]
