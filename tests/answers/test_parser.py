"""Strings and what they say. Each row is a statement about the grammar; the properties hold for any text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unswayed.answers.extraction import extract_options
from unswayed.answers.parser import GRAMMAR, Reading, read
from unswayed.conditions import ABSTAIN, STOP_THINK

BOATS = ("red boat", "white boat", "green buoy", "no boat")
SIDES = ("left", "right", "left of", "on the right side")
NUMBERS = ("2", "3", "1", "0")
YES_NO = ("yes", "no")
SWAPPED = ("B", "A")
FAR = ("X", "Y", "Z")
CODE = ("C", "C++", "C#")
SIGNED = ("-1", "1", "50%", "50")
ABSTAINING = ("red", "blue", ABSTAIN)

T = "<think>I look.</think>"

# text, options, expected state, expected answer
TABLE = [
    # well-formed
    (T + "<answer>B</answer>", BOATS, "ok", 1),
    (T + "<answer>(B)</answer>", BOATS, "ok", 1),
    (T + "<answer>B.</answer>", BOATS, "ok", 1),
    (T + "<answer>b)</answer>", BOATS, "ok", 1),
    (T + "<answer>b</answer>", BOATS, "ok", 1),
    (T + "<answer>a</answer>", BOATS, "ok", 0),
    (T + "<answer>[B]</answer>", BOATS, "ok", 1),
    (T + '<answer>"B"</answer>', BOATS, "ok", 1),
    (T + "<answer>\n  B \n</answer>", BOATS, "ok", 1),
    (T + "<answer>(B) white boat</answer>", BOATS, "ok", 1),
    (T + "<answer>B: white boat</answer>", BOATS, "ok", 1),
    (T + "<answer>B - white boat</answer>", BOATS, "ok", 1),
    (T + "<answer>B. The white boat.</answer>", BOATS, "ok", 1),
    (T + "<answer>B white boat</answer>", BOATS, "ok", 1),
    (T + "<answer>B\nwhite boat</answer>", BOATS, "ok", 1),
    (T + "<answer>Option B</answer>", BOATS, "ok", 1),
    (T + "<answer>option (b)</answer>", BOATS, "ok", 1),
    (T + "<answer>Answer: B</answer>", BOATS, "ok", 1),
    (T + "<answer>The answer is (B).</answer>", BOATS, "ok", 1),
    (T + "<answer>The correct answer is B</answer>", BOATS, "ok", 1),
    (T + "<answer>\\boxed{B}</answer>", BOATS, "ok", 1),
    (T + "<answer>$\\boxed{\\text{B}}$</answer>", BOATS, "ok", 1),
    (T + "<answer>**B**</answer>", BOATS, "ok", 1),
    (T + "<answer>**(B) white boat**</answer>", BOATS, "ok", 1),
    (T + "<answer>`B`</answer>", BOATS, "ok", 1),
    (T + "<answer>（B）</answer>", BOATS, "ok", 1),
    (T + "<answer>Ｂ</answer>", BOATS, "ok", 1),
    (T + "<answer>Ⓑ</answer>", BOATS, "ok", 1),
    (T + "<answer><|begin_of_box|>B<|end_of_box|></answer>", BOATS, "ok", 1),
    (T + "<ANSWER>B</ANSWER>", BOATS, "ok", 1),
    (T + "< answer >B</ answer >", BOATS, "ok", 1),
    (T + "＜answer＞B＜/answer＞", BOATS, "ok", 1),
    ("◁think▷I look.◁/think▷<answer>B</answer>", BOATS, "ok", 1),
    ("<THINK>I look.</THINK><Answer>B</Answer>", BOATS, "ok", 1),
    ("<thinking>I look.</thinking><answer>B</answer>", BOATS, "ok", 1),
    (T + "<answer>B. It is plainly visible in the middle.</answer>", BOATS, "ok", 1),
    (T + "<answer>B, not the red boat</answer>", BOATS, "ok", 1),
    (T + "<answer>B\nB</answer>", BOATS, "ok", 1),
    # words only
    (T + "<answer>white boat</answer>", BOATS, "ok", 1),
    (T + "<answer>White Boat!</answer>", BOATS, "ok", 1),
    (T + "<answer>the  WHITE\nboat.</answer>", BOATS, "ok", 1),
    (T + "<answer>white-boat</answer>", BOATS, "ok", 1),
    (T + "<answer>A red boat</answer>", BOATS, "ok", 0),
    (T + "<answer>a white boat</answer>", BOATS, "ok", 1),
    (T + "<answer>A white boat</answer>", BOATS, "ok", 1),
    (T + "<answer>It is the white boat.</answer>", BOATS, "ok", 1),
    (T + "<answer>no boat</answer>", BOATS, "ok", 3),
    (T + "<answer>white boat, because of its sail</answer>", BOATS, "ok", 1),
    (T + "<answer>left</answer>", SIDES, "ok", 0),
    (T + "<answer>left of</answer>", SIDES, "ok", 2),
    (T + "<answer>Left of.</answer>", SIDES, "ok", 2),
    (T + "<answer>It is left of it</answer>", SIDES, "ok", 2),
    (T + "<answer>on the right side</answer>", SIDES, "ok", 3),
    (T + "<answer>right</answer>", SIDES, "ok", 1),
    (T + "<answer>(C) left of</answer>", SIDES, "ok", 2),
    (T + "<answer>2</answer>", NUMBERS, "ok", 0),
    (T + "<answer>3.</answer>", NUMBERS, "ok", 1),
    (T + "<answer>(2)</answer>", NUMBERS, "ok", 0),
    (T + "<answer>two</answer>", NUMBERS, "ok", 0),
    (T + "<answer>B) 3</answer>", NUMBERS, "ok", 1),
    (T + "<answer>There are two boats</answer>", NUMBERS, "ok", 0),
    (T + "<answer>zero</answer>", NUMBERS, "ok", 3),
    (T + "<answer>4</answer>", NUMBERS, "unparsable", None),
    (T + "<answer>-1</answer>", SIGNED, "ok", 0),
    (T + "<answer>1</answer>", SIGNED, "ok", 1),
    (T + "<answer>50%</answer>", SIGNED, "ok", 2),
    (T + "<answer>50</answer>", SIGNED, "ok", 3),
    (T + "<answer>C++</answer>", CODE, "ok", 1),
    (T + "<answer>c#</answer>", CODE, "ok", 2),
    (T + "<answer>C</answer>", CODE, "ok", 2),  # a lone letter in range is a letter
    (T + "<answer>yes</answer>", YES_NO, "ok", 0),
    (T + "<answer>No.</answer>", YES_NO, "ok", 1),
    (T + "<answer>No, there is no dog.</answer>", YES_NO, "ok", 1),
    (T + "<answer>Yes, it is not red.</answer>", YES_NO, "ok", 0),
    (T + "<answer>(B) No</answer>", YES_NO, "ok", 1),
    (T + "<answer>I'm not sure</answer>", ABSTAINING, "ok", 2),
    (T + "<answer>I’m not sure.</answer>", ABSTAINING, "ok", 2),
    (T + "<answer>I am not sure</answer>", ABSTAINING, "ok", 2),
    (T + "<answer>(C) I'm not sure</answer>", ABSTAINING, "ok", 2),
    # options that look like letters
    (T + "<answer>B</answer>", SWAPPED, "ok", 1),
    (T + "<answer>(A) B</answer>", SWAPPED, "ok", 0),
    (T + "<answer>Y</answer>", FAR, "ok", 1),
    (T + "<answer>B. Y</answer>", FAR, "ok", 1),
    (T + "<answer>B. Z</answer>", FAR, "unparsable", None),
    (T + "<answer>A</answer>", FAR, "ok", 0),
    # disagreement and several
    (T + "<answer>(B) red boat</answer>", BOATS, "unparsable", None),
    (T + "<answer>B: red boat</answer>", BOATS, "unparsable", None),
    (T + "<answer>B red boat</answer>", BOATS, "unparsable", None),
    (T + "<answer>A or B</answer>", BOATS, "unparsable", None),
    (T + "<answer>A, B</answer>", BOATS, "unparsable", None),
    (T + "<answer>A/B</answer>", BOATS, "unparsable", None),
    (T + "<answer>(A) (B)</answer>", BOATS, "unparsable", None),
    (T + "<answer>A B C D</answer>", BOATS, "unparsable", None),
    (T + "<answer>red boat or white boat</answer>", BOATS, "unparsable", None),
    (T + "<answer>left, or maybe right</answer>", SIDES, "unparsable", None),
    (T + "<answer>A) red boat B) white boat</answer>", BOATS, "unparsable", None),
    (T + "<answer>not the red boat</answer>", BOATS, "unparsable", None),
    (T + "<answer>The answer is B or C</answer>", BOATS, "unparsable", None),
    (T + "<answer>The answer is not B</answer>", BOATS, "unparsable", None),
    (T + "<answer>E</answer>", BOATS, "unparsable", None),
    (T + "<answer>E. white boat</answer>", BOATS, "unparsable", None),
    (T + "<answer></answer>", BOATS, "unparsable", None),
    (T + "<answer> \n </answer>", BOATS, "unparsable", None),
    (T + "<answer>the letter of the right option</answer>", BOATS, "unparsable", None),
    # several blocks
    (T + "<answer>A</answer><answer>B</answer>", BOATS, "unparsable", None),
    (T + "<answer>B</answer> so <answer>(B) white boat</answer>", BOATS, "ok", 1),
    (T + "<answer></answer><answer>B</answer>", BOATS, "ok", 1),
    (T + "<answer>A or B</answer><answer>B</answer>", BOATS, "unparsable", None),
    (T + "<answer>A<answer>B</answer>", BOATS, "unparsable", None),
    (T + "<answer><answer>B</answer></answer>", BOATS, "ok", 1),
    # tags missing or crossed
    (T + "<answer>B", BOATS, "ok", 1),
    (T + "<answer>(B) white boat\n", BOATS, "ok", 1),
    (T + "B</answer>", BOATS, "ok", 1),
    (T + "B", BOATS, "ok", 1),
    (T + "\n\n**B**", BOATS, "ok", 1),
    (T + "The answer is B.", BOATS, "ok", 1),
    (T + "a red boat", BOATS, "ok", 0),
    (T + "It shows a red car near a tree.", BOATS, "unparsable", None),
    (T + "A man stands there. A dog too.", BOATS, "unparsable", None),
    (T, BOATS, "unparsable", None),
    ("I look.</think>B", BOATS, "ok", 1),
    ("I look.</think><answer>B</answer>", BOATS, "ok", 1),
    ("<think>I look. <answer>B</answer>", BOATS, "ok", 1),
    ("<think>It is B. The answer is B", BOATS, "unparsable", None),
    ("<think><answer>A</answer> was a guess.</think><answer>B</answer>", BOATS, "ok", 1),
    ("<think>I look.<answer>B</answer></think>", BOATS, "unparsable", None),
    ("<think>one <think>two</think> three</think><answer>B</answer>", BOATS, "ok", 1),
    ("<answer>B</answer><think>I looked.</think>", BOATS, "ok", 1),
    ("<answer>B</answer></think>", BOATS, "ok", 1),
    ("<answer>B</answer>", BOATS, "ok", 1),
    ("B", BOATS, "ok", 1),
    ("The answer is B", BOATS, "ok", 1),
    ("The answer is a red boat", BOATS, "ok", 0),
    ("The answer is A", BOATS, "ok", 0),
    ("Answer: (C)", BOATS, "ok", 2),
    ("I see a red boat. A dog is near. The answer is (B) white boat.", BOATS, "ok", 1),
    ("The answer is A. The answer is B.", BOATS, "unparsable", None),
    ("A boat. It floats. It has a sail.", BOATS, "unparsable", None),
    ("", BOATS, "unparsable", None),
    ("   ", BOATS, "unparsable", None),
    ("</answer>", BOATS, "unparsable", None),
    ("<think>", BOATS, "unparsable", None),
    # refused
    ("I'm sorry, I can't help with that.", BOATS, "refused", None),
    ("I’m sorry, but I can’t assist with this request.", BOATS, "refused", None),
    (T + "I cannot answer this.", BOATS, "refused", None),
    (T + "<answer>I'm unable to help</answer>", BOATS, "refused", None),
    ("<think>I'm sorry, I can't help with that.", BOATS, "refused", None),
    ("I can't help but choose. The answer is B.", BOATS, "ok", 1),
]


@pytest.mark.parametrize(("text", "options", "state", "answer"), TABLE)
def test_table(text: str, options: tuple[str, ...], state: str, answer: int | None) -> None:
    reading = read(text, options)
    assert (reading.state, reading.answer) == (state, answer)


@pytest.mark.parametrize(
    ("prefill", "text", "thought", "answer"),
    [
        ("", T + "<answer>B</answer>", "I look.", 1),
        ("<think>It is red.", " No: white.</think><answer>B</answer>", "It is red. No: white.", 1),
        ("<think>It is red.", "<think>It is white.</think><answer>B</answer>", "It is red.\nIt is white.", 1),
        (STOP_THINK, "<answer>B</answer>", "Okay let's see. This should be the final answer.", 1),
        (STOP_THINK, "<think>More.</think><answer>B</answer>", f"{STOP_THINK[7:-8]}\nMore.", 1),
        ("", "No tag opens it.</think><answer>B</answer>", "No tag opens it.", 1),
        ("", "I reason without tags. <answer>B</answer>", None, 1),
        ("", "<think></think><answer>B</answer>", "", 1),
        ("", "<think>Never closed. <answer>B</answer>", "Never closed.", 1),
        ("", "<think>a<answer>B</answer><think>b</think>", "a\nb", 1),
        ("", "<answer>B</answer><think>After.</think>", "After.", 1),
        ("", "<think>one <think>two</think> three</think><answer>B</answer>", "one\ntwo\nthree", 1),
        ("", "<think>Was it <answer>A</answer>?</think><answer>B</answer>", "Was it <answer>A</answer>?", 1),
        ("", "<think>Never ends", "Never ends", None),
        ("", "The answer is B", None, 1),
    ],
)
def test_thought(prefill: str, text: str, thought: str | None, answer: int | None) -> None:
    reading = read(text, BOATS, prefill=prefill)
    assert (reading.thought, reading.answer) == (thought, answer)


@pytest.mark.parametrize(
    ("text", "finish", "state"),
    [
        (T + "<answer>B</answer>", "length", "ok"),
        (T + "<answer>B</answer> and then", "length", "ok"),
        (T + "<answer>B", "length", "truncated"),
        (T + "<answer>B", "stop", "ok"),
        (T + "The answer is B", "length", "truncated"),
        ("<think>It is", "length", "truncated"),
        ("", "length", "truncated"),
        (T + "<answer>B</answer><answer>A", "length", "ok"),
        (T + "<answer>B</answer><answer>A", "stop", "unparsable"),
        ("", "refused", "refused"),
        (T + "<answer>B</answer>", "refused", "ok"),
        ("I'm sorry, I can't help with", "length", "truncated"),
    ],
)
def test_finish(text: str, finish: str, state: str) -> None:
    assert read(text, BOATS, finish=finish).state == state


def test_answer_text_is_kept_where_it_is_no_answer() -> None:
    assert read(T + "<answer> A or B </answer>", BOATS) == Reading("unparsable", "I look.", None, "A or B")
    assert read(T + "<answer>(B)</answer>", BOATS).answer_text == "(B)"
    assert read("<think>x", BOATS).answer_text is None


def test_version_is_a_word() -> None:
    assert GRAMMAR.isalnum()


# Properties. Hypothesis prints the failing example and its seed.
PIECES = st.sampled_from(
    ["<think>", "</think>", "<answer>", "</answer>", "<ANSWER>", "A", "B", "(C)", "red boat", "white boat",
     " or ", "The answer is ", "not ", "\n", ". ", "Option ", "E", "I'm sorry, I can't help", "\\boxed{", "}",
     "<", "’"]
)  # fmt: skip
SOUP = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=14).map("".join))
OPTIONS = st.lists(st.text(max_size=8), min_size=2, max_size=25, unique=True)


@given(
    text=SOUP, prefill=SOUP, finish=st.sampled_from(["stop", "length", "refused", "error"]), options=OPTIONS
)
def test_nothing_breaks_it(text: str, prefill: str, finish: str, options: list[str]) -> None:
    for shown in (options, list(BOATS)):
        reading = read(text, shown, prefill=prefill, finish=finish)
        assert (reading.state == "ok") == (reading.answer is not None)
        assert reading.answer is None or 0 <= reading.answer < len(shown)


@given(whole=SOUP, data=st.data())
def test_where_the_prefill_ends_makes_no_difference(whole: str, data: st.DataObject) -> None:
    border = data.draw(st.integers(0, len(whole)))
    assert read(whole[border:], BOATS, prefill=whole[:border]) == read(whole, BOATS)


@given(thought=st.text(st.characters(blacklist_characters="<>＜＞◁▷﹤﹥"), max_size=40), data=st.data())
def test_well_formed_generations_round_trip(thought: str, data: st.DataObject) -> None:
    options = data.draw(st.sampled_from([BOATS, SIDES, NUMBERS, YES_NO, CODE, SIGNED, ABSTAINING]))
    k = data.draw(st.integers(0, len(options) - 1))
    letter = "ABCDEFG"[k]
    form = data.draw(
        st.sampled_from(["{0}", "({0})", "{0}.", "({0}) {1}", "{0}: {1}", "**{0}**", "Option {0}"])
    )
    reading = read(f"<think>{thought}</think><answer>{form.format(letter, options[k])}</answer>", options)
    assert (reading.state, reading.thought, reading.answer) == ("ok", thought.strip(), k)


@pytest.mark.parametrize("options", [BOATS, SIDES, NUMBERS, YES_NO, SIGNED, ABSTAINING, ("a", "b ", " c")])
def test_every_option_is_read_from_its_own_words(options: tuple[str, ...]) -> None:
    for k, option in enumerate(options):
        assert read(f"{T}<answer>{option}</answer>", options).answer == k


LONG = [
    "<think>",
    "<answer>A",
    "</answer>",
    "<  ",
    "1.1",
    "( A",
    "answer is ",
    "not red boat ",
    "A or B ",
    "''",
]
LONG += [" ", "*", "\\boxed{", "a", "\n", "１", "((((", "so no "]


@pytest.mark.parametrize("unit", LONG)
def test_long_texts_end(unit: str) -> None:
    """Quadratic reading would run into the test's time limit; what is read must still be a state."""
    text = unit * (300_000 // len(unit))
    for shape in (text, T + "<answer>" + text, T + text + "B"):
        assert read(shape, NUMBERS).state in ("ok", "unparsable")


def test_a_megabyte_of_thought() -> None:
    thought = "the boat is not red but maybe white. " * 27_000
    reading = read(f"<think>{thought}</think><answer>B</answer>", BOATS)
    assert (reading.answer, reading.thought) == (1, thought.strip())


@pytest.mark.parametrize("text", ["(A) purple", "A. purple", "(a) purple"])
def test_a_bracketed_a_is_a_letter_and_no_article(text):
    """The letter and the word name two options: that chooses none."""
    assert len(extract_options(text, ["red", "purple"])) == 2
    assert extract_options("a purple", ["red", "purple"]) == {1}
