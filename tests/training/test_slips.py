"""Written thoughts with slips: how often they slip, where, and that the answer stays right."""

from __future__ import annotations

import math
from collections import Counter

import pytest

pytest.importorskip("torch")

from places import ROOT
from unswayed import pebble
from unswayed.answers.parser import read
from unswayed.benchmarks import registry
from unswayed.errors import BadInput
from unswayed.judges import base, rules
from unswayed.judges.base import Case
from unswayed.pebble.slips import MANY, MISNAMED
from unswayed.question import Question
from unswayed.scenes import SceneTruth
from unswayed.scenes.language import Colour, Count
from unswayed.training.config import loader
from unswayed.training.config.sft import SftConfig
from unswayed.training.sft.example import Example
from unswayed.training.sft.examples import collect_examples
from unswayed.training.sft.run import load_sft_config
from unswayed.training.sft.written_thoughts import from_truth

N = 1200


@pytest.fixture(scope="module")
def questions() -> tuple[Question, ...]:
    return registry.load("scenes", split="train", limit=N).items


def config(**slips: float) -> SftConfig:
    return loader.build(SftConfig, {"thoughts": {"scenes": True}, "slips": slips})


def written(questions: tuple[Question, ...], **slips: float) -> list[Example]:
    return list(from_truth(questions, 0, config(**slips).slips))


def inside(count: int, n: int, share: float) -> bool:
    """Within 5 standard deviations."""
    return abs(count - n * share) <= 5 * math.sqrt(n * share * (1 - share)) + 1e-9


def thought(example: Example) -> str:
    return example.completion.partition("</think>")[0].removeprefix("<think>")


def consistent(example: Example) -> bool | None:
    case = Case(example.question, example.question.options, thought(example))
    return base.consistent(rules.judge_by_rules(case), example.question.gold)


def test_every_answer_is_right_and_shares_are_kept(questions: tuple[Question, ...]) -> None:
    shares = {"settle": 0.2, "reconsider": 0.1, "trust": 0.1, "misread": 0.1}
    kinds: Counter[str] = Counter()
    for example in written(questions, **shares):
        question = example.question
        assert read(example.completion, question.options).answer == question.gold
        looks, first = "Look:" in thought(example), not thought(example).startswith("Look:")
        kinds["first", looks, consistent(example)] += first
        kinds["look", True, consistent(example)] += not first
    assert inside(kinds["first", False, False], N, 0.2)
    assert inside(kinds["first", True, True], N, 0.1)
    assert inside(kinds["first", False, True], N, 0.1)
    assert inside(kinds["look", True, False], N, 0.1)
    assert inside(kinds["look", True, True], N, 0.5)
    assert sum(kinds.values()) == N


def test_systematic_slips_meet_their_questions_alone(questions: tuple[Question, ...]) -> None:
    slipped = 0
    for example in written(questions, miscount=1.0, misname=1.0):
        truth = example.question.scene
        assert isinstance(truth, SceneTruth)
        match truth.question.statements[truth.question.gold]:
            case Count(n=n):
                meant = n >= MANY and str(n - 1) in truth.question.options
            case Colour(colour=colour):
                meant = MISNAMED.get(colour) in truth.question.options
            case _:
                meant = False
        assert consistent(example) is (not meant)
        slipped += meant
    assert slipped > N / 20


def test_captions_are_shown_and_followed_at_their_rates(questions: tuple[Question, ...]) -> None:
    examples = written(questions, caption=0.5, caption_true=0.6, follow_true=0.7, follow_false=0.4)
    by_condition: dict[str, list[Example]] = {}
    for example in examples:
        by_condition.setdefault(example.condition, []).append(example)
    true, false = by_condition["correct-caption"], by_condition["wrong-caption"]
    assert inside(len(true) + len(false), N, 0.5)
    assert inside(len(true), len(true) + len(false), 0.6)
    for group, rate in ((true, 0.7), (false, 0.4)):
        follows = [each for each in group if thought(each).startswith("The caption says so:")]
        assert inside(len(follows), len(group), rate)
        assert all(consistent(each) is (group is true) for each in follows)
        assert all(each.prompt(()).text != Example.prompt(_bare(each), ()).text for each in group)


def _bare(example: Example) -> Example:
    return Example(example.question, "base", example.completion, example.source)


def test_captions_are_kept_where_answers_are_direct(questions: tuple[Question, ...]) -> None:
    settings = loader.build(
        SftConfig, {"thoughts": {"scenes": True, "direct": 1.0}, "slips": {"caption": 0.5, "settle": 0.2}}
    )
    conditions = Counter(each.condition for each in collect_examples(settings, questions[:200]).examples)
    assert set(conditions) == {"stop-think", "correct-caption", "wrong-caption"}


def test_without_slips_nothing_changes(questions: tuple[Question, ...]) -> None:
    few = questions[:50]
    assert list(from_truth(few, 0)) == list(from_truth(few, 0, config(caption_true=0.3).slips))


@pytest.mark.parametrize(
    ("slips", "part"),
    [
        ({"settle": 1.2}, "slips.settle is 1.2; a share is from 0 to 1"),
        ({"settle": 0.6, "misread": 0.6}, "sum to 1.2"),
        ({"setle": 0.1}, "did you mean 'slips.settle'"),
    ],
)
def test_wrong_shares_are_refused(slips: dict[str, float], part: str) -> None:
    with pytest.raises(BadInput, match=part):
        config(**slips)


def test_slips_need_written_thoughts() -> None:
    with pytest.raises(BadInput, match=r"slips are written into the thoughts of thoughts\.scenes"):
        loader.build(SftConfig, {"thoughts": {"file": "x.jsonl"}, "slips": {"settle": 0.1}})


def test_the_bundled_models_are_there_and_small() -> None:
    folders = [pebble.weights(name) for name in pebble.BUNDLED]
    assert len(folders) == 2
    assert sum(file.stat().st_size for folder in folders for file in folder.iterdir()) < 25e6


def test_the_config_of_the_loose_model_starts_from_pebble() -> None:
    settings = load_sft_config(ROOT / "configs" / "sft-pebble-loose.toml")
    assert settings.model.path == "pebble"
    assert settings.slips.any
