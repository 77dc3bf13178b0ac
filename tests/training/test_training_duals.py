"""Floors: pressure while one is not met, none once it is, condition by condition."""

from __future__ import annotations

import json

import pytest

from unswayed.training.grpo.multipliers import FloorSettings, Multipliers


def test_pressure_rises_below_the_floor_and_goes_once_it_is_met() -> None:
    duals = Multipliers(FloorSettings(agree=0.8, rate=0.1, most=0.5, memory=0.5))
    seen = []
    for _ in range(30):
        duals.update({"agree": [0.0, 1.0]}, ["wrong-think", "base"])
        seen.append(duals.by_rollout("agree", ["wrong-think"])[0])
    assert seen == sorted(seen)
    assert seen[-1] == 0.5, "the highest"
    assert duals.by_rollout("agree", ["base", "never-seen"]) == [0.0, 0.0], "good conditions hide no bad one"
    for _ in range(60):
        duals.update({"agree": [1.0]}, ["wrong-think"])
    assert duals.by_rollout("agree", ["wrong-think"]) == [0.0]


def test_one_step_is_as_written() -> None:
    duals = Multipliers(FloorSettings(agree=0.8, words=5, words_share=0.9, rate=0.1, memory=0.75))
    duals.update({"agree": [0, 1], "words": [0, 0]}, ["base", "base"])
    assert duals.means == {"base/agree": 0.5, "base/words": 0.0}
    assert duals.values["base/agree"] == pytest.approx(0.1 * (0.8 - 0.5))
    duals.update({"agree": [1, 1], "words": [1, 1]}, ["base", "base"])
    assert duals.means["base/agree"] == pytest.approx(0.75 * 0.5 + 0.25)
    assert duals.values["base/agree"] == pytest.approx(0.03 + 0.1 * (0.8 - 0.625))
    assert duals.log_values()["base/dual_words"] == pytest.approx(0.09 + 0.1 * (0.9 - 0.25))


def test_a_condition_that_does_not_occur_keeps_its_pressure() -> None:
    duals = Multipliers(FloorSettings(agree=0.8))
    duals.update({"agree": [0.0]}, ["wrong-think"])
    before = duals.by_rollout("agree", ["wrong-think"])
    duals.update({"agree": [1.0]}, ["base"])
    assert duals.by_rollout("agree", ["wrong-think"]) == before


def test_what_is_stored_goes_on_as_if_nothing_had_happened() -> None:
    floors = FloorSettings(agree=0.8, gain=0.1)
    one, two = Multipliers(floors), Multipliers(floors)
    batches = [({"agree": [i % 2], "gain": [i / 9]}, ["base" if i % 3 else "wrong-think"]) for i in range(9)]
    for each in batches[:4]:
        one.update(*each)
    two.state = json.loads(json.dumps(one.state))
    for each in batches[4:]:
        one.update(*each)
        two.update(*each)
    assert one.state == two.state


def test_only_floors_that_are_set_are_there() -> None:
    assert FloorSettings().active == {}
    assert FloorSettings(words=6).active == {"words": 0.9}
    assert not FloorSettings(words=6).needs_frozen_model
    assert FloorSettings(gain=0.1).needs_frozen_model
