"""What a loaded benchmark holds, in numbers: for a user who wants to know before a model is asked."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from unswayed import images as pictures
from unswayed.errors import BadImage, BadInput
from unswayed.question import LETTERS, Question


@dataclass(frozen=True)
class Summary:
    """Counts over the questions of one benchmark."""

    questions: int
    groups: int
    families: Mapping[str, int]
    categories: Mapping[str, int]
    """The benchmark's own; empty where it has none, or the same as the families."""
    options: Mapping[int, int]
    """How many questions have so many options."""
    gold: Mapping[int, Mapping[str, int]]
    """For each number of options, how often the right one stands at each letter."""
    images: Mapping[int, int]
    """How many questions have so many pictures."""
    duplicates: tuple[tuple[str, str], ...]
    """Uids of questions that ask the same of the same picture, options in any order: the first, the other."""


def summary(questions: Sequence[Question]) -> Summary:
    """Counts over the questions. Circular and flipped copies are no duplicates."""
    families = Counter(q.family for q in questions)
    categories = Counter(str(q.meta["category"]) for q in questions if q.meta.get("category"))
    gold: dict[int, Counter[str]] = defaultdict(Counter)
    for q in questions:
        gold[len(q.options)][LETTERS[q.gold]] += 1
    return Summary(
        questions=len(questions),
        groups=len({q.group for q in questions}),
        families=dict(families.most_common()),
        categories={} if categories == families else dict(categories.most_common()),
        options=dict(sorted(Counter(len(q.options) for q in questions).items())),
        gold={n: {letter: gold[n][letter] for letter in LETTERS[:n]} for n in sorted(gold)},
        images=dict(sorted(Counter(len(q.images) for q in questions).items())),
        duplicates=_duplicates(questions),
    )


def _duplicates(questions: Iterable[Question]) -> tuple[tuple[str, str], ...]:
    first: dict[object, str] = {}
    found = []
    for q in questions:
        key = (
            q.meta.get("shares", q.group),
            q.text,
            q.hint,
            tuple(sorted(q.options)),
            q.meta.get("pass"),
            q.meta.get("flip"),
        )
        if first.setdefault(key, q.uid) != q.uid:
            found.append((first[key], q.uid))
    return tuple(found)


@dataclass(frozen=True)
class Seen:
    """What reading every picture gave."""

    pictures: int
    different: int
    largest: tuple[int, int]
    """Pixels, width and height, of the picture with the most."""
    unreadable: tuple[tuple[str, str], ...]
    """(uid, reason)."""


def look(questions: Iterable[Question]) -> Seen:
    """Read and decode every picture of the questions, one at a time."""
    count, hashes, largest = 0, set(), (0, 0)
    unreadable = []
    for question in questions:
        for image in question.images:
            count += 1
            try:
                data = image.read()
                size = pictures.size(data, image.name)
            except (BadImage, BadInput, OSError) as problem:
                unreadable.append((question.uid, str(problem)))
                continue
            hashes.add(hashlib.sha256(data).digest())
            largest = max(largest, size, key=lambda s: s[0] * s[1])
    return Seen(count, len(hashes), largest, tuple(unreadable))
