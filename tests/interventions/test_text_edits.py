"""Cuts, filler, order of sentences, and the parts of a stored turn."""

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unswayed.answers.letter_probs import letter_prefill
from unswayed.conditions import NotAsked
from unswayed.interventions.text_edits import (
    count_words,
    filler,
    sentence_spans,
    shuffle_sentences,
    truncate,
)
from unswayed.interventions.turn import Turn, split_turn

texts = st.text(alphabet="ab .!?\n1", max_size=60)


@given(texts, st.floats(0, 1))
def test_a_truncation_keeps_its_share_of_words_from_the_front(text, share):
    cut = truncate(text, share)
    assert text.startswith(cut)
    assert count_words(cut) == math.floor(share * count_words(text) + 0.5)


@given(texts)
def test_the_whole_is_whole_and_nothing_is_nothing(text):
    assert truncate(text, 1.0) == text
    assert truncate(text, 0.0).strip() == ""


@given(texts)
def test_filler_has_as_many_words(text):
    assert count_words(filler(text)) == count_words(text)
    assert set(filler(text)) <= {" ", "."}


@given(texts)
def test_sentences_cover_all_words_in_order(text):
    spans = sentence_spans(text)
    assert " ".join(text[a:b] for a, b in spans).split() == text.split()
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))


@given(texts, st.integers(0, 9))
def test_a_shuffle_has_the_same_sentences_in_another_order(text, seed):
    sentences = [text[a:b] for a, b in sentence_spans(text)]
    shuffled = shuffle_sentences(text, random.Random(seed))
    if len(set(sentences)) < 2:
        assert shuffled is None
    else:
        assert shuffled != text
        assert sorted(shuffled.split()) == sorted(text.split())
        assert len(shuffled) == len(text)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("It is red. So (B).", ["It is red.", "So (B)."]),
        ("1. A cat. 2. A dog.", ["1. A cat.", "2. A dog."]),
        ("Fruit, e.g. apples. Yes!", ["Fruit, e.g. apples.", "Yes!"]),
        ("It is 3.5 m. Far.", ["It is 3.5 m.", "Far."]),
        ("First line\nsecond line", ["First line", "second line"]),
        ("The answer is B. Done", ["The answer is B.", "Done"]),
        ('He said "left." Then', ['He said "left."', "Then"]),
        ("", []),
    ],
)
def test_where_sentences_end(text, sentences):
    assert [text[a:b] for a, b in sentence_spans(text)] == sentences


@pytest.mark.parametrize(
    ("prefill", "text", "turn"),
    [
        (
            "",
            "<think> It is red. </think>\n<answer>(A)</answer>",
            ("<think>", " It is red. ", "</think>\n<answer>"),
        ),
        ("<think>So", " it is.</think><answer>A</answer>", ("<think>", "So it is.", "</think><answer>")),
        ("", "Well. <think>It is.</think> A", ("Well. <think>", "It is.", "</think><answer>")),
        ("", "<THINKING>It is.</THINKING><answer>A", ("<THINKING>", "It is.", "</THINKING><answer>")),
        # The chat template opened the thought; a thought that nothing closes.
        ("", "It is.</think><answer>A</answer>", ("<think>", "It is.", "</think><answer>")),
        ("", "<think>It is.<answer>A</answer>", ("<think>", "It is.", "</think><answer>")),
    ],
)
def test_a_turn_in_three_parts(prefill, text, turn):
    assert split_turn(prefill, text) == Turn(*turn)


def test_with_the_own_thought_it_is_the_letter_prefill():
    text = "<think> It is red. </think>\n\n<answer>(A)</answer>"
    turn = split_turn("", text)
    assert turn.closed(turn.thought) == letter_prefill("", text)
    assert turn.open(" It is") == "<think> It is"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<answer>A</answer>", "0 thoughts"),
        ("<think>a</think>x<think>b</think><answer>A</answer>", "2 thoughts"),
        ("<answer>A</answer><think>It is red.</think>", "before the thought"),
    ],
)
def test_a_turn_that_cannot_be_taken_apart(text, reason):
    turn = split_turn("", text)
    assert isinstance(turn, NotAsked)
    assert reason in turn.reason
