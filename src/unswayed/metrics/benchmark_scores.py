"""Scores as the benchmarks' authors define them: by row, by what counts only as a whole, and weighted.

Papers quote accuracies by row or by group without saying which, so all are given, each with its name.
A whole (all rollings of a question's options, a picture and its mirror image, a WhatsUp pair or set)
is right if every row of it is; one of which a row was not asked is left out and counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from unswayed.errors import BadInput
from unswayed.metrics import stats
from unswayed.metrics.summary import Estimate
from unswayed.question import Question


@dataclass(frozen=True)
class Score:
    """One number that a benchmark defines."""

    name: str
    estimate: Estimate
    """Share in [0, 1] with its 95 % interval; `n` counts what the share is of."""
    meaning: str
    incomplete: int = 0
    """Wholes left out because some, but not all, of their rows were asked."""


Right = Mapping[tuple[str, int], bool]
"""(uid, sample) -> whether the answer was right; only what was asked."""


def scores(trials: pa.Table, questions: Sequence[Question], condition: str = "base") -> tuple[Score, ...]:
    """All scores that apply to the questions, over a run's trials under one condition.

    `questions` must be all of the benchmark's, not only those that were asked: they say what is a
    whole. Answers that could not be read are wrong; what was not asked, or failed, does not count.
    Raises `BadInput` if no question was asked under this condition.
    """
    right = _right(trials, condition)
    asked = {uid for uid, _ in right}
    if not any(question.uid in asked for question in questions):
        raise BadInput(f"no question of this benchmark was answered under {condition!r}")
    return tuple(_scores(right, questions))


def _right(trials: pa.Table, condition: str) -> Right:
    columns = (trials[name].to_pylist() for name in ("uid", "sample", "condition", "correct"))
    return {
        (uid, sample): correct
        for uid, sample, under, correct in zip(*columns, strict=True)
        if under == condition and correct is not None
    }


def _scores(right: Right, questions: Sequence[Question]) -> Iterator[Score]:
    yield _wholes("rows", "rows answered rightly", right, questions, lambda q: q.uid)
    passes = any(q.meta.get("pass") for q in questions)
    flips = any(q.meta.get("flip") for q in questions)
    if passes:
        meaning = "questions answered rightly in every rolling of their options"
        yield _wholes(
            "circular", meaning, right, questions, lambda q: (q.meta.get("base"), q.meta.get("flip"))
        )
    if flips:
        meaning = "questions answered rightly on the picture and on its mirror image"
        yield _wholes("flip", meaning, right, questions, lambda q: (q.meta.get("base"), q.meta.get("pass")))
    if passes and flips:
        meaning = "questions answered rightly in every rolling, on the picture and on its mirror image"
        yield _wholes("flip and circular", meaning, right, questions, lambda q: q.meta.get("base"))
    if any("set" in q.meta for q in questions):
        meaning = "pairs of opposite relations (left and right, …) of one pair of things, both right"
        yield _wholes("pairs", meaning, right, questions, lambda q: q.meta.get("pair"), size=lambda q: 2)
        meaning = "sets of four pictures of one pair of things, all right"
        yield _wholes(
            "sets", meaning, right, questions, lambda q: q.meta.get("set"), size=lambda q: q.meta["set_size"]
        )
    if any(q.meta.get("source") == "Omni3D" for q in questions):
        yield from _cvbench(right, questions)


def _cvbench(right: Right, questions: Sequence[Question]) -> Iterator[Score]:
    """CV-Bench's own weighting: ½ · ((ADE20K + COCO) / 2 + 3D), each by row (its authors' script)."""
    parts = {}
    for source in ("ADE20K", "COCO", "Omni3D"):
        of = [q for q in questions if q.meta.get("source") == source]
        parts[source] = _wholes(source, f"rows of {source} answered rightly", right, of, lambda q: q.uid)
        yield parts[source]
    two = (("ADE20K", 0.5), ("COCO", 0.5))
    yield _weighted("2D", "mean of the accuracies on ADE20K and COCO", parts, two)
    meaning = "official: half the 2D score, half the accuracy on Omni3D"
    yield _weighted("CV-Bench", meaning, parts, (("ADE20K", 0.25), ("COCO", 0.25), ("Omni3D", 0.5)))


def _weighted(
    name: str, meaning: str, parts: Mapping[str, Score], weights: Iterable[tuple[str, float]]
) -> Score:
    """A weighted sum over separate strata, its limits recovered from theirs (Zou & Donner 2008, Stat. Med.
    27:1693): the distances of the lower limits from their values add as squares, and so do the upper."""
    value, below, above, n = 0.0, 0.0, 0.0, 0
    for part, weight in weights:
        one = parts[part].estimate
        if one.value is None or one.low is None or one.high is None:
            return Score(name, Estimate(None), f"{meaning}; not known, as no row of {part} was asked")
        value += weight * one.value
        below += (weight * (one.value - one.low)) ** 2
        above += (weight * (one.high - one.value)) ** 2
        n += one.n
    low, high = max(0.0, value - math.sqrt(below)), min(1.0, value + math.sqrt(above))
    return Score(name, Estimate(value, low, high, n), meaning)


def _wholes(
    name: str,
    meaning: str,
    right: Right,
    questions: Sequence[Question],
    key: Callable[[Question], Hashable],
    size: Callable[[Question], int] = lambda question: 1,
) -> Score:
    """The share of wholes with every row right; `key` says what a row belongs to, None: nothing.

    Each sample of a whole counts by itself. Wholes with fewer rows than `size` are incomplete.
    """
    members: dict[Hashable, list[Question]] = {}
    for question in questions:
        if (of := key(question)) is not None:
            members.setdefault(of, []).append(question)
    hits, clusters, incomplete = [], [], 0
    number: dict[str, int] = {}
    samples = sorted({sample for _, sample in right})
    for rows in members.values():
        for sample in samples:
            said = [right.get((q.uid, sample)) for q in rows]
            if len(rows) < size(rows[0]) or None in said:
                incomplete += any(one is not None for one in said)
                continue
            hits.append(all(said))
            clusters.append(number.setdefault(rows[0].group, len(number)))
    estimate = stats.rate(np.array(hits, dtype=bool), np.array(clusters, dtype=np.int64))
    return Score(name, estimate, meaning, incomplete)
