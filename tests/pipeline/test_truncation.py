"""The warning while a run is going on: most answers are cut off before their thought is complete."""

from __future__ import annotations

import logging

import pytest

from unswayed.pipeline.truncation import FIRST, TruncationWatch


@pytest.mark.parametrize(
    ("cut", "total", "warned"),
    [(FIRST, FIRST, True), (FIRST - 1, FIRST - 1, False), (0, 1000, False), (FIRST // 2, FIRST, False)],
)
def test_a_run_that_is_mostly_cut_off_says_so_once(
    caplog: pytest.LogCaptureFixture, cut: int, total: int, warned: bool
) -> None:
    watch = TruncationWatch()
    with caplog.at_level(logging.WARNING, "unswayed.audit"):
        for i in range(total):
            if i < cut:
                watch.add("truncated", "I look at", "<think>I look at")
            else:
                watch.add("ok", "Red.", "<think>Red.</think><answer>A</answer>")
    assert watch.warned == warned
    assert len(caplog.records) == warned
    if warned:
        for option in ("--max-tokens", "--thinking-budget", "--reasoning-effort"):
            assert option in caplog.text


def test_a_text_cut_behind_its_closed_thought_is_no_sign() -> None:
    watch = TruncationWatch()
    for _ in range(10 * FIRST):
        watch.add("truncated", "Red.", "<think>Red.</think><answer>")
    assert not watch.warned


def test_a_share_that_grows_late_is_noticed() -> None:
    watch = TruncationWatch()
    for _ in range(FIRST):
        watch.add("ok", "Red.", "<think>Red.</think>A")
    for _ in range(6 * FIRST):
        watch.add("truncated", None, "")
    assert watch.warned
