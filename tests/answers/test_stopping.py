"""A stop string counts once the thought is closed, whatever the thought says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unswayed.answers.parser import read
from unswayed.answers.stopping import first_stop

END = ("</answer>",)
BOATS = ("red boat", "white boat", "green buoy", "no boat")

# prefill, generation without a stop, what is left of it (None: nothing is cut)
TABLE = [
    ("", "<think>I look.</think><answer>B</answer> I hope so", "<think>I look.</think><answer>B</answer>"),
    ("", "<answer>B</answer> I hope so", "<answer>B</answer>"),
    ("", "<think>Maybe <answer>A</answer>? No.</think><answer>B</answer>x",
     "<think>Maybe <answer>A</answer>? No.</think><answer>B</answer>"),
    ("<think>", "Maybe <answer>A</answer>? No.</think><answer>B</answer>x",
     "Maybe <answer>A</answer>? No.</think><answer>B</answer>"),
    ("<think>It is red.", " Or <answer>A</answer>? No.</think><answer>B</answer>x",
     " Or <answer>A</answer>? No.</think><answer>B</answer>"),
    ("<think>\n", "I put it in <answer> </answer>.", None),
    ("", "<think>Maybe <answer>A</answer>", None),
    ("", "<THINK>Maybe <answer>A</answer>", None),
    ("", "◁think▷Maybe <answer>A</answer>", None),
    ("", "<thinking>Maybe <answer>A</answer>", None),
    ("<think>x</think>", "<answer>A</answer>y", "<answer>A</answer>"),
    ("", "<think>x</think> <think>y <answer>A</answer>", None),
    ("", "I must put it in <answer> </answer>. It is white.</think><answer>B</answer>x",
     "I must put it in <answer> </answer>. It is white.</think><answer>B</answer>"),
    ("", "Maybe <answer>A</answer>? No.</think><answer>B</answer>x",
     "Maybe <answer>A</answer>? No.</think><answer>B</answer>"),
    ("", "no tag at all", None),
    ("", "", None),
]  # fmt: skip


@pytest.mark.parametrize(("prefill", "text", "kept"), TABLE)
def test_table(prefill: str, text: str, kept: str | None) -> None:
    assert first_stop(text, END, prefill=prefill) == (None if kept is None else len(kept))


def test_the_first_of_several_stop_strings_counts() -> None:
    text = "<think>a\n\nb</think><answer>B</answer>\n\n"
    assert first_stop(text, ("\n\n", "</answer>")) == text.index("</answer>") + 9
    assert first_stop("<think>a\n\nb</think>x\n\n<answer>B</answer>", ("</answer>", "\n\n")) == 22
    assert first_stop(text, ()) is None
    assert first_stop(text, ("",)) is None


PIECES = st.sampled_from(
    ["<think>", "</think>", "<answer>", "</answer>", "A", "B", " ", "red boat", "◁/think▷", "<THINKING>"]
)


@given(before=st.lists(PIECES, max_size=6).map("".join), text=st.lists(PIECES, max_size=12).map("".join))
def test_what_is_kept_ends_in_a_stop_and_no_thought_is_open_there(before: str, text: str) -> None:
    cut = first_stop(text, END, prefill=before)
    if cut is not None:
        assert text[:cut].endswith(END[0])
        assert first_stop(text[:cut], END, prefill=before) == cut


@given(st.lists(st.sampled_from(["<answer>A</answer>", "<answer> </answer>", "no", " "]), max_size=5))
def test_no_answer_in_an_opened_thought_hides_the_answer_behind_it(parts: list[str]) -> None:
    text = "".join(parts) + "</think><answer>B</answer> and more"
    cut = first_stop(text, END, prefill="<think>")
    assert cut is not None
    assert read(text[:cut], BOATS, prefill="<think>").answer == 1


@pytest.mark.parametrize("unit", ["</answer>", "<answer></answer>", "<think></answer>", "<think></think>"])
def test_long_texts_end(unit: str) -> None:
    text = "<think>" + unit * (300_000 // len(unit))
    assert first_stop(text, END) in (None, *range(7, 60))
