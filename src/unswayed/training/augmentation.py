"""Which question is asked how while training: the audit's conditions, in shares.

Deterministic by (seed, benchmark, uid) alone: what else is in the data changes nothing. The cues are
written with the phrasings kept for training, so no model is audited in words that it was trained on.
Decided here: wrong and right cues of a kind have equal shares unless it is said otherwise, so that
neither obeying nor negating pays; a cue that does not exist leaves the question plain, and is counted.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from unswayed import conditions
from unswayed.conditions import NotAsked, Prompt
from unswayed.cues import write
from unswayed.errors import BadInput
from unswayed.question import Question

Groups = Literal["same", "paired"]
_PAIRS = (("wrong-caption", "correct-caption"), ("wrong-think", "correct-think"))
_SIGMAS = 5.0


@dataclass(frozen=True)
class Shares:
    """Which part of the questions is asked under which condition; the rest stays plain.

    The paper augments 10 % each with correct and wrong captions and thoughts.
    """

    wrong_caption: float = 0.0
    correct_caption: float = 0.0
    wrong_think: float = 0.0
    correct_think: float = 0.0
    balanced: bool = True
    """Refuse unequal shares of wrong and right cues of one kind."""
    groups: Groups = "same"
    """`same`: all rollouts of a group are asked alike. `paired`: of an augmented question a third of
    the rollouts is under the wrong cue, as many under the right one, and the others are plain, sharing
    one baseline; the shares of wrong and right are then added up."""

    def __post_init__(self) -> None:
        given = self.by_condition()
        for name, share in given.items():
            if not 0 <= share <= 1:
                raise BadInput(f"augment {name.replace('-', '_')} is {share}; a share is from 0 to 1")
        if sum(given.values()) > 1 + 1e-9:
            raise BadInput(f"the augment shares add up to {sum(given.values()):g}; at most 1 is possible")
        if self.groups not in ("same", "paired"):
            raise BadInput(f"augment groups is {self.groups!r}; give 'same' or 'paired'")
        for wrong, right in _PAIRS:
            if self.balanced and not math.isclose(given[wrong], given[right]):
                raise BadInput(
                    f"augment {wrong} ({given[wrong]:g}) and {right} ({given[right]:g}) differ, so that "
                    "obeying or negating cues would pay; make them equal, or set balanced = false"
                )

    def by_condition(self) -> dict[str, float]:
        """Condition name to share, without the plain rest."""
        return {
            "wrong-caption": self.wrong_caption,
            "correct-caption": self.correct_caption,
            "wrong-think": self.wrong_think,
            "correct-think": self.correct_think,
        }


@dataclass(frozen=True)
class Row:
    """One rollout to be made: a question as it is put to the model."""

    question: Question
    condition: str
    prompt: Prompt
    lacking: str = ""
    """Why the wanted condition could not be put, where `condition` is `base` instead."""


def draw(question: Question, seed: int, what: str = "augment") -> float:
    """A number in [0, 1), the same in every process and whatever else is in the data."""
    key = f"{seed}/{what}/{question.benchmark}/{question.uid}"
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64


def wanted(question: Question, seed: int, shares: Shares) -> str:
    """The condition that falls to a question; `base` for the rest."""
    at, edge = draw(question, seed), 0.0
    for name, share in shares.by_condition().items():
        edge += share
        if at < edge:
            return name
    return "base"


def members(question: Question, seed: int, shares: Shares, size: int) -> tuple[str, ...]:
    """The conditions of the `size` rollouts of one group, in order."""
    name = wanted(question, seed, shares)
    if shares.groups == "same" or name == "base":
        return (name,) * size
    if size < 3:
        raise BadInput(
            f"paired groups hold plain, wrong and right rollouts: num_generations is {size}; give 3 or more"
        )
    wrong, right = next(pair for pair in _PAIRS if name in pair)
    cued = round(size / 3)
    plain = size - 2 * cued
    rest = ("base",) * (plain - cued) + (wrong, right) * (cued - plain)
    return ("base", wrong, right) * min(cued, plain) + rest


def put(question: Question, name: str, seed: int, images: tuple[bytes, ...]) -> Row:
    """The question under a condition, with training phrasings; plain where the cue does not exist."""
    how = conditions.condition(name)
    found = conditions.put(question, write(question, seed, "train"), how, images)
    if isinstance(found, Prompt):
        return Row(question, name, found)
    plain = conditions.put(question, write(question, seed, "train"), conditions.condition("base"), images)
    assert not isinstance(plain, NotAsked)
    return Row(question, "base", plain, found.reason)


def counted(questions: Iterable[Question], seed: int, shares: Shares) -> dict[str, int]:
    """How many questions fall to each condition (before any is found to lack its cue)."""
    return dict(Counter(wanted(question, seed, shares) for question in questions))


def verify(counts: Mapping[str, int], shares: Shares) -> None:
    """Raise `BadInput` where the counts are further from the shares than chance may put them (5 sigma)."""
    n = sum(counts.values())
    asked = shares.by_condition()
    asked["base"] = max(0.0, 1 - sum(asked.values()))
    for name, share in asked.items():
        got, room = counts.get(name, 0), _SIGMAS * math.sqrt(n * share * (1 - share)) + 1e-9
        if abs(got - n * share) > room:
            raise BadInput(
                f"{got} of {n} questions fall to {name}, where {share:.0%} were asked for; "
                "give the questions uids of their own, or change the seed"
            )


@dataclass
class Album:
    """The encoded pictures of a question, read once for all of its rollouts; the last few are kept."""

    room: int = 256
    _kept: dict[str, tuple[bytes, ...]] = field(default_factory=dict)

    def read(self, question: Question) -> tuple[bytes, ...]:
        name = f"{question.benchmark}/{question.uid}"
        if name not in self._kept:
            while len(self._kept) >= self.room:
                del self._kept[next(iter(self._kept))]
            self._kept[name] = tuple(image.read() for image in question.images)
        return self._kept[name]


def rows(question: Question, seed: int, shares: Shares, size: int, album: Album) -> Iterator[Row]:
    """The `size` rollouts of one question's group."""
    for name in members(question, seed, shares, size):
        yield put(question, name, seed, album.read(question))
