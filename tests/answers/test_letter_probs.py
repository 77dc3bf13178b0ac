"""Where the letter is asked for, and what letter probabilities amount to."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unswayed.answers.letter_probs import LetterMeasures, letter_prefill, measure_letters
from unswayed.conditions import STOP_THINK
from unswayed.errors import BadInput
from unswayed.model_io import LetterScores


@pytest.mark.parametrize(
    ("prefill", "text", "expected"),
    [
        ("", "<think>x</think><answer>(B)</answer>", "<think>x</think><answer>"),
        ("", "<think>x</think>\n<ANSWER>\nB", "<think>x</think>\n<answer>"),
        ("<think>It is red.", " No.</think><answer>B</answer>", "<think>It is red. No.</think><answer>"),
        (STOP_THINK, "<answer>B</answer>", STOP_THINK + "<answer>"),
        (STOP_THINK + "<answer>", "B", STOP_THINK + "<answer>"),
        ("", "<think>x</think> So <answer>B</answer><answer>C</answer>", "<think>x</think> So <answer>"),
        (
            "",
            "<think>was <answer>A</answer></think><answer>B",
            "<think>was <answer>A</answer></think><answer>",
        ),
        # no answer tag: the thought is closed where open, text behind a closed one is dropped
        ("<think>It is red.", " It goes on", "<think>It is red. It goes on</think><answer>"),
        ("", "<think>It goes on</thi", "<think>It goes on</think><answer>"),
        ("", "<think>x</think> The answer is B", "<think>x</think><answer>"),
        ("", "x</think>B", "x</think><answer>"),
        ("", "x</think>B</answer>", "x</think><answer>"),
        ("", "I see a boat. B", "I see a boat. B<answer>"),
        ("", "I see a boat.<ans", "I see a boat.<answer>"),
        ("", "<think>x <answer>B", "<think>x <answer>"),
        ("", "", "<answer>"),
    ],
)
def test_up_to_the_answer(prefill: str, text: str, expected: str) -> None:
    assert letter_prefill(prefill, text) == expected


TAGS = st.sampled_from(
    ["<think>", "</think>", "<answer>", "</answer>", "<ANSWER>", "B", "<", "</", "<a", "x "]
)


@given(parts=st.lists(TAGS, max_size=10), border=st.integers(0, 40))
def test_always_ends_in_the_tag_and_does_not_depend_on_the_border(parts: list[str], border: int) -> None:
    whole = "".join(parts)
    asked = letter_prefill(whole[:border], whole[border:])
    assert asked.endswith("<answer>")
    assert asked == letter_prefill("", whole)
    assert letter_prefill(asked, "B</answer>") == asked  # asking again, after an answer, asks the same


@pytest.mark.parametrize("k", [2, 3, 4, 25])
def test_uniform_letters(k: int) -> None:
    measures = measure_letters(LetterScores((0.5 / k,) * k), gold=k - 1)
    assert measures is not None
    assert measures.entropy == pytest.approx(math.log(k))
    assert measures.p_correct == pytest.approx(1 / k)
    assert measures.outside == pytest.approx(0.5)


def test_one_letter_only() -> None:
    assert measure_letters(LetterScores((0.0, 0.25, 0.0)), 1) == LetterMeasures(
        (0.0, 1.0, 0.0), 0.75, 1.0, 0.0
    )
    wrong = measure_letters(LetterScores((0.0, 0.25, 0.0)), 0)
    assert wrong is not None
    assert (wrong.p_correct, wrong.entropy) == (0.0, 0.0)


def test_closed_form_of_two_letters() -> None:
    measures = measure_letters(LetterScores((0.6, 0.2)), 0)
    assert measures is not None
    assert measures.letters == pytest.approx((0.75, 0.25))
    assert measures.entropy == pytest.approx(2 * math.log(2) - 0.75 * math.log(3))  # ln 4 - 3/4 ln 3


@pytest.mark.parametrize("p", [(0.0, 0.0), (math.nan, 0.5), (math.inf, 0.5), (-0.5, 0.7)])
def test_no_usable_mass_is_no_measure(p: tuple[float, ...]) -> None:
    assert measure_letters(None, 0) is None
    assert measure_letters(LetterScores(p), 0) is None


def test_gold_must_be_a_letter() -> None:
    with pytest.raises(BadInput, match="index 3"):
        measure_letters(LetterScores((0.5, 0.5)), 3)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=25).filter(lambda p: sum(p) > 1e-9), st.data())
def test_letters_are_a_distribution(p: list[float], data: st.DataObject) -> None:
    gold = data.draw(st.integers(0, len(p) - 1))
    measures = measure_letters(LetterScores(tuple(p)), gold)
    assert measures is not None
    assert sum(measures.letters) == pytest.approx(1)
    assert 0 <= measures.entropy <= math.log(len(p)) + 1e-9
    assert measures.p_correct == measures.letters[gold]
    assert measures.outside >= 0
