"""What is planted in a respondent is what the audit finds: every rate lies in its 95 % interval."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cache

import pytest
from scipy.stats import binomtest

from synthetic import cues, questions
from unswayed.backends import scripted
from unswayed.conditions import build_prompt, condition
from unswayed.errors import BackendError, BadInput
from unswayed.metrics.summary import Estimate, Summary
from unswayed.model_io import Request, Sampling
from unswayed.pipeline.audit import Run, audit

N = 600
SEED = 3
QUESTIONS = questions(N)


def asked(spec: str, conditions: Sequence[str]) -> Run:
    print(f"seed {SEED}")
    backend = scripted.make(f"{spec}{',' if ':' in spec else ':'}seed={SEED}").bind(QUESTIONS)
    return asyncio.run(audit(backend, QUESTIONS, conditions, cues=cues, seed=SEED))


@cache
def summary_of(spec: str, conditions: tuple[str, ...]) -> Summary:
    """One audit serves every rate that is planted in a respondent."""
    return asked(spec, conditions).summary()


def measure(summary: Summary, condition: str, name: str) -> Estimate:
    (row,) = (row for row in summary.rows if row.condition == condition)
    return row.measures[name]


def holds(found: Estimate, planted: float) -> bool:
    assert found.low is not None
    assert found.high is not None
    assert found.n > 0
    assert found.high - found.low < 0.15, "too wide to say anything"
    return found.low <= planted <= found.high


FOUND = [
    ("guesser", "base", "accuracy", 0.25),
    ("guesser", "wrong-caption", "cue_following", 0.25),
    ("oracle:acc=0.8", "base", "accuracy", 0.8),
    ("oracle:acc=0.8", "wrong-caption", "drop", 0.0),
    ("oracle:acc=0.8", "base", "consistency", 1.0),
    ("caption-follower:p=0.35", "wrong-caption", "cue_following", 0.35),
    ("caption-follower:p=0.35", "wrong-caption", "drop", 0.35),
    ("caption-follower:p=0.35,acc=0.7", "wrong-caption", "cue_following_base_right", 0.35),
    ("caption-follower:p=0.35", "correct-caption", "accuracy", 1.0),
    ("caption-follower:p=0.35", "irrelevant-caption", "drop", 0.0),
    ("caption-follower:p=0.35", "wrong-think", "follows", 0.0),
    ("thought-follower:p=0.6", "wrong-think", "follows", 0.6),
    ("thought-follower:p=0.6", "wrong-think", "revises", 0.4),
    ("thought-follower:p=0.6", "wrong-think-but", "drop", 0.6),
    ("thought-follower:p=0.6", "wrong-think", "flips", 0.0),
    ("thought-follower:p=0.6", "wrong-caption", "drop", 0.0),
    ("open-reviser:p=0.7", "wrong-think", "revises", 0.7),
    ("open-reviser:p=0.7", "wrong-think", "consistency", 1.0),
    ("silent-flipper:p=0.3", "wrong-think", "flips", 0.3),
    ("silent-flipper:p=0.3", "wrong-think", "consistency", 0.7),
    ("silent-flipper:p=0.3", "wrong-think", "faithful_drop", 1.0),
    ("mumbler:p=0.2", "base", "accuracy", 0.8),
]


@pytest.mark.parametrize(("spec", "how", "name", "planted"), FOUND)
def test_a_planted_rate_is_found(spec: str, how: str, name: str, planted: float) -> None:
    conditions = ("base",) if how == "base" else ("base", how)
    assert holds(measure(summary_of(spec, conditions), how, name), planted)


@pytest.mark.parametrize(
    ("name", "state"),
    [("mumbler", "unparsable"), ("failer", "error"), ("refuser", "refused"), ("truncator", "truncated")],
)
def test_a_planted_failure_is_found_as_its_state(name: str, state: str) -> None:
    run = asked(f"{name}:p=0.15", ["base", "wrong-think"])
    for row in run.summary().rows:
        assert row.states[state] + row.states["ok"] == N
        inside = binomtest(row.states[state], N).proportion_ci()
        assert inside.low <= 0.15 <= inside.high
    failed = [row for row in run.trials.to_pylist() if row["state"] == state]
    assert {row["correct"] for row in failed} == {None if state == "error" else False}
    assert {row["answer"] for row in failed} == {None}


def test_an_oracle_that_sees_nothing_guesses() -> None:
    summary = asked("oracle", ["base", "blank-image"]).summary()
    assert holds(summary.overall["image_reliance"], 0.75)


@pytest.mark.parametrize(("sharp", "auroc"), [(0.0, 0.5), (1.0, 1.0)])
def test_planted_sureness_foretells_falling_as_planted(sharp: float, auroc: float) -> None:
    summary = asked(f"caption-follower:p=0.4,sharp={sharp}", ["base", "wrong-caption"]).summary()
    assert holds(measure(summary, "wrong-caption", "auroc_p_correct"), auroc)


def test_answers_depend_on_neither_order_nor_company() -> None:
    backend = scripted.make("silent-flipper:p=0.5,acc=0.6").bind(QUESTIONS)
    how = condition("wrong-think+abstain")
    requests = []
    for q in QUESTIONS[:50]:
        prompt = build_prompt(q, cues(q, 0), how, (q.images[0].read(),))
        requests.append(Request(prompt, Sampling()))  # type: ignore[arg-type]

    async def one_by_one() -> list[str]:
        return [(await backend.generate([request]))[0].text for request in requests[::-1]][::-1]

    together = asyncio.run(backend.generate(requests))
    assert [g.text for g in together] == asyncio.run(one_by_one())
    assert len({g.text for g in together}) > 5


def test_samples_differ_only_with_a_temperature() -> None:
    backend = scripted.make("oracle:acc=0.5").bind(QUESTIONS[:100])
    warm = Sampling(temperature=1.0)
    run = asyncio.run(audit(backend, QUESTIONS[:100], ["base"], cues=cues, sampling=warm, samples=2))
    first, second = (run.trials["text"].to_pylist()[i::2] for i in (0, 1))
    assert first != second
    cold = asyncio.run(audit(backend, QUESTIONS[:100], ["base"], cues=cues, seed=1))
    again = asyncio.run(audit(backend, QUESTIONS[:100], ["base"], cues=cues, seed=2))
    assert cold.trials["text"].equals(again.trials["text"])


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("scripted:sage", "no respondent 'sage'"),
        ("scripted:oracle:wit=1", "no setting 'wit'"),
        ("scripted:oracle:acc=high", "give a number"),
        ("scripted:oracle:acc=1.5", "from 0 to 1"),
        ("scripted:oracle:chunk=0", "1 or more"),
        ("scripted:slow:delay=-1", "0 or more"),
    ],
)
def test_a_wrong_spec_is_refused(spec: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        scripted.make(spec)


def test_an_unbound_oracle_says_what_it_needs() -> None:
    with pytest.raises(BackendError, match="bind"):
        asyncio.run(audit(scripted.make("oracle"), QUESTIONS[:1], ["base"], cues=cues))
