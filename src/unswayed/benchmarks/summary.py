"""Counts of what a loaded benchmark holds, to be looked at before a model is asked."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from unswayed import images
from unswayed.errors import BadImage, BadInput
from unswayed.question import LETTERS, Question


@dataclass(frozen=True)
class BenchmarkSummary:
    """Counts over the questions of one benchmark."""

    questions: int
    groups: int
    families: Mapping[str, int]
    categories: Mapping[str, int]
    """The benchmark's own; empty where it has none, or where they equal the families."""
    options: Mapping[int, int]
    """Number of options -> number of questions."""
    gold: Mapping[int, Mapping[str, int]]
    """For each number of options, how often the right one stands at each letter."""
    images: Mapping[int, int]
    """Number of images -> number of questions."""
    duplicates: tuple[tuple[str, str], ...]
    """Uids (first, other) of questions with the same text, options (in any order) and images."""


def summarise(questions: Sequence[Question]) -> BenchmarkSummary:
    """Counts over the questions. Circular and flipped copies are no duplicates."""
    families = Counter(q.family for q in questions)
    categories = Counter(q.category for q in questions if q.category)
    gold: dict[int, Counter[str]] = defaultdict(Counter)
    for q in questions:
        gold[len(q.options)][LETTERS[q.gold]] += 1
    return BenchmarkSummary(
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
    duplicates = []
    for q in questions:
        key = (
            q.benchmark,
            q.source.shared or q.group,
            q.text,
            q.hint,
            tuple(sorted(q.options)),
            q.source.rotation,
            q.source.mirrored,
        )
        if first.setdefault(key, q.uid) != q.uid:
            duplicates.append((first[key], q.uid))
    return tuple(duplicates)


@dataclass(frozen=True)
class ImageCheck:
    """The result of reading every image."""

    images: int
    distinct: int
    largest: tuple[int, int]
    """Width and height, in pixels, of the image with the most pixels."""
    unreadable: tuple[tuple[str, str], ...]
    """(uid, reason)."""


def check_images(questions: Iterable[Question]) -> ImageCheck:
    """Read and decode every image of the questions, one at a time."""
    count, hashes, largest = 0, set(), (0, 0)
    unreadable = []
    for question in questions:
        for image in question.images:
            count += 1
            try:
                data = image.read()
                size = images.size(data, image.name)
            except (BadImage, BadInput, OSError) as problem:
                unreadable.append((question.uid, str(problem)))
                continue
            hashes.add(hashlib.sha256(data).digest())
            largest = max(largest, size, key=lambda s: s[0] * s[1])
    return ImageCheck(count, len(hashes), largest, tuple(unreadable))
