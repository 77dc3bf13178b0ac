"""The rules of the trade-off study's goal: each breaks alone, and a run that keeps all is not blamed."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import pytest

from places import ROOT
from unswayed.study.settings import load_study
from unswayed.training.config.arms import ARMS

CONDITIONS = ("base", "wrong-caption", "wrong-think", "correct-caption", "correct-think")
START = {"consistency": 0.9, "reader_agreement": 0.9, "true_statements": 0.9}
Numbers = dict[tuple[int, str, str], tuple[float, int]]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("trade_off", ROOT / "studies" / "trade_off.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def good() -> Numbers:
    numbers: Numbers = {}
    for condition in CONDITIONS:
        for step in (0, 400):
            numbers |= {(step, name, condition): (share, 256) for name, share in START.items()}
            numbers[step, "accuracy", condition] = (0.85, 256)
            numbers[step, "masked_gain", condition] = (0.5, 256)
            numbers[step, "health_length_p10", condition] = (90.0, 256)
    return numbers


def test_a_run_that_keeps_every_rule(script: ModuleType) -> None:
    assert script.goal(good(), good()) == []


@pytest.mark.parametrize(
    ("measure", "condition", "now", "words"),
    [
        ("accuracy", "wrong-think", 0.82, "accuracy under wrong-think 82, base 85"),
        ("accuracy", "wrong-caption", 0.82, "accuracy under wrong-caption 82, base 85"),
        ("accuracy", "correct-think", 0.82, "accuracy under correct-think 82, base 85"),
        ("consistency", "base", 0.88, "consistency under base 88, start 90"),
        ("reader_agreement", "wrong-think", 0.88, "reader_agreement under wrong-think 88, start 90"),
        ("true_statements", "wrong-caption", 0.88, "true_statements under wrong-caption 88, start 90"),
        ("masked_gain", "base", 0.05, "masked gain under base 0.05"),
        ("health_length_p10", "wrong-think", 12.0, "10th percentile of length under wrong-think 12.0"),
    ],
)
def test_each_rule_breaks_alone(
    script: ModuleType, measure: str, condition: str, now: float, words: str
) -> None:
    numbers = good()
    numbers[400, measure, condition] = (now, 256)
    assert script.goal(numbers, good()) == [words]


def test_what_was_not_measured_is_not_kept(script: ModuleType) -> None:
    numbers = good()
    del numbers[400, "true_statements", "wrong-think"]
    assert script.goal(numbers, good()) == ["true_statements under wrong-think –, start 90"]
    assert script.goal(good(), None) == ["accuracy under base 85, grpo –"]


def test_few_thoughts_at_the_start_are_compared_with_base(script: ModuleType) -> None:
    numbers = good()
    numbers[0, "true_statements", "wrong-think"] = (1.0, 3)
    assert script.goal(numbers, good()) == []


def test_base_accuracy_is_compared_with_grpo_of_the_same_seed(script: ModuleType) -> None:
    better = good()
    better[400, "accuracy", "base"] = (0.9, 256)
    assert script.goal(good(), better) == ["accuracy under base 85, grpo 90"]


@pytest.mark.parametrize("name", ["trade-off", "trade-off-smoke"])
def test_the_studies_train_named_arms_from_the_loose_model(name: str) -> None:
    study = load_study(ROOT / "studies" / f"{name}.toml")
    assert set(study.arms) <= set(ARMS)
    assert {arm.model.path for arm in study.arms.values()} == {"pebble-loose"}
    assert name == "trade-off-smoke" or (len(study.arms), len(study.seeds)) == (9, 5)
