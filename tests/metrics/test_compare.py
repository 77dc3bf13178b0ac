"""Two runs side by side, paired by question."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from hand_trials import scored, thinking, trial
from trial_tables import table
from unswayed.errors import BadInput
from unswayed.metrics import compare
from unswayed.metrics.compare import COMPARED
from unswayed.trial import Trial


def test_compare_two_runs() -> None:
    first = [trial(i, "base", int(i < 4)) for i in range(10)] + [trial(50), trial(0, "stop-think")]
    second = [trial(i, "base", int(i < 1), model="n") for i in range(10)]
    second[9] = trial(9, "base", None, state="error", model="n")
    second.append(trial(0, "wrong-caption", model="n"))
    comparison = compare(table(first), table(second), resamples=200)
    assert (comparison.first, comparison.second) == ("m", "n")
    base, stop, caption = comparison.rows
    accuracy = base.measures["accuracy"]
    assert (accuracy.first.value, accuracy.second.value) == (5 / 9, 8 / 9)
    assert (accuracy.difference.value, accuracy.difference.n) == (pytest.approx(3 / 9), 9)
    assert (accuracy.p_value, accuracy.p_holm) == (0.25, 0.25)  # three against none; the only one compared
    assert (base.only_first, base.only_second, base.unscored) == (1, 0, 1)
    assert (stop.condition, stop.only_first, stop.measures) == ("stop-think", 1, {})
    assert (caption.condition, caption.only_second, caption.pairs) == ("wrong-caption", 1, 0)
    assert comparison.warnings == ("3 trials have no partner in the other run and are left out",)


def test_pairs_misled_to_different_options_are_left_out_with_a_warning() -> None:
    first = [trial(i, "base") for i in range(8)] + [trial(i, "wrong-caption", 1, cue=1) for i in range(8)]
    second = [trial(i, "base", model="n") for i in range(8)]
    second += [
        trial(i, "wrong-caption", 0, cue=1 + i % 2, model="n", cue_text=f"It is {i}.") for i in range(8)
    ]
    comparison = compare(
        table([replace(t, cue_text="It is 0.") for t in first]), table(second), resamples=200
    )
    base, caption = comparison.rows
    assert (base.other_cue, base.pairs) == (0, 8)
    assert (caption.other_cue, caption.pairs, caption.other_wording) == (4, 4, 3)
    assert {name: m.difference.n for name, m in caption.measures.items()} == {"accuracy": 4, "drop": 4}
    cues, wording = comparison.warnings
    assert "different options on some questions" in cues
    assert "wrong-caption: 4 of 8" in cues
    assert wording.startswith("3 pairs")


def test_drops_faithful_accuracy_and_probabilities_are_compared() -> None:
    """Run 2 loses three of ten questions to the caption where run 1 loses one, and is 0.1 less certain."""

    def run(lost: int, p: float, unfaithful: int) -> list[Trial]:
        trials = []
        for i in range(10):
            for condition in ("base", "wrong-caption"):
                answer = int(condition != "base" and i < lost)
                plain = scored(i, condition, answer, (p, 1 - p), cue=None if condition == "base" else 1)
                concluded = 1 - answer if i >= 10 - unfaithful else answer
                consistent = concluded == answer
                trials.append(replace(plain, judged=True, concluded=concluded, consistent=consistent))
        return trials

    comparison = compare(table(run(1, 0.8, 0)), table(run(3, 0.7, 2)), resamples=500)
    caption = comparison.rows[1].measures
    values = {name: (m.first.value, m.second.value, m.difference.value) for name, m in caption.items()}
    assert list(values) == list(COMPARED)
    assert values["accuracy"] == pytest.approx((0.9, 0.7, -0.2))
    assert values["drop"] == pytest.approx((0.1, 0.3, 0.2))
    assert values["faithful_accuracy"] == pytest.approx((0.9, 0.5, -0.4))
    assert values["p_correct"] == pytest.approx((0.8, 0.7, -0.1))

    def entropy(p: float) -> float:
        return -p * math.log(p) - (1 - p) * math.log(1 - p)

    assert values["letter_entropy"] == pytest.approx(
        (entropy(0.8), entropy(0.7), entropy(0.7) - entropy(0.8))
    )
    assert "drop" not in comparison.rows[0].measures
    for row in comparison.rows:
        for m in row.measures.values():
            assert m.p_value is not None
            assert m.p_holm is not None
            assert m.p_value <= m.p_holm <= 1


def test_undecided_trials_do_not_enter_faithful_accuracy() -> None:
    first = [thinking(i, "base", 0, 0) for i in range(6)]
    second = [thinking(i, "base", 0, 0, model="n") for i in range(6)]
    second[0] = replace(second[0], judged=False, concluded=None, consistent=None)
    faithful = compare(table(first), table(second), resamples=200).rows[0].measures["faithful_accuracy"]
    assert (faithful.first.value, faithful.second.value, faithful.difference.n) == (1.0, 1.0, 5)


def test_runs_on_other_questions_are_not_compared() -> None:
    with pytest.raises(BadInput, match="no question in common"):
        compare(table([trial(1)]), table([trial(2)]))
    with pytest.raises(BadInput, match="'1' under 'base' has another right option"):
        compare(table([trial(1)]), table([trial(1, gold=2)]))
