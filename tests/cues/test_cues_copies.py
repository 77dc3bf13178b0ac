"""Copies of a question are misled to one option text; all other draws stay as they were."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tsv_files import b64, png, row, write
from unswayed.benchmarks import load
from unswayed.conditions import condition
from unswayed.cues import write as cues_of
from unswayed.cues.fallback import seeded_number, wrong_option
from unswayed.question import Question

WORDS = ("red", "green", "blue", "yellow")


def circular(folder: Path, n: int = 12) -> list[Question]:
    """`n` questions of four options, each in its four rollings, as MMBench writes them."""
    rows = []
    for k in range(n):
        for turn in range(4):
            rolled = WORDS[-turn:] + WORDS[:-turn] if turn else WORDS
            cells = dict(zip("ABCD", rolled, strict=True))
            answer = "ABCD"[rolled.index(WORDS[k % 4])]
            image = b64(png(k)) if turn == 0 else str(k)
            asked = f"What is the colour of thing {k}?"
            rows.append(row(k + turn * 10**6, question=asked, answer=answer, image=image, **cells))
    return list(load(write(folder / "made.tsv", rows)))


def text(question: Question, seed: int) -> str:
    cues = cues_of(question, seed)
    assert cues.wrong_caption is not None
    assert cues.wrong_thought is not None
    assert cues.wrong_caption.option == cues.wrong_thought.option != question.gold
    return question.options[cues.wrong_caption.option or 0]


def test_all_rollings_of_a_question_assert_one_wrong_text(tmp_path: Path) -> None:
    questions = circular(tmp_path)
    for seed in range(5):
        said: dict[object, set[str]] = {}
        for question in questions:
            said.setdefault(question.source.base, set()).add(text(question, seed))
        assert all(len(texts) == 1 for texts in said.values())
        assert len(set.union(*said.values())) == 4  # and which one depends on the question


def test_a_question_itself_is_misled_as_it_would_be_alone(tmp_path: Path) -> None:
    for question in circular(tmp_path):
        if question.source.rotation:
            continue
        alone = Question(question.uid, question.benchmark, question.text, question.options, question.gold)
        for seed in range(5):
            assert wrong_option(question, seed) == wrong_option(alone, seed)
            others = [k for k in range(4) if k != alone.gold]
            assert wrong_option(alone, seed) == others[seeded_number(alone, seed, "wrong option") % 3]


def test_of_a_mirrored_picture_left_and_right_change_places(tmp_path: Path) -> None:
    sides = dict(zip("ABCD", ("left", "right", "front", "back"), strict=True))
    rows = []
    for k in range(30):
        asked = {"question": f"Which side of car {k} faces the camera?", "category": "orientation_viewpoint"}
        rows.append(row(f"Q{k:07}", answer="A", **asked, **sides))
        rows.append(row(f"Q{k:07}-flip", answer="B", **asked, **sides))
    questions = list(load(write(tmp_path / "made.tsv", rows)))
    seen: Counter[tuple[str, str]] = Counter()
    for base, flip in zip(questions[::2], questions[1::2], strict=True):
        seen[text(base, 0), text(flip, 0)] += 1
    assert set(seen) == {("right", "left"), ("front", "front"), ("back", "back")}


def test_copies_with_other_options_draw_for_themselves(tmp_path: Path) -> None:
    rows = [row("Q0000001"), row("Q0000001-flip", A="cow", B="hen")]
    questions = list(load(write(tmp_path / "made.tsv", rows)))
    assert text(questions[1], 0) == "hen"


@pytest.mark.parametrize("name", ["base+abstain", "wrong-caption+abstain"])
def test_a_question_with_a_way_out_is_given_no_second_one(name: str) -> None:
    from unswayed.backends.scripted import make
    from unswayed.model_io import Capabilities, Sampling
    from unswayed.pipeline.planner import Planner
    from unswayed.trial_keys import TrialKeys

    options = ("1", "2", "3", "4", "This image does not show it")
    asked = Question("1", "mme-realworld-lite", "How many cars are there?", options, 0, escape_option=4)
    backend = make("scripted:oracle")
    hows = [condition(name), condition(name.removesuffix("+abstain"))]
    sampling = Sampling()
    planner = Planner(
        hows, cues_of, Capabilities("continues", "exact"), TrialKeys(backend, sampling), sampling, 1, 0
    )
    ((first, second),) = planner.plan([asked])
    assert (first.state, first.request) == ("not-asked", None)
    assert "option 'This image does not show it' lets the model abstain already" in (first.reason or "")
    assert second.request is not None
