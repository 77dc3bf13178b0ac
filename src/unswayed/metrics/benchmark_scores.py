"""Scores as the benchmarks' authors define them: by row, by sets that count as one, and weighted.

Papers quote accuracies by row or by set without saying which, so all are given, each with its name. A set
(all rotations of a question's options, an image and its mirror image, a WhatsUp pair or set) is right if
every row of it is; a set with a row that was not asked is left out and counted as incomplete.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from unswayed.errors import BadInput
from unswayed.metrics import stats
from unswayed.metrics.suite.means import weighted_sum
from unswayed.metrics.summary import Estimate
from unswayed.question import JointScore, Question


@dataclass(frozen=True)
class BenchmarkScore:
    """One number that a benchmark defines."""

    name: str
    estimate: Estimate
    """Share in [0, 1] with its 95 % interval; `n` is the number of rows or sets."""
    meaning: str
    incomplete: int = 0
    """Sets left out because some, but not all, of their rows were asked."""


Correct = Mapping[tuple[str, int], bool]
"""(uid, sample) -> whether the answer was right; only what was asked."""

_JOINT_MEANING = {
    "pairs": "pairs of opposite relations (left and right, …) of one pair of things, both right",
    "sets": "sets of four pictures of one pair of things, all right",
}


def benchmark_scores(
    trials: pa.Table, questions: Sequence[Question], condition: str = "base"
) -> tuple[BenchmarkScore, ...]:
    """All scores that apply to the questions, over a run's trials under one condition.

    `questions` must be all of the benchmark's, not only those that were asked, because they define the sets.
    Answers that could not be read are wrong; what was not asked, or failed, does not count. Raises `BadInput`
    if no question was asked under this condition.
    """
    correct = _correct(trials, condition)
    asked = {uid for uid, _ in correct}
    if not any(question.uid in asked for question in questions):
        raise BadInput(f"no question of this benchmark was answered under {condition!r}")
    return tuple(_scores(correct, questions))


def _correct(trials: pa.Table, condition: str) -> Correct:
    columns = (trials[name].to_pylist() for name in ("uid", "sample", "condition", "correct"))
    return {
        (uid, sample): correct
        for uid, sample, row_condition, correct in zip(*columns, strict=True)
        if row_condition == condition and correct is not None
    }


def _scores(correct: Correct, questions: Sequence[Question]) -> Iterator[BenchmarkScore]:
    yield _set_score("rows", "rows answered rightly", correct, questions, lambda q: q.uid)
    rotations = any(q.source.rotation for q in questions)
    flips = any(q.source.mirrored for q in questions)
    if rotations:
        meaning = "questions answered rightly in every rolling of their options"
        yield _set_score(
            "circular", meaning, correct, questions, lambda q: (q.source.base, q.source.mirrored)
        )
    if flips:
        meaning = "questions answered rightly on the picture and on its mirror image"
        yield _set_score("flip", meaning, correct, questions, lambda q: (q.source.base, q.source.rotation))
    if rotations and flips:
        meaning = "questions answered rightly in every rolling, on the picture and on its mirror image"
        yield _set_score("flip and circular", meaning, correct, questions, lambda q: q.source.base)
    for name in dict.fromkeys(score.name for q in questions for score in q.source.joint):
        yield _joint_score(name, correct, questions)
    if any(q.source.dataset == "Omni3D" for q in questions):
        yield from _cvbench(correct, questions)


def _joint_score(name: str, correct: Correct, questions: Sequence[Question]) -> BenchmarkScore:
    def member(question: Question) -> JointScore | None:
        return next((score for score in question.source.joint if score.name == name), None)

    def key(question: Question) -> str | None:
        score = member(question)
        return score.key if score else None

    def size(question: Question) -> int:
        score = member(question)
        return score.size if score else 1

    return _set_score(name, _JOINT_MEANING.get(name, name), correct, questions, key, size)


def _cvbench(correct: Correct, questions: Sequence[Question]) -> Iterator[BenchmarkScore]:
    """CV-Bench's own weighting: ½ · ((ADE20K + COCO) / 2 + 3D), each by row (its authors' script)."""
    parts = {}
    for dataset in ("ADE20K", "COCO", "Omni3D"):
        rows = [q for q in questions if q.source.dataset == dataset]
        meaning = f"rows of {dataset} answered rightly"
        parts[dataset] = _set_score(dataset, meaning, correct, rows, lambda q: q.uid)
        yield parts[dataset]
    two = (("ADE20K", 0.5), ("COCO", 0.5))
    yield _weighted("2D", "mean of the accuracies on ADE20K and COCO", parts, two)
    meaning = "official: half the 2D score, half the accuracy on Omni3D"
    yield _weighted("CV-Bench", meaning, parts, (("ADE20K", 0.25), ("COCO", 0.25), ("Omni3D", 0.5)))


def _weighted(
    name: str, meaning: str, parts: Mapping[str, BenchmarkScore], weights: Sequence[tuple[str, float]]
) -> BenchmarkScore:
    """A weighted sum over separate strata; see `weighted_sum`."""
    unknown = next((part for part, _ in weights if parts[part].estimate.low is None), None)
    if unknown is not None:
        return BenchmarkScore(name, Estimate(None), f"{meaning}; not known, as no row of {unknown} was asked")
    estimate = weighted_sum([(parts[part].estimate, weight) for part, weight in weights])
    return BenchmarkScore(name, estimate, meaning)


def _set_score(
    name: str,
    meaning: str,
    correct: Correct,
    questions: Sequence[Question],
    key: Callable[[Question], Hashable],
    size: Callable[[Question], int] = lambda question: 1,
) -> BenchmarkScore:
    """The share of sets with every row right; `key` identifies a row's set, None: it is in none.

    Each sample of a set counts by itself. Sets with fewer rows than `size` are incomplete.
    """
    members: dict[Hashable, list[Question]] = {}
    for question in questions:
        if (set_key := key(question)) is not None:
            members.setdefault(set_key, []).append(question)
    hits, clusters, incomplete = [], [], 0
    cluster_numbers: dict[str, int] = {}
    samples = sorted({sample for _, sample in correct})
    for rows in members.values():
        for sample in samples:
            results = [correct.get((q.uid, sample)) for q in rows]
            if len(rows) < size(rows[0]) or None in results:
                incomplete += any(result is not None for result in results)
                continue
            hits.append(all(results))
            clusters.append(cluster_numbers.setdefault(rows[0].group, len(cluster_numbers)))
    estimate = stats.rate(np.array(hits, dtype=bool), np.array(clusters, dtype=np.int64))
    return BenchmarkScore(name, estimate, meaning, incomplete)
