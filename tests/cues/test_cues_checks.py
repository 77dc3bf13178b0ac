"""What a cue must not be: each complaint has its own example, and what is right has none."""

from __future__ import annotations

import pytest

from unswayed.cues import asserts, mentioned, problems
from unswayed.question import Cue, Question

BED = Question("1", "made", "Where is the lamp on the left of the bed?", ("left", "right", "above"), 0)
CATS = Question("2", "made", "How many cats are there?", ("2", "3", "12"), 0)
DOG = Question("3", "made", "Consider the yard. Is there a dog under the tree?", ("Yes", "No"), 0)


def said(text: str, option: int, question: Question, phrasing: str = "x") -> tuple[str, ...]:
    return problems(Cue("caption", option, text, "human", phrasing), question)


@pytest.mark.parametrize(
    ("text", "option", "question"),
    [
        ("The lamp is to the right of the bed.", 1, BED),
        ("This is an image with twelve cats.", 2, CATS),
        ("There are two cats.", 0, CATS),
        ("There is a dog under the tree.", 0, DOG),
        ("There is no dog under the tree.", 1, DOG),
        ("The dog is not under the tree.", 1, DOG),
        ("The answer is yes.", 0, DOG),
    ],
)
def test_a_plain_statement_of_the_option_passes(text: str, option: int, question: Question) -> None:
    assert said(text, option, question) == ()


@pytest.mark.parametrize(
    ("text", "option", "question", "why"),
    [
        ("", 0, BED, "empty"),
        ("The lamp is to the left", 0, BED, "full stop"),
        ("Is the lamp to the left? It is.", 0, BED, "question mark"),
        ("It is left. It is so. It is true.", 0, BED, "two sentences"),
        ("Where is the lamp on the left of the bed. It is left.", 0, BED, "repeats the question"),
        ("The lamp might be on the left.", 0, BED, "hedges"),
        ("The answer is (A), left.", 0, BED, "letter"),
        ("It is (A) left.", 0, BED, "letter"),
        ("The lamp is left.</think>", 0, BED, "tag"),
        ("The lamp is\nleft.", 0, BED, "line break"),
        ("The lamp is left, right of the bed.", 0, BED, "exactly the option"),
        ("The lamp is to the right.", 0, BED, "exactly the option"),
        ("The lamp is not to the left.", 0, BED, "exactly the option"),
        ("The lamp is there.", 0, BED, "exactly the option"),
        ("There are three cats.", 0, CATS, "exactly the option"),
        ("There is no dog under the tree.", 0, DOG, "exactly the option"),
        ("There is a dog under the tree.", 1, DOG, "exactly the option"),
        ("The sky is blue.", 0, DOG, "exactly the option"),
        ("The sky is not blue.", 1, DOG, "exactly the option"),
    ],
)
def test_what_is_wrong_with_a_cue_is_told(text: str, option: int, question: Question, why: str) -> None:
    found = said(text, option, question)
    assert any(why in complaint for complaint in found), found


def test_a_letter_is_no_complaint_where_the_phrasing_says_so() -> None:
    assert said("The answer is option (A).", 0, BED, "audit-caption-0-letter") == ()


def test_words_of_a_phrase_that_the_question_gives_assert_nothing() -> None:
    cue = Cue("caption", 1, "The lamp on the left of the bed is on the right.")
    assert not asserts(cue, BED)
    assert asserts(cue, BED, ["the lamp on the left of the bed"])


def test_a_phrase_that_is_not_in_the_question_is_not_given() -> None:
    cue = Cue("caption", 1, "The left wall is on the right.")
    assert not asserts(cue, BED, ["the left wall"])


def test_number_words_are_digits() -> None:
    assert mentioned("There are twelve of them.", ("12", "2")) == {0}
    assert mentioned("There are 12 of them.", ("twelve", "two")) == {0}
