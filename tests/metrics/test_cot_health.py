"""Length, repetition and templates of thoughts."""

from __future__ import annotations

import numpy as np
import pytest

from hand_trials import measured, trial
from unswayed.metrics.cot_health import distinct_2, gzip_ratio, template, top_share


def test_thought_health() -> None:
    trials = [trial(i, thought="x" * (i + 1)) for i in range(11)] + [trial(99, answer=None)]
    health = measured(trials).health["base"]
    assert [health[f"length_p{q}"] for q in (10, 50, 90)] == [2, 6, 10]
    assert health["top10_templates"] == pytest.approx(10 / 11)
    assert health["sampled"] == 11


def test_repetition() -> None:
    assert distinct_2(["a b c", "a b d"]) == 3 / 4
    assert distinct_2(["one"]) == 0.0
    assert (
        gzip_ratio(["the same again "] * 100) < 0.1 < gzip_ratio([str(np.random.default_rng(0).bytes(500))])
    )
    assert top_share(list("aaabbc"), 1) == 0.5


def test_templates_look_through_what_the_question_puts_in() -> None:
    one = template("A dog. I count 3 red cubes, so (B).", ["red cubes", "cubes"], "A dog.")
    two = template("A cat! I count 12.5 blue, so (A).", ["blue", "b"], "A cat!")
    assert one == two == "_ i count _ _ , so _ ."
    assert template("no red red red", ["red"], None) == "no _ _ _"
    assert template("(?:[a-", ["[a-", "(?"], None)  # hostile text is text
