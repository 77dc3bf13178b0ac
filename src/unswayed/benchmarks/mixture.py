"""Several benchmarks as one source of questions, in given proportions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from unswayed.benchmarks.questions import Questions, sample_questions
from unswayed.errors import BadInput
from unswayed.question import OriginalRow, Question


def mix(
    name: str,
    parts: Sequence[Questions],
    weights: Sequence[float],
    *,
    limit: int | None = None,
    seed: int = 0,
    keep_proportions: bool = True,
) -> Questions:
    """One source made of `parts`, with numbers of questions in proportion to `weights`. Pure.

    `limit` is the total. None takes as many questions as the proportions permit without repeating one, or,
    with `keep_proportions` False, all. Without `keep_proportions` a part that is used up is replaced by the
    others. Questions are sampled with `seed` as by `load`, and interleaved so that every prefix has the
    proportions. A larger limit adds questions and drops none. Uid and group get the part's name in front;
    `Question.benchmark` stays that of the part. Raises `BadInput` for weights that are not positive, or for a
    limit that the proportions do not permit.
    """
    if len(parts) != len(weights) or not parts:
        raise BadInput(f"{name}: {len(parts)} parts with {len(weights)} weights; give one weight a part")
    for part, weight in zip(parts, weights, strict=True):
        if not 0 < weight < float("inf"):
            raise BadInput(f"{name}: the weight of {part.name} is {weight}; it must be a positive number")
    if limit is not None and limit < 1:
        raise BadInput(f"the limit is {limit}; it must be at least 1, or none at all")
    sequence = apportion(weights, [len(part) for part in parts], limit, keep_proportions)
    if limit is not None and keep_proportions and len(sequence) < limit:
        raise BadInput(
            f"{name}: {limit} questions in these proportions need more than are there; at most "
            f"{len(sequence)} are possible ({', '.join(f'{part.name}: {len(part)}' for part in parts)})"
        )
    chosen = [
        iter(sample_questions(part.items, sequence.count(number), seed)) if number in sequence else iter(())
        for number, part in enumerate(parts)
    ]
    items = tuple(_prefixed(next(chosen[number]), parts[number].name) for number in sequence)
    identity = json.dumps([(p.name, p.version, weight) for p, weight in zip(parts, weights, strict=True)])
    skipped = tuple(replace(row, uid=f"{part.name}/{row.uid}") for part in parts for row in part.skipped)
    total = sum(part.total for part in parts) if all(part.total for part in parts) else 0
    return Questions(name, hashlib.sha256(identity.encode()).hexdigest(), items, skipped, total)


def apportion(
    weights: Sequence[float], available: Sequence[int], limit: int | None, keep_proportions: bool = True
) -> list[int]:
    """Numbers of parts, in the order in which each gives one more question (Webster's method).

    The next question comes from the part with the largest ``weight / (2 * taken + 1)``, so a longer sequence
    begins with the shorter one. It ends at `limit`, when all are used up, or, with `keep_proportions`, when
    the part that is next is used up.
    """
    exact = [Fraction(weight) for weight in weights]
    taken = [0] * len(weights)
    sequence: list[int] = []
    while limit is None or len(sequence) < limit:
        open_parts = [k for k in range(len(exact)) if keep_proportions or taken[k] < available[k]]
        if not open_parts:
            break
        following = max(open_parts, key=lambda k: (exact[k] / (2 * taken[k] + 1), -k))
        if taken[following] >= available[following]:
            break
        taken[following] += 1
        sequence.append(following)
    return sequence


def _prefixed(question: Question, part: str) -> Question:
    original = question.source.original
    if original is not None:
        original = OriginalRow(f"{part}/{original.uid}", original.options, original.gold)
    source = replace(
        question.source,
        base=f"{part}/{question.source.base}" if question.source.base else "",
        original=original,
        joint=tuple(replace(score, key=f"{part}/{score.key}") for score in question.source.joint),
    )
    return replace(question, uid=f"{part}/{question.uid}", group=f"{part}/{question.group}", source=source)
