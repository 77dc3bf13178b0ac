"""Questions of one or several benchmarks, ready to be asked."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from unswayed.benchmarks.records import Skipped, Subset
from unswayed.errors import BadInput
from unswayed.question import Question


@dataclass(frozen=True)
class Questions(Sequence[Question]):
    """Questions and their source. Raises `BadInput` if there are none, or if two have the same uid."""

    name: str
    version: str
    """Changes when the questions do: SHA-256 of their texts, or of the bytes of a file given by path."""
    items: tuple[Question, ...]
    skipped: tuple[Skipped, ...] = ()
    """Rows of the source that are no usable questions, with reasons."""
    total: int = 0
    """Questions in the source, of which `items` may be a sample; 0: not all of the source was read."""

    def __post_init__(self) -> None:
        if not self.items:
            reason = f"; the first row was left out because {self.skipped[0].reason}" if self.skipped else ""
            raise BadInput(f"{self.name}: no question can be asked{reason}")
        uid, count = Counter(question.uid for question in self.items).most_common(1)[0]
        if count > 1:
            raise BadInput(f"{self.name}: {count} questions have the uid {uid!r}; each needs one of its own")

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, index: int) -> Question: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Question, ...]: ...
    def __getitem__(self, index: int | slice) -> Question | tuple[Question, ...]:
        return self.items[index]

    def __iter__(self) -> Iterator[Question]:
        return iter(self.items)


def sample_questions(questions: Sequence[Question], limit: int | None, seed: int) -> tuple[Question, ...]:
    """The `limit` questions whose seeded hash is smallest, in their first order; None: all.

    A larger limit with the same seed adds questions and drops none.
    """
    if limit is None or limit >= len(questions):
        return tuple(questions)

    def rank(question: Question) -> bytes:
        return Subset(question.benchmark, limit, seed).rank(question.uid)

    chosen = {question.uid for question in sorted(questions, key=rank)[:limit]}
    return tuple(question for question in questions if question.uid in chosen)


def content_version(questions: Iterable[Question]) -> str:
    """SHA-256 of the questions' texts. Images are identified by their own hashes, in each trial."""
    content = json.dumps([(q.uid, q.group, q.text, q.options, q.gold) for q in questions])
    return hashlib.sha256(content.encode()).hexdigest()
