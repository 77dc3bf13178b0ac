"""Who is asked how while training."""

from __future__ import annotations

import pytest

from unswayed.benchmarks import registry
from unswayed.cues import write
from unswayed.errors import BadInput
from unswayed.question import Image, Question
from unswayed.training.augmentation import (
    EncodedImages,
    assigned_condition,
    build_prompt,
    check_shares,
    count_conditions,
    group_conditions,
    hash_fraction,
)
from unswayed.training.config.augmentation import AugmentSettings
from unswayed.training.config.loader import build_config

PAPER = AugmentSettings(0.1, 0.1, 0.1, 0.1)
PAIRED = AugmentSettings(0.1, 0.1, 0.1, 0.1, groups="paired")


def plain(n: int) -> list[Question]:
    return [Question(str(i), "t", "Which?", ("red", "blue", "green"), i % 3) for i in range(n)]


def test_shares_are_those_asked_for_and_cues_are_balanced() -> None:
    counts = count_conditions(plain(20_000), 7, PAPER)
    assert set(counts) == {"base", *PAPER.by_condition()}
    check_shares(counts, PAPER)
    for name in PAPER.by_condition():
        assert abs(counts[name] - 2000) < 5 * (20_000 * 0.1 * 0.9) ** 0.5
    with pytest.raises(BadInput, match="have condition"):
        check_shares({**counts, "base": 0}, PAPER)


def test_a_question_is_asked_alike_whatever_else_is_there() -> None:
    questions = plain(200)
    alone = {q.uid: assigned_condition(q, 3, PAPER) for q in questions}
    assert {
        q.uid: assigned_condition(q, 3, PAPER) for q in reversed(questions[50:150])
    }.items() <= alone.items()
    assert any(assigned_condition(q, 4, PAPER) != alone[q.uid] for q in questions)
    # Known numbers: another process or machine must find the same.
    assert [round(hash_fraction(q, 0), 6) for q in questions[:2]] == [0.40481, 0.213305]


def test_nothing_is_augmented_by_default() -> None:
    assert count_conditions(plain(50), 0, AugmentSettings()) == {"base": 50}


@pytest.mark.parametrize("benchmark", ["scenes", "plain"])
def test_cues_assert_what_they_should_in_words_for_training(benchmark: str) -> None:
    questions = registry.load("scenes", split="train", limit=60).items if benchmark == "scenes" else plain(60)
    for question in questions:
        heard = write(question, 0, "audit")
        audited = {c.text for c in (heard.wrong_caption, heard.wrong_thought, heard.correct_caption) if c}
        for name in PAPER.by_condition():
            row = build_prompt(question, name, 0, EncodedImages().read(question))
            assert row.condition == name
            cue = row.prompt.cue
            assert cue is not None
            assert (cue.option == question.gold) == name.startswith("correct")
            assert cue.text not in audited
            assert cue.phrasing.startswith("train")
            if name.endswith("think"):
                assert row.prompt.prefill == "<think>" + cue.text
            else:
                assert row.prompt.text.startswith(cue.text)


def test_right_and_wrong_cues_look_alike() -> None:
    """Over many questions, the phrasings of true and false cues are equally spread."""
    questions = registry.load("scenes", split="train", limit=600).items
    seen: dict[bool, dict[str, int]] = {True: {}, False: {}}
    for question in questions:
        cues = write(question, 0, "train")
        for cue, right in ((cues.wrong_caption, False), (cues.correct_caption, True)):
            assert cue is not None
            seen[right][cue.phrasing] = seen[right].get(cue.phrasing, 0) + 1
    assert set(seen[True]) == set(seen[False])
    for name, n in seen[True].items():
        assert abs(n - seen[False][name]) < 5 * (n + seen[False][name]) ** 0.5


def test_paired_groups_hold_as_many_true_as_false_cues() -> None:
    seen = set()
    for question in plain(300):
        group = group_conditions(question, 0, PAIRED, 6)
        seen.add(group)
        if set(group) != {"base"}:
            kind = group[1].removeprefix("wrong-")
            assert sorted(group) == sorted(["base", f"wrong-{kind}", f"correct-{kind}"] * 2)
    assert len(seen) == 3


def test_any_group_of_three_or_more_has_as_many_true_cues_as_false_ones() -> None:
    question = next(q for q in plain(300) if assigned_condition(q, 0, PAIRED) != "base")
    for size in range(3, 20):
        group = group_conditions(question, 0, PAIRED, size)
        assert len(group) == size
        counts = [sum(name.startswith(kind) for name in group) for kind in ("base", "wrong", "correct")]
        assert counts[1] == counts[2] >= 1
        assert abs(counts[0] - counts[1]) <= 1
    with pytest.raises(BadInput, match="3 or more"):
        group_conditions(question, 0, PAIRED, 2)


def test_one_group_is_one_question_and_reads_its_picture_once() -> None:
    reads = []

    def read() -> bytes:
        reads.append(1)
        return b"picture"

    question = Question("1", "t", "Which?", ("red", "blue"), 0, (Image(read),))
    shares, images = AugmentSettings(0.5, 0.5, groups="paired"), EncodedImages()
    names = group_conditions(question, 0, shares, 6)
    group = [build_prompt(question, name, 0, images.read(question)) for name in names]
    assert len(group) == 6
    assert {row.question.uid for row in group} == {"1"}
    assert {row.prompt.images for row in group} == {(b"picture",)}
    assert len(reads) == 1


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"wrong_caption": 0.2, "correct_caption": 0.1}, "differ"),
        ({"wrong_caption": 0.6, "correct_caption": 0.6}, "add up"),
        ({"wrong_think": -0.1, "correct_think": -0.1}, "from 0 to 1"),
        ({"groups": "mixed"}, "augment.groups is 'mixed'; give one of same, paired"),
    ],
)
def test_what_cannot_be_is_refused(given: dict, match: str) -> None:
    with pytest.raises(BadInput, match=match):
        build_config({"augment": given})
    assert AugmentSettings(wrong_caption=0.2, balanced=False).wrong_caption == 0.2


def test_a_question_without_a_cue_stays_plain_and_says_why() -> None:
    twins = Question("1", "t", "Which?", ("red", "red thing's red"), 0)
    row = build_prompt(twins, "wrong-caption", 0, ())
    assert (row.condition == "base") == bool(row.fallback_reason)
