"""Every kind of answer in `kinds`, in a tag and in plain text, and properties over generated sentences."""

from __future__ import annotations

import itertools

import pytest
from kinds import (
    BOATS,
    COLOURS,
    KINDS,
    LEFT_RIGHT,
    MARKS,
    PLACES,
    SIDES,
    THINGS,
    THOUGHTS,
    TWO_THREE_FOUR,
    YES_NO,
    T,
)

from unswayed.answers.extraction import extract_options
from unswayed.answers.numbers import NUMBER_WORDS
from unswayed.answers.option_matching import option_key
from unswayed.answers.parser import read

ROWS = [(kind, *row) for kind, rows in KINDS.items() for row in rows]


@pytest.mark.parametrize(("kind", "text", "options", "answer"), ROWS)
def test_kinds(kind: str, text: str, options: tuple[str, ...], answer: int | None) -> None:
    for generation in (f"{T}<answer>{text}</answer>", T + text, f"{T}<answer> {text}\n</answer>"):
        reading = read(generation, options)
        assert (reading.answer, reading.state) == (answer, "unparsable" if answer is None else "ok")


@pytest.mark.parametrize(("text", "prefill", "answer", "thought"), THOUGHTS)
def test_thoughts_that_hold_answer_tags(text: str, prefill: str, answer: int, thought: str | None) -> None:
    reading = read(text, BOATS, prefill=prefill)
    assert (reading.answer, reading.thought) == (answer, thought)


# {x} is the option that is chosen, {y} another one. Letters and texts are tried in both places.
CHOOSES = [
    "{x} because {y} is absent", "{x}, since {y} is wrong", "{x} rather than {y}", "{x} instead of {y}",
    "{x}, not {y}", "{x} and not {y}", "I choose {x} rather than {y}", "It is not {y}, so it must be {x}",
    "{y} is incorrect, so it must be {x}", "Not {y} but {x}", "The answer is {x}, not {y}.",
    "{y} can be ruled out, leaving {x}", "{x}. {y} is wrong.", "The answer is {x} because {y} is not visible",
    "\\boxed{{{x}}}", "{y} is wrong, so \\boxed{{{x}}}", "\\boxed{{{x}}}, not {y}",
    "Looking at {y}, no. \\boxed{{{x}}}",
    "The correct answer is {x}.", "So the answer must be {x}", "Therefore, {x}.", "I would go with {x}.",
    "{x} is correct.", "排除{y}，选{x}", "答案是{x}", "不是{y}，是{x}",
]  # fmt: skip
CHOOSES_NONE = [
    "{x} or {y}", "{x} and {y}", "{x}, {y}", "The answer is {x} or {y}.", "The answer is {x}, {y}",
    "either {x} or {y}", "{x} or maybe {y}", "not {x}", "It is not {x}.", "The answer is not {x}.",
    "{x} is wrong", "{x} is absent.", "{x} is incorrect", "All except {x}", "neither {x} nor {y}",
    "\\boxed{{{x}, {y}}}", "both {x} and {y}", "anything but {x}", "不是{x}",
    "{x}不对", "{x}或{y}", "{x}和{y}",
]  # fmt: skip


def names(options: tuple[str, ...], k: int) -> list[str]:
    letter = "ABCDEFG"[k]
    return [letter, f"({letter})", f"option {letter}", options[k]]


# In "yes, not no" and "to the right" the words of the options are words of the sentence too.
PLAIN = [BOATS[:3], COLOURS, TWO_THREE_FOUR, LEFT_RIGHT, ("dog", "cat", "horse"), PLACES]


@pytest.mark.parametrize("form", CHOOSES)
@pytest.mark.parametrize("options", PLAIN)
def test_the_chosen_option_is_found_or_none_and_never_the_rejected_one(
    form: str, options: tuple[str, ...]
) -> None:
    right = total = 0
    for x, y in itertools.permutations(range(len(options)), 2):
        for one, other in itertools.product(names(options, x), names(options, y)):
            answer = read(f"{T}<answer>{form.format(x=one, y=other)}</answer>", options).answer
            assert answer in (x, None), form.format(x=one, y=other)
            right, total = right + (answer == x), total + 1
    assert right >= 0.9 * total, form


@pytest.mark.parametrize("form", CHOOSES_NONE)
@pytest.mark.parametrize("options", PLAIN)
def test_what_chooses_none_is_no_answer(form: str, options: tuple[str, ...]) -> None:
    for x, y in itertools.permutations(range(len(options)), 2):
        for one, other in itertools.product(names(options, x), names(options, y)):
            text = form.format(x=one, y=other)
            assert read(f"{T}<answer>{text}</answer>", options).answer is None, text


@pytest.mark.parametrize(
    "form", ["({l}) {t}", "{l}. {t}", "{l}: {t}", "{l} {t}", "The answer is ({l}) {t}", "{t} ({l})"]
)
def test_a_letter_with_another_option_s_text_is_no_answer(form: str) -> None:
    for options in (BOATS, SIDES, COLOURS, TWO_THREE_FOUR, THINGS, YES_NO, MARKS, PLACES, LEFT_RIGHT):
        for k, j in itertools.product(range(len(options)), repeat=2):
            if (form, k) == ("{l} {t}", 0):
                continue  # "A white boat" begins with an article
            text = form.format(l="ABCDEFG"[k], t=options[j])
            assert read(f"{T}<answer>{text}</answer>", options).answer == (k if j == k else None), text


@pytest.mark.parametrize(
    "form", ["({l}) {t}", "{l}. {t}", "{l}: {t}", "{l} {t}", "The answer is ({l}) {t}", "{t} ({l})"]
)
def test_a_letter_with_a_number_that_is_no_option_s_is_no_answer(form: str) -> None:
    options = ("3", "5", "7")
    for n in (0, 1, 2, 4, 6, 8, 12, "four", "twenty-one", "1,000"):
        assert read(f"{T}<answer>{form.format(l='B', t=n)}</answer>", options).answer is None
    assert read(f"{T}<answer>{form.format(l='B', t='five')}</answer>", options).answer == 1


def in_words(n: int) -> str:
    tens = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
    if n >= 100:
        rest = f" and {in_words(n % 100)}" if n % 100 else ""
        return f"{NUMBER_WORDS[n // 100]} hundred{rest}"
    if n <= 20:
        return NUMBER_WORDS[n]
    return tens[n // 10] + (f"-{NUMBER_WORDS[n % 10]}" if n % 10 else "")


def test_every_number_up_to_999_is_read_from_its_words() -> None:
    for n in (0, *range(2, 1000)):  # "one of them" is no count
        assert option_key(in_words(n)) == option_key(in_words(n).replace("-", " ")) == (str(n),)
        options = (str(n), str(n + 1), str(n + 10))
        assert extract_options(f"There are {in_words(n)} of them.", options) == {0}


@pytest.mark.parametrize(
    "about", ["more than {}", "at least {}", "{} to 9", "{}.5", "{}-9", "> {}", "{} or more", "x-{}"]
)
def test_a_number_that_is_not_meant_exactly_is_no_answer(about: str) -> None:
    for k, n in enumerate(TWO_THREE_FOUR):
        text = about.format(n)
        assert k not in extract_options(text, TWO_THREE_FOUR), text
        assert read(f"{T}<answer>There are {text} of them</answer>", TWO_THREE_FOUR).answer is None
