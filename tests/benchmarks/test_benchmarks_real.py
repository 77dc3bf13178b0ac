"""Every reader on the real rows that there are of its benchmark."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from published import published
from unswayed import images
from unswayed.benchmarks import Questions, load
from unswayed.errors import BadImage


def gold(questions: Questions, uid: str) -> str:
    (question,) = (q for q in questions if q.uid == uid)
    return question.options[question.gold]


def readable(questions: Questions) -> None:
    for question in questions:
        for image in question.images:
            images.check(image.read(), image.name)


def test_3dsrbench_rows_and_their_flips() -> None:
    questions = load("3dsrbench", data=published("3dsrbench"))
    assert len(questions) == 362
    assert Counter(len(q.options) for q in questions) == {2: 314, 4: 48}
    assert len({q.family for q in questions}) == 12
    assert {q.meta["kind"] for q in questions} == {"height", "location", "orientation", "multi-object"}
    assert gold(questions, "NF7XUVPP") == "street lights in the back"
    flips = [q for q in questions if q.source.mirrored]
    assert len(flips) == 175
    groups = {q.uid: q.group for q in questions}
    assert sum(groups[q.uid] == groups.get(q.source.base) for q in flips) == 167
    assert all("(mirrored)" in q.images[0].name for q in flips)


def test_cvbench_has_up_to_six_options_and_gold_in_brackets() -> None:
    questions = load("cvbench", data=published("cvbench"))
    assert Counter(len(q.options) for q in questions) == {6: 43, 2: 34, 4: 30, 5: 15}
    assert Counter(q.family for q in questions) == {"Count": 88, "Depth": 15, "Distance": 11, "Relation": 8}
    assert gold(questions, "3") == "1"
    assert len(load("cvbench-3d", data=published("cvbench"))) == 26
    assert len(load("cvbench-2d", data=published("cvbench", "hub_schema", "test_2d.parquet"))) == 96
    with pytest.raises(BadImage, match=r"ade20k_102\.png' is not in .*put it there"):
        questions[0].images[0].read()


@pytest.mark.parametrize(("name", "sets"), [("whatsup-a", 2), ("whatsup-b", 1)])
def test_whatsup_sets_and_pairs_without_the_right_one_first(name: str, sets: int) -> None:
    questions = load(name, data=published("whatsup"))
    assert len(questions) == 4 * sets
    assert Counter(Counter(q.group for q in questions).values()) == {4: sets}
    assert Counter(Counter(q.source.joint[0].key for q in questions).values()) == {2: 2 * sets}
    assert {q.gold for q in questions} != {0}
    for q in questions:
        words = q.images[0].name.rsplit("/", 1)[1].removesuffix(".jpeg").replace("-", " ").split("_")
        assert set(words) <= set(q.options[q.gold].lower().split()) | {"in front", "of"}
        assert q.images[0].name not in q.text
    readable(questions)


@pytest.mark.parametrize("part", ["hub_schema", "hub_schema_v2", "figure_rows.jsonl"])
def test_sat_in_all_its_forms(part: str) -> None:
    questions = load("sat", data=published("sat", part))
    assert [q.options[q.gold] for q in questions] == ["Chair", "Toilet Paper", "Below", "Right"]
    assert {q.gold for q in questions} == {0, 1}
    readable(questions)


def test_geometry3k_of_the_hub_and_of_its_authors_are_the_same_problems() -> None:
    hub = load("geometry3k", data=published("geometry3k", "hub_schema"))
    raw = load("geometry3k", data=published("geometry3k", "raw"))
    assert [(q.uid, q.text, q.options, q.gold) for q in hub] == [
        (q.uid, q.text, q.options, q.gold) for q in raw
    ]
    assert gold(hub, "15") == r"5 \sqrt { 3 }"
    assert {q.uid: q.meta["note"] for q in raw}["14"] == "give up"
    assert images.open_rgb(hub[0].images[0].read()).mode == "RGB"
    for a, b in zip(hub, raw, strict=True):
        assert a.images[0].read() == b.images[0].read()


def test_nlvr_sentences_with_their_scenes() -> None:
    questions = load("nlvr", data=published("nlvr"))
    assert Counter(q.options[q.gold] for q in questions) == {"true": 20, "false": 20}
    assert all(len(q.meta["scene"]) == 3 for q in questions)
    readable(questions)


def test_a_limit_takes_part_of_the_same_version() -> None:
    path = published("cvbench")
    sizes = [1, 10, 122]
    samples = [load("cvbench", data=path, limit=limit, seed=4) for limit in sizes]
    assert [len(sample) for sample in samples] == sizes
    assert len({sample.version for sample in samples}) == 1
    for small, large in pairwise(samples):
        assert {q.uid for q in small} < {q.uid for q in large}
