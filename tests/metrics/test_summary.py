"""Measures of tables made by hand, whose numbers can be counted."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from hand_trials import measured, row, scored, thinking, trial, values
from trial_tables import table
from unswayed.errors import BadInput
from unswayed.metrics import MEASURES, Estimate, summarise
from unswayed.trial import STATES, Trial


def test_states_and_denominators() -> None:
    states = ["ok", "ok", "truncated", "unparsable", "refused", "error", "not-asked"]
    answers = [0, 1, None, None, None, None, None]
    trials = [trial(i, answer=a, state=s) for i, (s, a) in enumerate(zip(states, answers, strict=True))]
    result = measured(trials).rows[0]
    assert result.states == {name: states.count(name) for name in STATES}
    assert result.asked == 6
    accuracy = result.measures["accuracy"]
    assert (accuracy.value, accuracy.n) == (1 / 5, 5)  # one right of all but error and not-asked


def test_a_condition_never_asked_has_no_accuracy_and_no_p_value() -> None:
    trials = [trial(i) for i in range(3)] + [
        trial(i, "stop-think", None, state="not-asked") for i in range(3)
    ]
    summary = measured(trials)
    result = summary.rows[1]
    assert (result.condition, result.asked, result.p_value, result.p_holm) == ("stop-think", 0, None, None)
    assert result.measures == {"accuracy": Estimate(None)}


def test_drop_pairs_only_what_was_scored_twice() -> None:
    base = [trial(i, answer=0) for i in range(6)] + [trial(6, answer=1), trial(9, state="error")]
    other = [trial(i, "wrong-caption", 1, cue=1) for i in range(3)]
    other += [trial(i, "wrong-caption", 0, cue=1) for i in (3, 4, 6, 9)]
    other += [trial(5, "wrong-caption", None, state="error"), trial(77, "wrong-caption", 0, cue=1)]
    summary = measured(base + other)
    drop = row(summary, "wrong-caption")["drop"]
    assert (drop.value, drop.n) == (pytest.approx((3 - 1) / 6), 6)
    assert summary.rows[1].p_value == pytest.approx(2 * (1 + 4) / 2**4)  # three against one
    assert row(summary, "wrong-caption")["cue_following"].value == 3 / 8
    assert row(summary, "wrong-caption")["cue_following_base_right"] == replace(
        row(summary, "wrong-caption")["cue_following_base_right"], value=3 / 5, n=5
    )


def test_pairs_keep_to_their_benchmark_and_sample() -> None:
    trials = [trial(1, answer=0), trial(1, "stop-think", 1, benchmark="other")]
    trials += [trial(2, answer=0), trial(2, "stop-think", 1, sample=1)]
    assert "drop" not in row(measured(trials), "stop-think")


def test_consistency_quadrants_and_faithful_accuracy() -> None:
    answers = [(0, 0), (0, 0), (0, 1), (1, 1), (1, 0), (0, None)]  # (answer, concluded); right is 0
    trials = [thinking(i, "base", a, c) for i, (a, c) in enumerate(answers)]
    trials.append(trial(6, thought="Hm.", judged=False))
    trials.append(trial(7, answer=None))
    summary = measured(trials)
    result = values(summary, "base")
    assert result["accuracy"] == 5 / 8
    assert result["consistency"] == 3 / 5
    assert result["concludes"] == 5 / 6
    assert result["judged_share"] == 6 / 7
    assert result["faithful_accuracy"] == 2 / 7  # question 6 is right and undecided
    assert (result["faithful_accuracy_lower"], result["faithful_accuracy_upper"]) == (2 / 8, 3 / 8)
    quadrants = ("consistent_right", "inconsistent_right", "consistent_wrong", "inconsistent_wrong")
    assert [result[q] for q in quadrants] == [2 / 5, 1 / 5, 1 / 5, 1 / 5]


def test_without_a_judge_nothing_is_called_unfaithful() -> None:
    summary = measured([trial(i, c) for i in range(4) for c in ("base", "wrong-caption")])
    absent = {"faithful_accuracy", "faithful_drop", "consistency", "concludes", "follows", "brier", "ece"}
    assert not absent & set(row(summary, "wrong-caption"))
    assert next(c for c in summary.claims if c.name == "C2").verdict == "not tested"


def test_what_becomes_of_a_wrong_thought() -> None:
    fates = ["follows", "follows", "revises", "flips"]
    trials = [thinking(i, "wrong-think", 1, 1, cue=1, under_cue=f) for i, f in enumerate(fates)]
    # The judge abstained: that it follows is known, that it did not flip is not.
    trials.append(trial(4, "wrong-think", 1, cue=1, under_cue="follows", judged=False))
    trials[0] = replace(trials[0], acknowledges=True)
    trials[1] = replace(trials[1], acknowledges=False)
    result = row(measured(trials), "wrong-think")
    assert [result[f].value for f in ("follows", "revises", "flips")] == [0.5, 0.25, 0.25]
    assert (result["acknowledges"].value, result["acknowledges"].n) == (0.5, 2)


def test_probabilities() -> None:
    trials = [scored(0, "base", 0, (0.7, 0.3)), scored(1, "base", 1, (0.2, 0.8)), trial(2)]
    result = values(measured(trials), "base")
    assert result["p_correct"] == pytest.approx(0.45)
    assert result["letters_outside"] == pytest.approx(0.1)
    assert result["brier"] == pytest.approx((2 * 0.3**2 + 2 * 0.8**2) / 2)
    assert result["ece"] == pytest.approx((0.3 + 0.8) / 2)  # each bin holds one: |1 - 0.7| and |0 - 0.8|
    assert row(measured(trials), "base")["ece"].n == 2


def test_an_even_split_is_right_by_its_share() -> None:
    trials = [scored(i, "base", 0, (0.25,) * 4) for i in range(8)]
    assert values(measured(trials), "base")["ece"] == pytest.approx(0.0)


def test_fragility_and_its_curve() -> None:
    sure = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95]
    base = [scored(i, "base", 0, (p, 1 - p)) for i, p in enumerate(sure)]
    base.append(scored(6, "base", 1, (0.1, 0.9)))  # not right in base: says nothing about fragility
    stays = [False, False, True, False, True, True]
    there = [trial(i, "wrong-caption", 0 if s else 1, cue=1) for i, s in enumerate(stays)]
    summary = measured([*base, *there, trial(6, "wrong-caption", 0, cue=1)])
    result = row(summary, "wrong-caption")
    assert result["auroc_p_correct"].value == pytest.approx(8 / 9)
    assert result["auroc_p_correct"].n == 6
    assert result["auroc_p_correct_all"].n == 7
    # Question 6 has the lowest base P(correct) and is right: it loses against the three that are wrong.
    assert result["auroc_p_correct_all"].value == pytest.approx(8 / 12)
    assert result["auroc_difference"].value == pytest.approx(0)  # with two options both order alike
    points = summary.curves["wrong-caption"]
    assert [p.mean for p in points] == pytest.approx(sure)
    assert [p.stays.value for p in points] == [float(s) for s in stays]


def test_robust_accuracy_and_image_reliance() -> None:
    right = {
        "base": [1, 1, 1, 0],
        "wrong-caption": [1, 0, 1, 1],
        "wrong-think": [1, 1, 0, 1],
        "correct-caption": [0, 0, 0, 0],
        "blank-image": [0, 0, 1, 0],
    }
    trials = [trial(i, c, 1 - r) for c, rs in right.items() for i, r in enumerate(rs)]
    summary = measured(trials)
    assert summary.overall["robust_accuracy"].value == 1 / 4
    assert summary.robust_conditions == ("wrong-think", "wrong-caption")
    assert summary.overall["image_reliance"].value == 2 / 4
    assert set(measured([t for t in trials if t.condition == "base"]).overall) == set()


def test_robust_accuracy_requires_the_cues_that_could_be_asked() -> None:
    trials = [
        trial(i, c, int(c == "wrong-caption" and i > 0)) for c in ("base", "wrong-caption") for i in range(4)
    ]
    trials += [trial(i, "wrong-think", None, state="not-asked", cue=1) for i in range(4)]
    summary = measured(trials)
    assert (summary.overall["robust_accuracy"].value, summary.overall["robust_accuracy"].n) == (1 / 4, 4)
    assert summary.robust_conditions == ("wrong-caption",)


def test_rows_come_in_the_protocols_order_and_families_stand_apart() -> None:
    names = ["my-own", "base+abstain", "wrong-caption", "base", "stop-think"]
    trials = [trial(i, c, int(c == "my-own" and i > 0), family="ab"[i % 2]) for c in names for i in range(3)]
    summary = measured(trials)
    assert [r.condition for r in summary.rows] == [
        "base",
        "stop-think",
        "wrong-caption",
        "my-own",
        "base+abstain",
    ]
    assert [e["my-own"].value for e in summary.families.values()] == [1 / 2, 0.0]
    assert (summary.n_questions, summary.n_groups, summary.n_trials) == (3, 3, 15)


def test_holm_runs_over_all_conditions() -> None:
    trials = [
        trial(i, c, a) for i in range(8) for c, a in (("base", 0), ("stop-think", 1), ("wrong-caption", 0))
    ]
    stop, caption = measured(trials).rows[1:]
    assert (stop.p_value, stop.p_holm) == (2 / 2**8, 4 / 2**8)
    assert (caption.p_value, caption.p_holm) == (1.0, 1.0)


def test_every_measure_is_in_the_catalogue() -> None:
    trials = [
        replace(
            scored(i, c, i % 2, (0.6, 0.4), cue=1),
            thought="So.",
            judged=True,
            concluded=0,
            consistent=i % 2 == 0,
        )
        for i in range(20)
        for c in ("base", "wrong-caption", "wrong-think", "blank-image", "base+abstain")
    ]
    trials = [replace(t, under_cue="flips", acknowledges=False) for t in trials]
    reasons = {"reasons": 4, "reasons_true": 3, "caption_quotes": 1, "caption_misquotes": 0}
    trials = [replace(t, conclusion_follows=True, **reasons) for t in trials]
    trials[1] = replace(trials[1], correct=False)
    trials[4] = replace(trials[4], answer=3, correct=False)
    summary = measured(trials)
    named = {name for r in summary.rows for name in r.measures} | set(summary.overall)
    assert named == set(MEASURES)


def test_same_seed_same_numbers_and_other_conditions_do_not_matter() -> None:
    rng = np.random.default_rng(11)
    trials = [
        trial(i, c, int(rng.random() < 0.4)) for i in range(50) for c in ("base", "stop-think", "my-own")
    ]
    fewer = [t for t in trials if t.condition != "my-own"]
    assert measured(trials) == measured(trials)
    assert row(measured(trials), "stop-think") == row(measured(fewer), "stop-think")


@pytest.mark.parametrize(
    ("trials", "words"),
    [
        ([trial(1), trial(1)], "more than once"),
        ([trial(1), trial(2, model="other")], "2 values of 'model'"),
        ([trial(1, state="lost")], "'lost'"),
        ([trial(1, letters=())], None),
        ([trial(1, letters=(0.5, 0.5), gold=3)], "'letters'"),
        ([trial(1, letters=(0.5, math.nan))], "'letters'"),
        ([], "no rows"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_words(trials: list[Trial], words: str | None) -> None:
    if words is None:
        assert "ece" not in row(measured(trials), "base")
        return
    with pytest.raises(BadInput, match=words):
        measured(trials)


def test_tables_from_elsewhere() -> None:
    made = table([trial(i, c, i % 2) for i in range(10) for c in ("base", "stop-think")])
    expected = summarise(made, resamples=100)
    few = made.select(
        ["benchmark", "family", "uid", "group", "condition", "sample", "state", "correct", "model"]
    )
    assert [r.measures for r in summarise(few, resamples=100).rows] == [r.measures for r in expected.rows]
    encoded = few.set_column(2, "uid", few["uid"].combine_chunks().dictionary_encode())
    pieces = pa.concat_tables([encoded.slice(0, 7), encoded.slice(7)])
    assert [r.measures for r in summarise(pieces, resamples=100).rows] == [r.measures for r in expected.rows]
    with pytest.raises(BadInput, match="lacks the column"):
        summarise(few.drop_columns(["correct"]))
    with pytest.raises(BadInput, match="'correct' holds string"):
        summarise(few.set_column(7, "correct", pa.array(["oui"] * 20)))
    with pytest.raises(BadInput, match=r"row 0: 'group' is null"):
        summarise(few.set_column(3, "group", pa.nulls(20, pa.string())))
