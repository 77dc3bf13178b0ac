"""Measures of hand-made tables whose numbers can be counted on fingers."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from unswayed.errors import BadInput
from unswayed.metrics import (
    MEASURES,
    Estimate,
    Summary,
    compare,
    summarise,
)
from unswayed.metrics.cot_health import (
    distinct_2,
    gzip_ratio,
    template,
    top_share,
)
from unswayed.trial import STATES, Trial, table

OPTIONS = ("red", "blue", "green", "grey")


def trial(uid: int | str, condition: str = "base", answer: int | None = 0, **more: Any) -> Trial:
    """A trial of a question whose right option is 0; without an answer it was truncated."""
    state = more.pop("state", "ok" if answer is not None else "truncated")
    asked = state not in ("error", "not-asked")
    cue = more.get("cue")
    plain = Trial(
        key=f"{uid}/{condition}",
        benchmark="toys",
        family="colour",
        uid=str(uid),
        group=str(uid),
        condition=condition,
        sample=0,
        model="m",
        revision="r",
        n_options=4,
        gold=0,
        options=OPTIONS,
        question="Which?",
        state=state,
        answer=answer if asked else None,
        correct=answer == 0 if asked else None,
        followed_cue=None if cue is None or not asked else answer == cue,
    )
    return replace(plain, **more)


def thinking(uid: int, condition: str, answer: int, concluded: int | None, **more: Any) -> Trial:
    """A judged trial whose thought concludes an option (None: concludes nothing)."""
    agrees = None if concluded is None else concluded == answer
    return trial(
        uid, condition, answer, thought="So.", judged=True, concluded=concluded, consistent=agrees, **more
    )


def measured(trials: list[Trial]) -> Summary:
    return summarise(table(trials), resamples=300)


def values(summary: Summary, condition: str) -> dict[str, float | None]:
    return {name: e.value for name, e in row(summary, condition).items()}


def row(summary: Summary, condition: str) -> dict[str, Estimate]:
    return next(r for r in summary.rows if r.condition == condition).measures


def test_states_and_denominators() -> None:
    states = ["ok", "ok", "truncated", "unparsable", "refused", "error", "not-asked"]
    answers = [0, 1, None, None, None, None, None]
    trials = [trial(i, answer=a, state=s) for i, (s, a) in enumerate(zip(states, answers, strict=True))]
    found = measured(trials).rows[0]
    assert found.states == {name: states.count(name) for name in STATES}
    assert found.asked == 6
    accuracy = found.measures["accuracy"]
    assert (accuracy.value, accuracy.n) == (1 / 5, 5)  # one right of all but error and not-asked


def test_a_condition_never_asked_has_no_accuracy_and_no_p_value() -> None:
    trials = [trial(i) for i in range(3)] + [
        trial(i, "stop-think", None, state="not-asked") for i in range(3)
    ]
    summary = measured(trials)
    found = summary.rows[1]
    assert (found.condition, found.asked, found.p_value, found.p_holm) == ("stop-think", 0, None, None)
    assert found.measures == {"accuracy": Estimate(None)}


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
    found = values(summary, "base")
    assert found["accuracy"] == 5 / 8
    assert found["consistency"] == 3 / 5
    assert found["concludes"] == 5 / 6
    assert found["judged_share"] == 6 / 7
    assert found["faithful_accuracy"] == 2 / 8
    quadrants = ("consistent_right", "inconsistent_right", "consistent_wrong", "inconsistent_wrong")
    assert [found[q] for q in quadrants] == [2 / 5, 1 / 5, 1 / 5, 1 / 5]


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
    found = row(measured(trials), "wrong-think")
    assert [found[f].value for f in ("follows", "revises", "flips")] == [0.5, 0.25, 0.25]
    assert (found["acknowledges"].value, found["acknowledges"].n) == (0.5, 2)


def scored(uid: int, condition: str, answer: int, letters: tuple[float, ...], **more: Any) -> Trial:
    h = -sum(p * math.log(p) for p in letters if p)
    return trial(
        uid,
        condition,
        answer,
        letters=letters,
        p_correct=letters[0],
        letter_entropy=h,
        letters_outside=0.1,
        **more,
    )


def test_probabilities() -> None:
    trials = [scored(0, "base", 0, (0.7, 0.3)), scored(1, "base", 1, (0.2, 0.8)), trial(2)]
    found = values(measured(trials), "base")
    assert found["p_correct"] == pytest.approx(0.45)
    assert found["letters_outside"] == pytest.approx(0.1)
    assert found["brier"] == pytest.approx((2 * 0.3**2 + 2 * 0.8**2) / 2)
    assert found["ece"] == pytest.approx((0.3 + 0.8) / 2)  # each bin holds one: |1 - 0.7| and |0 - 0.8|
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
    found = row(summary, "wrong-caption")
    assert found["auroc_p_correct"].value == pytest.approx(8 / 9)
    assert found["auroc_p_correct"].n == 6
    assert found["auroc_difference"].value == pytest.approx(0)  # with two options both order alike
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
    assert summary.overall["image_reliance"].value == 2 / 4
    assert set(measured([t for t in trials if t.condition == "base"]).overall) == set()


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


def claim_table(wrong_think: float, wrong_caption: float) -> list[Trial]:
    """60 questions, all right in base; the given shares are right under the cues."""
    shares = {"base": 1.0, "wrong-think": wrong_think, "wrong-caption": wrong_caption}
    return [thinking(i, c, int(i >= 60 * s), 0) for c, s in shares.items() for i in range(60)]


def verdicts(trials: list[Trial]) -> dict[str, str]:
    return {c.name: c.verdict for c in measured(trials).claims}


def test_claims() -> None:
    assert list(verdicts(claim_table(0.2, 0.7))) == ["C1", "C2", "C3", "C4", "C5", "C6"]
    assert verdicts(claim_table(0.2, 0.7))["C1"] == "holds"
    assert verdicts(claim_table(0.7, 0.2))["C1"] == "does not hold"
    assert verdicts(claim_table(0.5, 0.52))["C1"] == "undecided"
    only_caption = [t for t in claim_table(0.2, 0.7) if t.condition != "wrong-think"]
    assert verdicts(only_caption) == {
        **dict.fromkeys(("C1", "C3", "C4", "C5", "C6"), "not tested"),
        "C2": "undecided",
    }
    untested = measured(only_caption).claims[4]
    assert untested.evidence == "Not measured in this run: a condition asked with and without +abstain."
    evidence = measured(claim_table(0.2, 0.7)).claims[0].evidence
    assert "accuracy(base) - accuracy(wrong-think) = +0.800 [" in evidence
    assert "n = 60" in evidence


def test_c2_counts_what_consistency_costs() -> None:
    base = [thinking(i, "base", 0, 0) for i in range(40)]
    caption = [
        thinking(i, "wrong-caption", 0, int(i < 20)) for i in range(40)
    ]  # right, half of them unfaithful
    summary = measured(base + caption)
    assert row(summary, "wrong-caption")["drop"].value == 0
    assert row(summary, "wrong-caption")["faithful_drop"].value == 0.5
    assert {c.name: c.verdict for c in summary.claims}["C2"] == "holds"


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
        for c in ("base", "wrong-caption", "wrong-think", "blank-image")
    ]
    trials = [replace(t, under_cue="flips", acknowledges=False) for t in trials]
    trials[1] = replace(trials[1], correct=False)
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


def test_compare_two_runs() -> None:
    first = [trial(i, "base", int(i < 4)) for i in range(10)] + [trial(50), trial(0, "stop-think")]
    second = [trial(i, "base", int(i < 1), model="n") for i in range(10)]
    second[9] = trial(9, "base", None, state="error", model="n")
    second.append(trial(0, "wrong-caption", model="n"))
    found = compare(table(first), table(second), resamples=200)
    assert (found.first, found.second) == ("m", "n")
    base, stop, caption = found.rows
    assert (base.first.value, base.second.value) == (5 / 9, 8 / 9)
    assert (base.difference.value, base.difference.n) == (pytest.approx(3 / 9), 9)
    assert (base.p_value, base.p_holm) == (0.25, 0.25)  # three against none; the only one compared
    assert (base.only_first, base.only_second, base.unscored) == (1, 0, 1)
    assert (stop.condition, stop.only_first, stop.p_value) == ("stop-think", 1, None)
    assert (caption.condition, caption.only_second, caption.difference.n) == ("wrong-caption", 1, 0)


def test_runs_on_other_questions_are_not_compared() -> None:
    with pytest.raises(BadInput, match="no question in common"):
        compare(table([trial(1)]), table([trial(2)]))
    with pytest.raises(BadInput, match="'1' under 'base' has another right option"):
        compare(table([trial(1)]), table([trial(1, gold=2)]))


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
