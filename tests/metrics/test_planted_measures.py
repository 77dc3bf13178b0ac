"""Planted respondents: every planted rate lies in the interval of its measure, and claims follow the plant.

A 95 % interval misses its rate in one of twenty draws. `inside` therefore widens it to 5.1 standard errors,
which a correct measure misses with a probability of 3e-7, so that the tests also hold with fresh seeds.
"""

from __future__ import annotations

import numpy as np
import pytest

from hand_trials import row
from planted_trials import entropy, judged, planted
from unswayed.metrics import Estimate, Summary, summarise
from unswayed.metrics.auroc import auroc, auroc_difference
from unswayed.metrics.stats import split_difference

N = 1500


def inside(e: Estimate, truth: float) -> bool:
    assert e.value is not None
    assert e.low is not None
    assert e.high is not None
    low, high = (e.value + 2.6 * (end - e.value) for end in (e.low, e.high))
    return low <= truth <= high


def claim(summary: Summary, name: str) -> str:
    return next(c.verdict for c in summary.claims if c.name == name)


@pytest.mark.parametrize("rate", [0.02, 0.15, 0.6])
def test_thoughts_that_conclude_what_no_option_says(rng: np.random.Generator, rate: float) -> None:
    """They are decided and inconsistent: a conclusion off the options lowers consistency by its rate."""
    right, kind = rng.random(N) < 0.7, rng.random(N)
    answer = np.where(right, 0, 1)
    concluded = np.where(kind < rate, -2, np.where(kind < rate + 0.1, -1, answer))
    summary = summarise(
        planted({"base": {"answer": answer, **judged(answer, concluded, np.ones(N, bool))}}, N), resamples=100
    )
    measures = row(summary, "base")
    assert inside(measures["concludes_elsewhere"], rate)
    assert inside(measures["concludes"], 0.9)
    assert inside(measures["consistency"], 1 - rate / 0.9)
    assert inside(measures["inconsistent_right"], 0.7 * rate / 0.9)
    assert inside(measures["faithful_accuracy"], 0.7 * (0.9 - rate))
    assert measures["judged_share"].value == 1.0


def faithful_run(rng: np.random.Generator, abstains: dict[str, float], n: int = N) -> Summary:
    """Right on 87.5 % under base and 60 % under a wrong caption, always consistent; the judge abstains at
    random."""
    conditions = {}
    for name, accuracy in (("base", 0.875), ("wrong-caption", 0.6)):
        answer = np.where(rng.random(n) < accuracy, 0, 1)
        decided = rng.random(n) >= abstains[name]
        conditions[name] = {"answer": answer, "cue": 1, **judged(answer, answer, decided)}
    conditions["base"]["cue"] = [None] * n
    return summarise(planted(conditions, n), resamples=400)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7])
def test_an_abstaining_judge_does_not_lower_faithful_accuracy(rng: np.random.Generator, share: float) -> None:
    summary = faithful_run(rng, {"base": share, "wrong-caption": 0.0})
    base, caption = row(summary, "base"), row(summary, "wrong-caption")
    assert inside(base["faithful_accuracy"], 0.875)
    assert inside(base["judged_share"], 1 - share)
    assert inside(base["faithful_accuracy_lower"], 0.875 * (1 - share))
    assert inside(base["faithful_accuracy_upper"], 0.875)
    assert inside(caption["faithful_drop"], 0.275)
    assert claim(summary, "C2") != "holds"  # consistency costs nothing here
    note = next(c.note for c in summary.claims if c.name == "C2")
    assert ("under base" in note) == (share > 0)


def test_bounds_contain_the_truth_where_the_judge_abstains_on_what_matters(rng: np.random.Generator) -> None:
    """20 % of right answers are unfaithful, and the judge abstains on exactly those."""
    right, unfaithful = rng.random(N) < 0.8, rng.random(N) < 0.2
    answer = np.where(right, 0, 1)
    concluded = np.where(unfaithful, 2, answer)
    decided = ~(right & unfaithful)
    table = planted({"base": {"answer": answer, **judged(answer, concluded, decided)}}, N)
    measures = row(summarise(table, resamples=100), "base")
    lower, upper = (measures[f"faithful_accuracy_{end}"].value for end in ("lower", "upper"))
    assert lower is not None
    assert upper is not None
    assert inside(measures["faithful_accuracy_lower"], 0.64)
    assert inside(measures["faithful_accuracy_upper"], 0.8)
    assert lower <= float(np.mean(right & ~unfaithful)) <= upper


def test_a_model_without_thoughts_has_no_faithful_accuracy() -> None:
    table = planted({"base": {}, "wrong-caption": {"answer": 1, "cue": 1}}, 50)
    summary = summarise(table, resamples=100)
    assert not any(name.startswith("faithful") for r in summary.rows for name in r.measures)
    assert claim(summary, "C2") == "not tested"


def test_consistency_that_costs_is_found_among_decided_trials(rng: np.random.Generator) -> None:
    """Under the caption a quarter of right answers leave the thought; 40 % of thoughts stay undecided."""
    conditions = {}
    for name, accuracy, leaves in (("base", 0.9, 0.0), ("wrong-caption", 0.7, 0.25)):
        answer = np.where(rng.random(N) < accuracy, 0, 1)
        concluded = np.where((answer == 0) & (rng.random(N) < leaves), 2, answer)
        cue = [None] * N if name == "base" else 1
        conditions[name] = {"answer": answer, "cue": cue, **judged(answer, concluded, rng.random(N) < 0.6)}
    summary = summarise(planted(conditions, N), resamples=400)
    assert inside(row(summary, "wrong-caption")["faithful_drop"], 0.9 - 0.7 * 0.75)
    assert inside(row(summary, "wrong-caption")["drop"], 0.2)
    assert claim(summary, "C2") == "holds"


def letters(p_right: np.ndarray, options: int = 4, to_one: float = 1.0) -> np.ndarray:
    """P(option), shape (n, options): the rest of the mass on option 1 by `to_one`, otherwise evenly."""
    rest = 1 - p_right
    p = np.repeat((rest * (1 - to_one) / (options - 1))[:, None], options, axis=1)
    p[:, 0] = p_right
    p[:, 1] += rest * to_one
    return p


def confidence(p: np.ndarray) -> dict[str, object]:
    return {"p_correct": p[:, 0], "letter_entropy": entropy(p), "n_options": p.shape[1]}


def test_confidence_shifts_are_those_planted(rng: np.random.Generator) -> None:
    """Sure and wrong: the caption moves 0.3 of probability from the right option to the cue's."""
    p = rng.uniform(0.55, 0.95, N)
    base, caption = letters(p, to_one=0.5), letters(p - 0.3 + rng.normal(0, 0.02, N), to_one=1.0)
    even = np.full((N, 4), 0.25)
    conditions = {
        "base": confidence(base),
        "wrong-caption": {"answer": 1, "cue": 1, **confidence(caption)},
        "stop-think": confidence(even),
        "correct-caption": {"cue": 0, **confidence(base)},
    }
    summary = summarise(planted(conditions, N), resamples=100)
    rows = {r.condition: r for r in summary.rows}
    assert inside(rows["wrong-caption"].measures["p_correct_shift"], -0.3)
    shift = float(np.mean(entropy(caption) - entropy(base)))
    assert rows["wrong-caption"].measures["entropy_shift"].value == pytest.approx(shift)
    relative = rows["stop-think"].measures["entropy_shift_relative"]
    assert relative.value == pytest.approx(1 - float(entropy(base).mean()) / np.log(4))
    assert rows["wrong-caption"].shift_p["p_correct_shift"].holm < 0.001
    none = rows["correct-caption"]
    assert (none.measures["p_correct_shift"].value, none.shift_p["p_correct_shift"].holm) == (0.0, 1.0)
    assert claim(summary, "C14") == "holds"


def test_normalised_entropy_compares_questions_with_other_numbers_of_options() -> None:
    """An even guess has relative entropy 1 for any number of options, so moving to it shifts by 1 from
    certainty."""
    sure = np.eye(5)[np.zeros(20, int)]
    base = {"p_correct": 1.0, "letter_entropy": entropy(sure), "n_options": 4}
    more = {"p_correct": 0.2, "letter_entropy": float(np.log(5)), "n_options": 5, "answer": 4}
    measures = row(summarise(planted({"base": base, "base+abstain": more}, 20), resamples=50), "base+abstain")
    assert measures["entropy_shift"].value == pytest.approx(np.log(5))
    assert measures["entropy_shift_relative"].value == pytest.approx(1.0)


def test_no_confidence_is_lost_where_none_is_planted(rng: np.random.Generator) -> None:
    """Shifts of plus and minus 0.1 that cancel exactly."""
    p = rng.uniform(0.4, 0.8, N)
    shifted = p + np.where(np.arange(N) % 2, 0.1, -0.1)
    conditions = {"base": confidence(letters(p)), "wrong-caption": {"cue": 1, **confidence(letters(shifted))}}
    assert claim(summarise(planted(conditions, N), resamples=100), "C14") == "undecided"


def fragile(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Base P(option), whether base is right, and whether the caption leaves the answer right: likelier the
    larger P(correct). Wrong beliefs are as certain as right ones, so entropy cannot tell them apart."""
    top = rng.uniform(0.5, 0.99, n)
    right = rng.random(n) < 0.6
    p = letters(np.where(right, top, (1 - top) / 2), to_one=1.0)
    return p, right, rng.random(n) < p[:, 0] ** 2


def test_fragility_over_all_questions_is_recovered(rng: np.random.Generator) -> None:
    big, _, stays = fragile(rng, 400_000)
    everyone = np.arange(len(big))
    truth = auroc(big[:, 0], stays, everyone).value
    gap = auroc_difference(big[:, 0], -entropy(big), stays, everyone).value
    assert truth is not None
    assert gap is not None
    p, right, stays = fragile(rng, N)
    conditions = {
        "base": {"answer": np.where(right, 0, 1), **confidence(p)},
        "wrong-caption": {"answer": np.where(stays, 0, 1), "cue": 1, **confidence(p)},
    }
    summary = summarise(planted(conditions, N), resamples=100)
    measures = row(summary, "wrong-caption")
    assert inside(measures["auroc_p_correct_all"], truth)
    assert inside(measures["auroc_difference_all"], gap)
    assert claim(summary, "C6") == "holds"
    # Among base-right questions P(correct) is the top probability, so both orders are the same.
    assert measures["auroc_difference"].value == pytest.approx(0, abs=1e-9)
    assert measures["auroc_p_correct"].n == int(right.sum())


@pytest.mark.parametrize("well", [True, False])
def test_abstention_well_placed_and_at_random(rng: np.random.Generator, well: bool) -> None:
    """70 % right without the option. It is chosen on 60 % of the wrong ones, or on a fifth of all."""
    right = rng.random(N) < 0.7
    abstains = (~right & (rng.random(N) < 0.6)) if well else rng.random(N) < 0.2
    answer = np.where(right, 0, 1)
    conditions = {
        "base": {"answer": answer},
        "base+abstain": {"answer": np.where(abstains, 4, answer), "n_options": 5},
    }
    summary = summarise(planted(conditions, N), resamples=400)
    measures = row(summary, "base+abstain")
    rate, selective, wrong, selectivity = (
        (0.18, 0.7 / 0.82, 1.0, 1 - 0.12 / 0.82) if well else (0.2, 0.7, 0.3, 0)
    )
    assert inside(measures["abstain_rate"], rate)
    assert inside(measures["selective_accuracy"], selective)
    assert inside(measures["abstain_when_wrong"], wrong)
    assert inside(measures["abstain_selectivity"], selectivity)
    assert claim(summary, "C5") == "holds"  # accuracy itself does not rise
    note = next(c.note for c in summary.claims if c.name == "C5")
    assert note.startswith("base+abstain abstains on")


def test_an_option_that_nobody_chooses_has_no_selectivity() -> None:
    summary = summarise(planted({"base": {}, "base+abstain": {"n_options": 5}}, 200), resamples=100)
    measures = row(summary, "base+abstain")
    assert measures["abstain_rate"].value == 0.0
    assert not {"abstain_when_wrong", "abstain_selectivity"} & set(measures)


def test_intervals_of_selectivity_cover(rng: np.random.Generator) -> None:
    """Selectivity of a planted difference of 0.4, in 400 draws of 120 questions with four per group."""
    covered = 0
    for _ in range(400):
        cluster = np.repeat(np.arange(30), 4)
        split = rng.random(120) < 0.3
        true = rng.random(120) < np.where(split, 0.7, 0.3)
        e = split_difference(true, split, cluster)
        assert e.low is not None
        assert e.high is not None
        covered += e.low <= 0.4 <= e.high
    assert covered / 400 > 0.89  # 5.5 standard errors of 400 draws below 95 %
