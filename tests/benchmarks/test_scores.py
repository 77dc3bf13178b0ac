"""Scores by row, by whole, and weighted: worked examples, and what must hold for any answers."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import pytest

from unswayed.benchmarks.readers.copies import copy_of
from unswayed.errors import BadInput
from unswayed.metrics.benchmark_scores import BenchmarkScore, benchmark_scores
from unswayed.question import JointScore, Question, SourceRow


def question(uid: str, group: str = "", **source: Any) -> Question:
    return Question(uid, "made", "Q?", ("a", "b"), 0, group=group or uid, source=SourceRow(**source))


def copy(uid: str) -> Question:
    """A circular or flipped copy, as its index says."""
    base, rotation, is_mirrored = copy_of(uid)
    return question(uid, base, base=base, rotation=rotation, mirrored=is_mirrored)


def trials(right: Mapping[str, bool | None], condition: str = "base", sample: int = 0) -> pa.Table:
    rows = [
        {"uid": uid, "sample": sample, "condition": condition, "correct": correct}
        for uid, correct in right.items()
    ]
    schema = pa.schema(
        [("uid", pa.string()), ("sample", pa.int32()), ("condition", pa.string()), ("correct", pa.bool_())]
    )
    return pa.Table.from_pylist(rows, schema=schema)


def by_name(scores: Iterable[BenchmarkScore]) -> dict[str, tuple[float | None, int, int]]:
    return {s.name: (s.estimate.value, s.estimate.n, s.incomplete) for s in scores}


def test_a_circular_question_counts_only_if_all_passes_are_right() -> None:
    uids = ["1", "1000001", "2000001", "2", "1000002"]
    questions = [copy(uid) for uid in uids]
    right = {"1": True, "1000001": True, "2000001": True, "2": True, "1000002": False}
    assert by_name(benchmark_scores(trials(right), questions)) == {
        "rows": (0.8, 5, 0),
        "circular": (0.5, 2, 0),
    }
    del right["2000001"]
    assert by_name(benchmark_scores(trials(right), questions))["circular"] == (0.0, 1, 1)


def test_flips_and_rollings_give_four_accuracies() -> None:
    uids = ["AAAAAAAA", "AAAAAAAA-1", "AAAAAAAA-flip", "AAAAAAAA-flip-1", "BBBBBBBB", "BBBBBBBB-1"]
    questions = [copy(uid) for uid in uids]
    right = dict.fromkeys(uids, True) | {"AAAAAAAA-flip-1": False}
    scores = by_name(benchmark_scores(trials(right), questions))
    assert scores == {
        "rows": (5 / 6, 6, 0),
        "circular": (2 / 3, 3, 0),
        "flip": (3 / 4, 4, 0),
        "flip and circular": (1 / 2, 2, 0),
    }


def test_whatsup_pairs_and_sets() -> None:
    questions = [
        question(
            f"{s}{k}",
            s,
            joint=(JointScore("pairs", f"{s}/{'lr' if k < 2 else 'ou'}", 2), JointScore("sets", s, 4)),
        )
        for s in "xy"
        for k in range(4)
    ]
    right = {q.uid: q.uid != "y3" for q in questions}
    scores = by_name(benchmark_scores(trials(right), questions))
    assert (scores["pairs"], scores["sets"]) == ((0.75, 4, 0), (0.5, 2, 0))
    without = [q for q in questions if q.uid != "x0"]  # a set that is not whole in the source
    scores = by_name(benchmark_scores(trials(right), without))
    assert (scores["pairs"], scores["sets"]) == ((2 / 3, 3, 1), (0.0, 1, 1))


def test_cvbench_is_weighted_by_source_and_not_by_row() -> None:
    sources = ["ADE20K"] * 4 + ["COCO"] * 2 + ["Omni3D"] * 5
    questions = [question(str(k), dataset=source) for k, source in enumerate(sources)]
    right = {str(k): k in (0, 4, 5, 6) for k in range(11)}
    scores = by_name(benchmark_scores(trials(right), questions))
    assert scores["ADE20K"][0] == 1 / 4
    assert scores["COCO"][0] == 1
    assert scores["Omni3D"][0] == 1 / 5
    assert scores["2D"][0] == pytest.approx((1 / 4 + 1) / 2)
    assert scores["CV-Bench"][0] == pytest.approx(((1 / 4 + 1) / 2 + 1 / 5) / 2)
    assert scores["rows"][0] == pytest.approx(4 / 11)
    only = {uid: ok for uid, ok in right.items() if int(uid) < 6}
    assert by_name(benchmark_scores(trials(only), questions))["CV-Bench"][0] is None


def test_what_was_not_asked_does_not_count_and_what_could_not_be_read_is_wrong() -> None:
    questions = [question(uid) for uid in "abc"]
    table = trials({"a": True, "b": False, "c": None})
    other = trials({"a": False, "b": False, "c": False}, "wrong-caption")
    assert by_name(benchmark_scores(pa.concat_tables([table, other]), questions)) == {"rows": (0.5, 2, 0)}
    with pytest.raises(BadInput, match="'correct-think'"):
        benchmark_scores(table, questions, "correct-think")


def test_each_sample_of_a_whole_counts_by_itself() -> None:
    questions = [question("1", base="1"), question("1000001", base="1", rotation=1)]
    tables = [trials({"1": True, "1000001": bool(k)}, sample=k) for k in range(2)]
    assert by_name(benchmark_scores(pa.concat_tables(tables), questions))["circular"] == (0.5, 2, 0)


def test_a_whole_is_never_easier_than_its_rows_and_intervals_hold_their_value() -> None:
    rng = random.Random(seed := 11)
    for _ in range(50):
        uids = [str(base + k * 1_000_000) for base in range(1, 9) for k in range(rng.randint(1, 4))]
        questions = [copy(uid) for uid in uids]
        right: dict[str, bool | None] = {uid: rng.random() < 0.8 for uid in uids}
        scores = {s.name: s.estimate for s in benchmark_scores(trials(right), questions)}
        whole = {b: all(right[u] for u in uids if copy_of(u)[0] == b) for b in map(str, range(1, 9))}
        if "circular" in scores:
            assert scores["circular"].value == sum(whole.values()) / 8, f"seed {seed}"
        for e in scores.values():
            assert e.value is not None
            assert e.low is not None
            assert e.high is not None
            assert 0 <= e.low <= e.value <= e.high <= 1, f"seed {seed}"
