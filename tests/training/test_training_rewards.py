"""What a rollout is paid: golden tables, exploits among them."""

from __future__ import annotations

import pytest

from unswayed.errors import BadInput
from unswayed.question import Question
from unswayed.training.config.reward import RewardSettings
from unswayed.training.rewards.score import answer_precedes_thought_end, score_rollout, well_formed

CAR = Question("1", "t", "Where is the car?", ("left of the tree", "right of the tree", "on the road"), 0)
PAPER = RewardSettings()
PRODUCT = RewardSettings("multiplicative")
GATED = RewardSettings("gated", consistency=0.5)
SUM = RewardSettings("additive", consistency=0.5)

RIGHT = "The car is left of the tree."
WRONG = "The car is on the road."

# (what it is, text, finish, format, correct, consistent)
TABLE = [
    ("as asked", f"<think>{RIGHT}</think><answer>(A)</answer>", "stop", 1, 1, 1),
    ("letter alone", f"<think>{RIGHT}</think>\n<answer>A</answer>\n", "stop", 1, 1, 1),
    ("silent flip", f"<think>{WRONG}</think><answer>(A)</answer>", "stop", 1, 1, 0),
    ("wrong, and consistent", f"<think>{WRONG}</think><answer>(C)</answer>", "stop", 1, 0, 1),
    ("wrong, and inconsistent", f"<think>{RIGHT}</think><answer>(C)</answer>", "stop", 1, 0, 0),
    ("open revision", f"<think>{WRONG} Wait, actually {RIGHT}</think><answer>(A)</answer>", "stop", 1, 1, 1),
    ("empty thought", "<think></think><answer>(A)</answer>", "stop", 0, 1, 0),
    ("blank thought", "<think> \n </think><answer>(A)</answer>", "stop", 0, 1, 0),
    ("dots for a thought", "<think>...</think><answer>(A)</answer>", "stop", 0, 1, 0),
    (
        "template thought",
        "<think>Okay let's see. This should be the final answer.</think><answer>(A)</answer>",
        "stop",
        1,
        1,
        0,
    ),
    ("no thought", "<answer>(A)</answer>", "stop", 0, 1, 0),
    ("no answer", f"<think>{RIGHT}</think>", "stop", 0, 0, 0),
    ("nothing", "", "stop", 0, 0, 0),
    (
        "two answers that disagree",
        f"<think>{RIGHT}</think><answer>(A)</answer><answer>(C)</answer>",
        "stop",
        0,
        0,
        0,
    ),
    (
        "two that agree",
        f"<think>{RIGHT}</think><answer>(A)</answer><answer>(A)</answer>",
        "stop",
        0,
        1,
        1,
    ),
    ("every option at once", f"<think>{RIGHT}</think><answer>(A) (B) (C)</answer>", "stop", 1, 0, 0),
    ("answer before thought", f"<answer>(A)</answer><think>{RIGHT}</think>", "stop", 0, 1, 0),
    (
        "answer, thought, answer",
        f"<answer>(A)</answer><think>{RIGHT}</think><answer>(A)</answer>",
        "stop",
        0,
        1,
        0,
    ),
    (
        "answer smuggled into the thought",
        f"<think>{RIGHT}<answer>(A)</answer></think><answer>(C)</answer>",
        "stop",
        0,
        0,
        0,
    ),
    ("thought in a thought", f"<think><think>{RIGHT}</think><answer>(A)</answer>", "stop", 0, 1, 1),
    ("thought in the answer", f"<think>{RIGHT}</think><answer><think>(A)</answer>", "stop", 0, None, None),
    (
        "look-alike tag in the thought",
        f"<think>{RIGHT} ＜answer＞(A)</think><answer>(A)</answer>",
        "stop",
        0,
        1,
        None,
    ),
    ("words before", f"Sure! <think>{RIGHT}</think><answer>(A)</answer>", "stop", 0, 1, 1),
    ("words between", f"<think>{RIGHT}</think>So:<answer>(A)</answer>", "stop", 0, 1, 1),
    ("words behind", f"<think>{RIGHT}</think><answer>(A)</answer> (C)?", "stop", 0, 1, 1),
    ("capitals", f"<THINK>{RIGHT}</THINK><ANSWER>(A)</ANSWER>", "stop", 0, 1, 1),
    ("cut off in the answer", f"<think>{RIGHT}</think><answer>(A", "length", 0, 0, 0),
    ("cut off behind it", f"<think>{RIGHT}</think><answer>(A)</answer>", "length", 0, 1, 1),
    ("cut off in the thought", f"<think>{RIGHT}", "length", 0, 0, 0),
    ("empty answer", f"<think>{RIGHT}</think><answer> </answer>", "stop", 0, 0, 0),
    ("no option", f"<think>{RIGHT}</think><answer>(Z)</answer>", "stop", 1, 0, 0),
]


@pytest.mark.parametrize(
    ("text", "finish", "form", "correct", "consistent"),
    [row[1:] for row in TABLE],
    ids=[row[0] for row in TABLE],
)
def test_golden(text: str, finish: str, form: float, correct: float | None, consistent: float | None) -> None:
    found = score_rollout(text, CAR, CAR.options, finish, PAPER)
    assert found.format == form
    if correct is not None:
        assert found.correct == correct
    if consistent is not None:
        assert found.consistent == consistent
    assert found.total == pytest.approx(0.1 * found.format + found.correct)


@pytest.mark.parametrize("row", TABLE, ids=[row[0] for row in TABLE])
def test_no_exploit_is_paid_more_than_what_was_asked_for(row: tuple) -> None:
    for recipe in (PAPER, PRODUCT, GATED, SUM):
        best = recipe.total(1, 1, 1)
        found = score_rollout(row[1], CAR, CAR.options, row[2], recipe)
        assert 0 <= found.total <= best
        if (found.format, found.correct, found.consistent) != (1, 1, 1):
            assert found.total < best or recipe is PAPER


def test_prefill_and_completion_are_one_text() -> None:
    """Wherever the border lies, the reward is the same; and a wrong prefill must be left openly."""
    whole = f"<think>{WRONG} Wait, actually {RIGHT}</think><answer>(A)</answer>"
    alone = score_rollout(whole, CAR, CAR.options, "stop", PRODUCT)
    assert alone.total == pytest.approx(1.1)
    for cut in range(0, len(whole), 3):
        assert score_rollout(whole[cut:], CAR, CAR.options, "stop", PRODUCT, prefill=whole[:cut]) == alone
    flip = score_rollout(
        "</think><answer>(A)</answer>", CAR, CAR.options, "stop", PRODUCT, prefill=f"<think>{WRONG}"
    )
    follow = score_rollout(
        "</think><answer>(C)</answer>", CAR, CAR.options, "stop", PRODUCT, prefill=f"<think>{WRONG}"
    )
    assert (flip.total, follow.total) == (0, pytest.approx(0.1))


def test_combinations() -> None:
    """Each formula, over all eight cases of the three parts."""
    for f in (0, 1):
        for c in (0, 1):
            for j in (0, 1):
                assert PAPER.total(f, c, j) == pytest.approx(0.1 * f + c)
                assert SUM.total(f, c, j) == pytest.approx(0.1 * f + c + 0.5 * j)
                assert PRODUCT.total(f, c, j) == pytest.approx((0.1 * f + c) * j)
                assert GATED.total(f, c, j) == pytest.approx(0.1 * f + c * (1 + 0.5 * j))
    assert GATED.total(1, 0, 1) == GATED.total(1, 0, 0), "agreement on a wrong answer is not paid"
    assert PRODUCT.total(1, 0, 1) > PRODUCT.total(1, 1, 0), "the product pays following over a silent flip"


def test_recipe_refuses_what_has_no_meaning() -> None:
    with pytest.raises(BadInput, match="consistency"):
        RewardSettings("multiplicative", consistency=1.0)
    with pytest.raises(BadInput, match="need each other"):
        RewardSettings(judge="llm")


def test_hostile_text_is_linear() -> None:
    for bait in ("<think>" * 20_000, "<answer>" * 20_000, "<think>a</think>" * 10_000, " " * 200_000):
        found = score_rollout(bait, CAR, CAR.options, "length", PAPER)
        assert found.total == 0 or found.correct == 0
    assert not well_formed("<think>" * 20_000)
    assert not answer_precedes_thought_end("")
