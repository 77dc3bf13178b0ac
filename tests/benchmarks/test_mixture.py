"""Several benchmarks as one source of questions: proportions, order, uids, and names for several parts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark_files import write_json, write_png
from published import published
from unswayed.benchmarks import BENCHMARKS, Questions, load, load_mixture
from unswayed.benchmarks.mixture import apportion, mix
from unswayed.errors import BadInput
from unswayed.question import JointScore, OriginalRow, Question, SourceRow


def made(name: str, count: int) -> Questions:
    original = OriginalRow("0", ("a", "b"), 0)
    items = tuple(
        Question(
            str(k),
            name,
            f"Q{k}?",
            ("a", "b"),
            k % 2,
            group=str(k - k % 2),
            source=SourceRow(base="0", original=original, joint=(JointScore("pairs", "p", 2),)),
        )
        for k in range(count)
    )
    return Questions(name, f"version of {name}", items, total=count)


WEIGHTS = st.lists(st.floats(0.05, 10), min_size=1, max_size=4)


@given(weights=WEIGHTS, limit=st.integers(1, 60))
def test_every_prefix_is_in_proportion(weights: list[float], limit: int) -> None:
    sequence = apportion(weights, [1000] * len(weights), limit)
    assert len(sequence) == limit
    for end in range(1, limit + 1):
        counts = Counter(sequence[:end])
        # Webster's method stays within one seat of the quota for two parts, and close to it for more.
        for part, weight in enumerate(weights):
            quota = end * weight / sum(weights)
            assert abs(counts[part] - quota) < len(weights), (counts, quota)
    if len(weights) == 2:
        counts = Counter(sequence)
        assert all(abs(counts[k] - limit * w / sum(weights)) <= 0.5 + 1e-9 for k, w in enumerate(weights))


@given(weights=WEIGHTS, sizes=st.lists(st.integers(1, 20), min_size=4, max_size=4), limit=st.integers(1, 40))
def test_a_larger_limit_only_adds(weights: list[float], sizes: list[int], limit: int) -> None:
    available = sizes[: len(weights)]
    for keep in (True, False):
        whole = apportion(weights, available, None, keep)
        assert apportion(weights, available, limit, keep) == whole[:limit]
    assert Counter(whole) == dict(enumerate(available)), "without proportions all are taken"


def test_a_mixture_keeps_each_questions_benchmark_and_makes_uids_unique() -> None:
    parts = [made("x", 10), made("y", 40)]
    mixed = mix("both", parts, [1, 3], limit=20, seed=1)
    assert Counter(q.benchmark for q in mixed) == {"x": 5, "y": 15}
    assert all(q.uid.startswith(f"{q.benchmark}/") and q.group.startswith(f"{q.benchmark}/") for q in mixed)
    assert {q.source.base for q in mixed} == {"x/0", "y/0"}
    assert {q.source.original.uid for q in mixed if q.source.original} == {"x/0", "y/0"}
    assert {q.source.joint[0].key for q in mixed} == {"x/p", "y/p"}
    assert mixed.total == 50
    by_uid = {f"{part.name}/{q.uid}": q for part in parts for q in part}
    assert all((q.text, q.gold) == (by_uid[q.uid].text, by_uid[q.uid].gold) for q in mixed)


def test_the_same_seed_gives_the_same_mixture_and_a_larger_one_adds() -> None:
    parts = [made("x", 30), made("y", 30)]
    small, large = (mix("m", parts, [2, 1], limit=n, seed=4) for n in (9, 21))
    assert {q.uid for q in small} < {q.uid for q in large}
    assert mix("m", parts, [2, 1], limit=9, seed=4) == small
    assert {q.uid for q in mix("m", parts, [2, 1], limit=9, seed=5)} != {q.uid for q in small}
    assert small.version == large.version != mix("m", parts, [1, 1], limit=9, seed=4).version


def test_without_a_limit_the_shares_decide_how_many() -> None:
    mixed = mix("m", [made("x", 10), made("y", 100)], [1, 2])
    assert Counter(q.benchmark for q in mixed)["x"] == 10
    assert 18 <= Counter(q.benchmark for q in mixed)["y"] <= 22


@pytest.mark.parametrize(
    ("weights", "limit", "words"),
    [
        ([1, 0], 4, "the weight of y is 0"),
        ([1, -1], 4, "must be a positive number"),
        ([1, float("nan")], 4, "must be a positive number"),
        ([1, float("inf")], 4, "must be a positive number"),
        ([1, 1], 0, "at least 1"),
        ([1, 1], 50, r"at most 1\d are possible \(x: 6, y: 90\)"),
        ([1], 4, "one weight a part"),
    ],
)
def test_impossible_mixtures_are_refused(weights: list[float], limit: int, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        mix("m", [made("x", 6), made("y", 90)], weights, limit=limit)


def test_a_mixture_by_names_of_what_is_there() -> None:
    mixed = load_mixture(
        {"geometry3k": 0.5, "sat": 0.25, "scenes": 0.25},
        limit=16,
        data={
            "geometry3k": published("geometry3k", "hub_schema"),
            "sat": str(published("sat", "hub_schema")),
        },
        split={"scenes": "train"},
    )
    assert Counter(q.benchmark for q in mixed) == {"geometry3k": 8, "sat": 4, "scenes": 4}
    assert mixed.name == "geometry3k=0.5+sat=0.25+scenes=0.25"
    assert all(q.scene is not None for q in mixed if q.benchmark == "scenes")
    with pytest.raises(BadInput, match="'sat2', which is not in the mixture"):
        load_mixture({"sat": 1}, data={"sat2": published("sat", "hub_schema")})
    with pytest.raises(BadInput, match="at least one name"):
        load_mixture({})


def test_a_mixture_has_a_name_that_loads_it_again() -> None:
    data = published("whatsup")
    mixed = load("whatsup-a=2+whatsup-b=1", data=data, limit=6)
    assert Counter(q.benchmark for q in mixed) == {"whatsup-a": 4, "whatsup-b": 2}
    assert load(mixed.name, data=data, limit=6) == mixed
    with pytest.raises(BadInput, match="the share of scenes is 'x'; give a number"):
        load("scenes=x+sat=1")
    with pytest.raises(BadInput, match="named twice"):
        load("scenes=1+scenes=1")
    with pytest.raises(BadInput, match="no benchmark is called 'scenes=1"):
        load("scenes=1+nothing=1")


def test_whatsup_is_its_parts() -> None:
    questions = load("whatsup", data=published("whatsup"))
    assert Counter(q.benchmark for q in questions) == {"whatsup-a": 8, "whatsup-b": 4}
    assert {q.uid.split("/")[0] for q in questions} == {"whatsup-a", "whatsup-b"}
    assert Counter(Counter(q.group for q in questions).values()) == {4: 3}
    some = load("whatsup", data=published("whatsup"), limit=6)
    assert Counter(q.benchmark for q in some) == {"whatsup-a": 3, "whatsup-b": 3}, "412 to 408"
    assert {q.uid for q in some} < {q.uid for q in questions}


def test_a_collection_of_one_folder_says_what_was_left_out_of_which_part(tmp_path: Path) -> None:
    for k in range(4):
        write_png(tmp_path / "vg_images" / f"{k}.jpg", k)
    rows = [[k, f"dog {k} on the left", f"dog {k} on the right"] for k in range(5)]
    write_json(tmp_path / "vg_qa_one_obj.json", rows)
    write_json(tmp_path / "vg_qa_two_obj.json", rows[:2])
    questions = load("whatsup-vg", data=tmp_path)
    assert Counter(q.benchmark for q in questions) == {"whatsup-vg-one": 4, "whatsup-vg-two": 2}
    assert [row.uid for row in questions.skipped] == ["whatsup-vg-one/4"]


def test_every_collection_names_benchmarks_that_are_there() -> None:
    collections = [b for b in BENCHMARKS.values() if b.collection]
    assert {b.name for b in collections} == {"whatsup", "whatsup-coco", "whatsup-vg", "spatial-mm"}
    for benchmark in collections:
        assert benchmark.collection is not None
        assert set(benchmark.collection.weights) <= set(BENCHMARKS)
        assert benchmark.rows is None or benchmark.rows == sum(benchmark.collection.weights.values())
