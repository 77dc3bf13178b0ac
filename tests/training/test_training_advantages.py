"""What rollouts earn by each other, and the credit they get: against formulas written out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from unswayed.conditions import Prompt
from unswayed.question import Cue, Question
from unswayed.training.augmentation import TrainingPrompt
from unswayed.training.config.reward import RewardSettings
from unswayed.training.grpo.advantages import floor_advantages, group_advantages, segment_advantages
from unswayed.training.rewards.group_rewards import add_group_rewards, care_bonus, cross_condition_means
from unswayed.training.rewards.score import RolloutReward, score_rollout

NAMES = ("base", "wrong-think", "correct-think")


@pytest.fixture
def draws() -> np.random.Generator:
    seed = int(np.random.SeedSequence().entropy) % 2**32  # type: ignore[arg-type]
    print(f"seed {seed}")
    return np.random.default_rng(seed)


def test_credit_is_trls(draws: np.random.Generator) -> None:
    torch = pytest.importorskip("torch")
    from trl.trainer.utils import nanstd

    for size in (2, 3, 8):
        r = draws.random(4 * size)
        r[draws.random(len(r)) < 0.2] = math.nan
        r[:2] = 0.3, 0.7
        rows = torch.tensor(r).view(-1, size)
        centred = rows - torch.nanmean(rows, 1, keepdim=True)
        for scale, std in (
            ("group", nanstd(rows, dim=1, keepdim=True)),
            ("batch", nanstd(rows.view(-1))),
            ("none", torch.tensor(1 - 1e-4, dtype=torch.float64)),
        ):
            theirs = torch.nan_to_num(centred / (std + 1e-4), nan=0.0).view(-1).numpy()
            np.testing.assert_allclose(group_advantages(r, size, scale), theirs, rtol=1e-6, atol=1e-9)  # type: ignore[arg-type]


def test_cross_is_the_mean_over_those_asked_otherwise(draws: np.random.Generator) -> None:
    for _ in range(20):
        size = int(draws.integers(2, 8))
        paid, names = draws.random(3 * size), draws.choice(NAMES, 3 * size).tolist()
        found = cross_condition_means(paid, names, size)
        for i in range(len(paid)):
            start = i // size * size
            others = [paid[j] for j in range(start, start + size) if names[j] != names[i]]
            assert found[i] == pytest.approx(sum(others) / len(others) if others else 0)


def test_the_bonus_goes_to_the_surer_half_of_the_right_ones() -> None:
    right, sure = [1, 1, 1, 0, 1, 0, 0, 0], [0.9, 0.5, 0.2, 1.0, 0.1, 0.9, 0.9, 0.9]
    assert care_bonus(right, sure, 4).tolist() == [1, 0, 0, 0, 1, 0, 0, 0]
    assert care_bonus(right, sure, 4, margin=0.1).tolist() == [1, 1, 0, 0, 1, 0, 0, 0]
    # What is surer than the cap is no surer than what is as sure as it.
    assert care_bonus([1, 1], [0.96, 1.0], 2).tolist() == [1, 1]
    assert care_bonus([1, 1], [0.96, 1.0], 2, cap=1.0).tolist() == [0, 1]
    assert care_bonus([0, 0], [1, 1], 2).tolist() == [0, 0], "nothing is paid where nothing is right"


QUESTION = Question("1", "t", "?", ("red", "blue", "green"), 0)


def row(name: str) -> TrainingPrompt:
    option = {"base": None, "wrong-think": 1, "correct-think": 0}[name]
    cue = None if option is None else Cue("thought", option, "It is so.")
    return TrainingPrompt(QUESTION, name, Prompt("", "?", "", (), QUESTION.options, cue))


def said(letter: str, recipe: RewardSettings) -> RolloutReward:
    word = QUESTION.options["ABC".index(letter)]
    return score_rollout(
        f"<think>It is {word}.</think><answer>({letter})</answer>", QUESTION, QUESTION.options, "stop", recipe
    )


def test_paired_groups_are_paid_as_written(draws: np.random.Generator) -> None:
    """R3: C (1 + k mean over other conditions of C) - e [obeys a wrong cue] + 0.1 F, over random answers."""
    recipe = RewardSettings(cross=0.5, obey=0.7)
    rows = [row(name) for name in NAMES * 4]
    for _ in range(20):
        answers = draws.choice(list("ABC"), len(rows)).tolist()
        scores = add_group_rewards([said(a, recipe) for a in answers], rows, 6, recipe)
        right = [float(a == "A") for a in answers]
        for i, found in enumerate(scores):
            group = range(i // 6 * 6, i // 6 * 6 + 6)
            others = [right[j] for j in group if rows[j].condition != rows[i].condition]
            obeys = rows[i].condition == "wrong-think" and answers[i] == "B"
            want = 0.1 + right[i] * (1 + 0.5 * sum(others) / len(others)) - 0.7 * obeys
            assert found.total == pytest.approx(want)
            assert found.more["obeyed"] == obeys


def test_obeying_and_negating_cues_do_not_pay() -> None:
    """Who follows every cue, and who leaves every one, earns less in a paired group than who sees."""
    recipe = RewardSettings(cross=0.5, obey=0.5)
    rows = [row(name) for name in NAMES * 2]
    ways = {
        "sees": {"base": "A", "wrong-think": "A", "correct-think": "A"},
        "obeys": {"base": "A", "wrong-think": "B", "correct-think": "A"},
        "negates": {"base": "A", "wrong-think": "A", "correct-think": "B"},
    }
    mean = {
        name: np.mean(
            [
                s.total
                for s in add_group_rewards([said(way[r.condition], recipe) for r in rows], rows, 6, recipe)
            ]
        )
        for name, way in ways.items()
    }
    assert mean["sees"] > mean["negates"] > mean["obeys"]


def test_the_bonus_joins_the_total_of_right_rollouts_alone() -> None:
    from dataclasses import replace

    recipe = RewardSettings(care=0.5)
    scores = [said(a, recipe) for a in "AAB"]
    scores = [replace(s, more={"likely": p}) for s, p in zip(scores, (0.9, 0.3, 0.99), strict=True)]
    found = add_group_rewards(scores, [row("base")] * 3, 3, recipe)
    assert [s.total for s in found] == pytest.approx([1.6, 1.1, 0.1])
    assert [s.more["care"] for s in found] == [1, 0, 0]


def test_who_could_not_be_paid_is_in_no_mean() -> None:
    from dataclasses import replace

    recipe = RewardSettings(cross=1.0, obey=1.0)
    scores = [said(a, recipe) for a in "AAA"]
    scores[1] = replace(scores[1], total=math.nan)
    found = add_group_rewards(scores, [row(n) for n in NAMES], 3, recipe)
    assert math.isnan(found[1].total)
    assert found[0].total == pytest.approx(0.1 + 1 * (1 + 1.0))
    assert group_advantages([1.0, math.nan, 0.0], 3, "none").tolist() == [0.5, 0, -0.5]


def test_segments_are_credited_apart(draws: np.random.Generator) -> None:
    n, size, length = 6, 3, 5
    form, thought, answer = draws.random((3, n))
    ends = [0, 1, 2, 3, 5, 9]
    found = segment_advantages(form, thought, answer, ends, length, size, "none", weight=0.1)
    assert found.shape == (n, length)

    def centred(x: np.ndarray, i: int) -> float:
        return float(x[i] - x[i // size * size : i // size * size + size].mean())

    for i in range(n):
        for t in range(length):
            mine = thought if t < ends[i] else answer
            assert found[i, t] == pytest.approx(centred(mine, i) + 0.1 * centred(form, i))


def test_a_right_answer_against_its_thought_helps_nothing() -> None:
    """R2: a silent flip to the right option is credited like one to a wrong option."""
    flips = segment_advantages([1, 1, 1], [0, 0, 1], [0, 0, 1], [1] * 3, 2, 3, "group", weight=0.1)
    np.testing.assert_allclose(flips[0], flips[1])
    assert (flips[2] > flips[0]).all()


def test_floors_weigh_their_signals_by_condition() -> None:
    rewards, agree = [1, 0, 1, 0], [0, 0, 1, 1]
    free = floor_advantages(rewards, {"agree": agree}, {"agree": [0.0] * 4}, 4, "none")
    np.testing.assert_allclose(free, group_advantages(rewards, 4, "none"))
    held = floor_advantages(rewards, {"agree": agree}, {"agree": [2.0, 0, 0, 2.0]}, 4, "none")
    np.testing.assert_allclose(held, [0.5 - 1, -0.5, 0.5, -0.5 + 1])
