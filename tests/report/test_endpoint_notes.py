"""What the page says of thoughts that were not shown, and of what a second run may differ by."""

from __future__ import annotations

from typing import Any

import pytest

from unswayed.metrics.summary import Summary
from unswayed.report.headline import endpoint_notes, thought_note


def summary(**thoughts: int) -> Summary:
    return Summary("m", "", ("b",), 3, 3, 9, (), thoughts=thoughts)


def test_the_page_says_for_how_many_trials_thoughts_were_measured() -> None:
    assert thought_note(summary()) == ""
    note = thought_note(summary(visible=3, summary=2, hidden=1400))
    assert note.startswith("Thoughts: 3 visible, 2 summary, 1,400 hidden. ")
    assert "measured on the 3 visible ones" in note
    assert "measured on the 0 visible ones" in thought_note(summary(hidden=5))


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ({}, []),
        ({"asks": {"capabilities": {}}, "sessions": [{"endpoint": {"greedy_repeats": {"distinct": 1}}}]}, []),
        (
            {"asks": {"capabilities": {"refused": ["temperature", "\x1b[31mtop_p"]}}},
            ["refuses temperature, "],
        ),
        (
            {"sessions": [{"endpoint": {"greedy_repeats": {"asked": 3, "distinct": 2}}}]},
            ["3 times at once gave 2"],
        ),
        ({"asks": [], "sessions": {"endpoint": 3}}, []),
        ({"sessions": [None, {"endpoint": []}, {"endpoint": {"greedy_repeats": "x"}}]}, []),
        ({"asks": {"capabilities": {"refused": "x"}}, "sessions": None}, []),
    ],
)
def test_refused_fields_and_differing_repeats_are_told(manifest: dict[str, Any], words: list[str]) -> None:
    notes = endpoint_notes(manifest)
    assert len(notes) == len(words)
    for note, word in zip(notes, words, strict=True):
        assert word in note
        assert "\x1b" not in note
