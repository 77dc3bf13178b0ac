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
    found = load("3dsrbench", data=published("3dsrbench"))
    assert len(found) == 362
    assert Counter(len(q.options) for q in found) == {2: 314, 4: 48}
    assert len({q.family for q in found}) == 12
    assert {q.meta["kind"] for q in found} == {"height", "location", "orientation", "multi-object"}
    assert gold(found, "NF7XUVPP") == "street lights in the back"
    flips = [q for q in found if q.source.mirrored]
    assert len(flips) == 175
    groups = {q.uid: q.group for q in found}
    assert sum(groups[q.uid] == groups.get(q.source.base) for q in flips) == 167
    assert all("(mirrored)" in q.images[0].name for q in flips)


def test_cvbench_has_up_to_six_options_and_gold_in_brackets() -> None:
    found = load("cvbench", data=published("cvbench"))
    assert Counter(len(q.options) for q in found) == {6: 43, 2: 34, 4: 30, 5: 15}
    assert Counter(q.family for q in found) == {"Count": 88, "Depth": 15, "Distance": 11, "Relation": 8}
    assert gold(found, "3") == "1"
    assert len(load("cvbench-3d", data=published("cvbench"))) == 26
    assert len(load("cvbench-2d", data=published("cvbench", "hub_schema", "test_2d.parquet"))) == 96
    with pytest.raises(BadImage, match=r"ade20k_102\.png' is not in .*put it there"):
        found[0].images[0].read()


@pytest.mark.parametrize(("name", "sets"), [("whatsup-a", 2), ("whatsup-b", 1)])
def test_whatsup_sets_and_pairs_without_the_right_one_first(name: str, sets: int) -> None:
    found = load(name, data=published("whatsup"))
    assert len(found) == 4 * sets
    assert Counter(Counter(q.group for q in found).values()) == {4: sets}
    assert Counter(Counter(q.source.joint[0].key for q in found).values()) == {2: 2 * sets}
    assert {q.gold for q in found} != {0}
    for q in found:
        words = q.images[0].name.rsplit("/", 1)[1].removesuffix(".jpeg").replace("-", " ").split("_")
        assert set(words) <= set(q.options[q.gold].lower().split()) | {"in front", "of"}
        assert q.images[0].name not in q.text
    readable(found)


@pytest.mark.parametrize("part", ["hub_schema", "hub_schema_v2", "figure_rows.jsonl"])
def test_sat_in_all_its_forms(part: str) -> None:
    found = load("sat", data=published("sat", part))
    assert [q.options[q.gold] for q in found] == ["Chair", "Toilet Paper", "Below", "Right"]
    assert {q.gold for q in found} == {0, 1}
    readable(found)


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
    found = load("nlvr", data=published("nlvr"))
    assert Counter(q.options[q.gold] for q in found) == {"true": 20, "false": 20}
    assert all(len(q.meta["scene"]) == 3 for q in found)
    readable(found)


def test_a_limit_takes_part_of_the_same_version() -> None:
    path = published("cvbench")
    sizes = [1, 10, 122]
    found = [load("cvbench", data=path, limit=limit, seed=4) for limit in sizes]
    assert [len(f) for f in found] == sizes
    assert len({f.version for f in found}) == 1
    for small, large in pairwise(found):
        assert {q.uid for q in small} < {q.uid for q in large}
