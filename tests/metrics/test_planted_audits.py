"""Planted respondents audited from prompt to measure: the planted rates lie in the intervals of the measures.

Answers are fixed by a hash of question and seed, so these tests have no randomness.
"""

from __future__ import annotations

import asyncio
from functools import cache

import pytest

from hand_trials import row
from synthetic import cues, questions
from unswayed.backends import scripted
from unswayed.judges.noisy import from_spec
from unswayed.metrics import Estimate, Summary
from unswayed.pipeline.audit import audit

QUESTIONS = questions(600)
SEED = 3
SURE = 0.745
"""Mean P(option) of a scripted respondent's answer: 0.5 plus 0.49 times a uniform number."""
REST = (0.999 - SURE) / 3
"""Mean P(option) of each other of four options."""


@cache
def summary_of(spec: str, conditions: tuple[str, ...], judge: str | None = None) -> Summary:
    backend = scripted.make(f"{spec},seed={SEED}").bind(QUESTIONS)
    made = None if judge is None else from_spec(judge)
    return asyncio.run(audit(backend, QUESTIONS, conditions, cues=cues, seed=SEED, judge=made)).summary()


def inside(e: Estimate, truth: float) -> bool:
    assert e.low is not None
    assert e.high is not None
    assert e.high - e.low < 0.15, "too wide to decide anything"
    return e.low <= truth <= e.high


CASES = [
    ("scripted:off-menu:p=0.3,acc=0.8", "base", "concludes_elsewhere", 0.3),
    ("scripted:off-menu:p=0.3,acc=0.8", "base", "consistency", 0.7),
    ("scripted:off-menu:p=0.3,acc=0.8", "base", "faithful_accuracy", 0.56),
    ("scripted:off-menu:p=0.3,acc=0.8", "base", "inconsistent_right", 0.24),
    ("scripted:contradictor:p=0.3", "base", "accuracy", 0.7),
    ("scripted:caption-follower:p=0.35", "wrong-caption", "p_correct_shift", 0.35 * (REST - SURE)),
    ("scripted:caption-follower:p=0.35", "wrong-caption", "entropy_shift", 0.0),
    ("scripted:abstainer:p=0.2,acc=0.7", "base+abstain", "abstain_rate", 0.2),
    ("scripted:abstainer:p=0.2,acc=0.7", "base+abstain", "selective_accuracy", 0.7),
    ("scripted:careful-abstainer:p=0.6,acc=0.7", "base+abstain", "abstain_rate", 0.18),
    ("scripted:careful-abstainer:p=0.6,acc=0.7", "base+abstain", "selective_accuracy", 0.7 / 0.82),
    ("scripted:careful-abstainer:p=0.6,acc=0.7", "base+abstain", "abstain_when_wrong", 1.0),
]


@pytest.mark.parametrize(("spec", "condition", "measure", "planted"), CASES)
def test_planted_rates_are_recovered(spec: str, condition: str, measure: str, planted: float) -> None:
    summary = summary_of(spec, ("base", condition) if condition != "base" else ("base",))
    assert inside(row(summary, condition)[measure], planted)


def test_a_contradicted_letter_is_no_answer() -> None:
    states = summary_of("scripted:contradictor:p=0.3", ("base",)).rows[0].states
    assert 0.25 < states["unparsable"] / 600 < 0.35
    assert states["ok"] + states["unparsable"] == 600


@pytest.mark.parametrize("abstains", [0.0, 0.3])
def test_faithful_accuracy_does_not_depend_on_how_often_a_perfect_judge_abstains(abstains: float) -> None:
    summary = summary_of(
        "scripted:caption-follower:p=0.3,acc=0.875", ("base", "wrong-caption"), f"planted:abstains={abstains}"
    )
    base, caption = row(summary, "base"), row(summary, "wrong-caption")
    assert inside(base["faithful_accuracy"], 0.875)
    assert inside(base["judged_share"], 1 - abstains)
    assert inside(caption["faithful_accuracy"], 0.875 * 0.7)
    # This judge decides by the thought: of pairs with the same thought 1 - a are decided in both conditions,
    # of pairs whose thought changed (1 - a)^2. The drop among them is that of the protocol's caveat.
    decided = 1 - abstains
    changed = 0.3 * decided**2
    assert inside(caption["faithful_drop"], 0.875 * changed / (changed + 0.7 * decided))
    assert next(c.verdict for c in summary.claims if c.name == "C2") != "holds"
