"""Plain cues: each asserts its option and no other, in words that training and audit do not share."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from places import SAMPLE
from published import published
from unswayed.benchmarks import load
from unswayed.cues import (
    asserts,
    cue_file,
    fallback,
    mentioned,
    write,
)
from unswayed.question import Cue, Cues, Question


def ask(*options: str, gold: int = 0, uid: str = "1") -> Question:
    return Question(uid, "made", "What is it?", options, gold)


def given_cues(cues: Cues) -> dict[str, Cue]:
    return {name: cue for name, cue in vars(cues).items() if cue is not None}


def check(question: Question, cues: Cues, writers: tuple[str, ...] = ("plain",)) -> None:
    """What holds for all cues of any question."""
    found = given_cues(cues)
    for name, cue in found.items():
        assert asserts(cue, question), (name, cue, question.options)
        assert cue.kind == name.split("_")[1]
        assert (cue.option == question.gold) == name.startswith("correct")
        assert cue.writer in writers
        assert cue.text.endswith(".")
        assert "\n" not in cue.text
        assert "<think>" not in cue.text
    wrong = {cue.option for name, cue in found.items() if name.startswith("wrong")}
    assert len(wrong) <= 1


words = st.sampled_from(
    ["left", "right", "the", "answer", "image", "is", "A", "B", "C", "(B)", "12", "x^2", "."]
)
texts = st.one_of(
    st.lists(words, min_size=1, max_size=3).map(" ".join), st.text(min_size=1, max_size=12).map(str.strip)
).filter(bool)


@given(options=st.lists(texts, min_size=2, max_size=6, unique=True), seed=st.integers(0, 9), data=st.data())
def test_a_cue_asserts_its_option_and_no_other_whatever_the_options_are(
    options: list[str], seed: int, data: st.DataObject
) -> None:
    question = ask(*options, gold=data.draw(st.integers(0, len(options) - 1)))
    for use in ("audit", "train"):
        check(question, fallback.cues(question, seed, use))


def test_real_questions_all_get_their_cues() -> None:
    for question, use in product(load(SAMPLE), ("audit", "train")):
        cues = write(question, 0, use)
        check(question, cues, ("plain", "template"))
        assert set(given_cues(cues)) == {
            "wrong_caption", "wrong_thought", "correct_caption", "correct_thought"
        }  # fmt: skip


@pytest.mark.parametrize("file", ["en", "cn", "en_circular"])
def test_mmbench_questions_all_get_their_cues_in_words(file: str) -> None:
    path = published("mmbench", f"mmbench_sample_{file}.tsv")
    for question in load(path):
        cues = write(question, 0)
        check(question, cues, ("plain", "template"))
        assert len(given_cues(cues)) == 4
        code = any("\n" in option.strip() for option in question.options)
        assert code or not any("letter" in cue.phrasing for cue in given_cues(cues).values())


def test_code_is_named_by_its_letter_and_never_flattened() -> None:
    loop = "for x in fruits:\n    print(x)"
    question = ask(loop, "print(fruits)", "while True:\n    pass")
    for use in ("audit", "train"):
        for cue in given_cues(write(question, 0, use)).values():
            assert cue.option is not None
            assert f"option ({'ABC'[cue.option]})" in cue.text
            assert "for x in" not in cue.text


def test_no_caption_speaks_of_a_caption() -> None:
    for use in ("audit", "train"):
        for sentence in fallback.PHRASINGS[use, "caption"]:
            assert "caption" not in sentence.lower()
            assert any(word in sentence.lower() for word in ("image", "picture", "photo"))


def test_what_is_not_written_in_chinese_is_said() -> None:
    questions = list(load(published("mmbench", "mmbench_sample_cn.tsv")))
    cues = cue_file.build([(question, write(question, 0)) for question in questions], seed=0)
    assert cues.sheet["without_templates"] == {"Chinese": len(questions)}
    assert cues.sheet["writers"] == {"plain": 4 * len(questions)}


def test_right_and_wrong_cue_differ_in_the_option_alone() -> None:
    for seed in range(20):
        question = ask("red", "blue", "green")
        cues = fallback.cues(question, seed)
        for wrong, right in (
            (cues.wrong_caption, cues.correct_caption),
            (cues.wrong_thought, cues.correct_thought),
        ):
            assert wrong is not None
            assert right is not None
            assert wrong.option is not None
            assert wrong.phrasing == right.phrasing
            assert wrong.text.replace(question.options[wrong.option], "red") == right.text


def test_the_wrong_option_is_spread_evenly_and_all_phrasings_occur() -> None:
    cues = [fallback.cues(ask("red", "blue", "green", "grey", gold=1, uid=str(k)), 0) for k in range(600)]
    chosen = [c.wrong_caption.option for c in cues if c.wrong_caption]
    for option in (0, 2, 3):
        assert 150 < chosen.count(option) < 250
    for kind in ("caption", "thought"):
        seen = {cue.phrasing for c in cues for cue in given_cues(c).values() if cue.kind == kind}
        assert seen == {f"audit-{kind}-{k}" for k in range(len(fallback.PHRASINGS["audit", kind]))}


def test_cues_are_the_same_in_another_process_and_differ_by_seed() -> None:
    code = (
        "from unswayed.cues import fallback; from unswayed.question import Question;"
        "print([fallback.cues(Question(str(k), 'made', '?', ('a b', 'c d', 'e f'), 0), 5) for k in range(9)])"
    )
    for hash_seed in ("1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        here = [fallback.cues(Question(str(k), "made", "?", ("a b", "c d", "e f"), 0), 5) for k in range(9)]
        assert run.stdout.strip() == str(here)
    assert len({fallback.wrong_option(ask("a", "b", "c", "d"), seed) for seed in range(30)}) == 3


def test_training_and_audit_share_no_sentence() -> None:
    sentences = [s for several in fallback.PHRASINGS.values() for s in several]
    assert len(sentences) == len({s.casefold() for s in sentences})
    for sentence in sentences:
        assert sentence.count("{option}") == 1
        assert sentence.endswith(".")
    assert len(set(map(len, fallback.PHRASINGS.values()))) == 1


@pytest.mark.parametrize(
    ("options", "by_letter"),
    [
        (("table", "on the table"), False),  # one text lies in the other
        (("12", "2", "1"), False),
        (("Red", "red."), True),  # no words tell these apart
        (("</think>yes", "no"), True),  # would end the thought
        (("B", "A"), False),
    ],
)
def test_an_option_that_words_cannot_tell_is_named_by_its_letter(
    options: tuple[str, ...], by_letter: bool
) -> None:
    question = ask(*options)
    cues = fallback.cues(question, 0)
    check(question, cues)
    assert len(given_cues(cues)) == 4
    assert all(cue.phrasing.endswith("-letter") == by_letter for cue in given_cues(cues).values())


def test_a_cue_that_cannot_be_written_is_none() -> None:
    # Neither words (they fold together) nor letters (they are the other's words) can tell these.
    question = ask("option (b)", "option (a)", "OPTION (A).", "Option (B)")
    assert given_cues(fallback.cues(question, 0)) == {}


@pytest.mark.parametrize(
    ("text", "options", "found"),
    [
        ("The answer is on the table.", ("table", "on the table"), {1}),
        ("The answer is a table.", ("table", "on the table"), {0}),
        ("It is 12.", ("1", "12", "2"), {1}),
        ("Either red or blue.", ("red", "blue", "green"), {0, 1}),
        ("The answer is option (B).", ("red", "blue"), {1}),
        ("The answer is B.", ("B", "C"), {0, 1}),  # the text of one, the letter of the other
        ('The answer is "B".', ("B", "C"), {0}),
        ("A RED   car", ("red car", "blue car"), {0}),
        ("A category of polecats: one polecat.", ("cat", "pole"), set()),
        ("A tom-cat in a polecat's hole.", ("cat", "pole"), {0}),
        ("nothing of the kind", ("red", "blue"), set()),
        ("It holds 5 \\sqrt { 3 } here.", ("5", "5 \\sqrt { 3 }"), {1}),
    ],
)
def test_what_a_text_mentions(text: str, options: tuple[str, ...], found: set[int]) -> None:
    assert mentioned(text, options) == found


def test_a_cue_about_something_else_asserts_none() -> None:
    question = ask("red", "blue")
    assert asserts(Cue("caption", None, "There is a tree."), question)
    assert not asserts(Cue("caption", None, "There is a red tree."), question)
    assert not asserts(Cue("caption", 1, "There is a red tree."), question)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("Silver white color.", '"Silver white color"'),
        ("x = 1\n  print(x)", '"x = 1 print(x)"'),
        ('print("hi")', '“print("hi")”'),
        ("?!", '"?!"'),
    ],
)
def test_option_texts_in_a_sentence(option: str, said: str) -> None:
    assert fallback.quoted(option) == said


def test_drawn_questions_have_their_own_writer() -> None:
    cues = write(load("scenes", limit=1)[0], 0)
    assert cues.wrong_caption is not None
    assert cues.wrong_caption.writer == "template"
