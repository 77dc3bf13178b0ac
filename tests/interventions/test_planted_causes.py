"""Planted respondents: their true use of the thought lies in the intervals, and is found question by
question."""

import asyncio
import math

import numpy as np
import pytest

import synthetic
import thought_readers as readers
import unswayed
from unswayed.interventions import INTERVENTIONS, measure, probe
from unswayed.metrics.thought_use import FILLER, KINDS, MISTAKE, PEER, SHUFFLED, js_divergence

RATE, N = 0.4, 200
# decide, kind, area of a planted question, whether it changes: mistake, filler, peer
PLANTED = [
    (readers.ignores, "decorative", 0.0, (False, False, False)),
    (readers.answers_first, "post-hoc", 0.0, (True, False, True)),
    (readers.reads_last_sentence, "needed", 0.875, (True, True, True)),
    (readers.reads_everything, "needed", 0.875, (True, True, True)),
    (readers.needs_length, "encoded", None, (None, False, None)),
]


@pytest.fixture(scope="module")
def probed(tmp_path_factory):
    """By respondent: the backend and the measures of its run."""
    questions = synthetic.questions(N)
    results = {}
    for decide, *_ in PLANTED:
        backend = readers.ThoughtReader(decide, questions, RATE)
        folder = tmp_path_factory.mktemp("runs") / decide.__name__
        run = asyncio.run(unswayed.audit(backend, questions, ["base"], store=folder))
        asyncio.run(probe(run, backend))
        results[decide] = backend, measure(run)
    return results


@pytest.mark.parametrize(("decide", "kind", "area", "changes"), PLANTED)
def test_the_planted_rate_is_in_the_interval(probed, decide, kind, area, changes):
    _, use = probed[decide]
    rate = 1.0 if decide is readers.ignores else RATE
    assert use.kinds[kind].low <= rate <= use.kinds[kind].high
    if area is not None:
        assert use.measures["area"].low <= rate * area <= use.measures["area"].high
    rows = {row.condition: row for row in use.rows}
    for name, change in zip((MISTAKE, FILLER, PEER), changes, strict=True):
        if change is not None:
            assert rows[name].changed.low <= RATE * change <= rows[name].changed.high
    if None not in changes:
        importance = use.measures["importance"]
        assert importance.low <= RATE * np.mean(changes) <= importance.high


@pytest.mark.parametrize(("decide", "kind", "area", "changes"), PLANTED)
def test_the_kind_of_every_question_is_found(probed, decide, kind, area, changes):
    backend, use = probed[decide]
    by_uid = {q.uid: q for q in synthetic.questions(N)}
    assert len(use.questions) == N
    for question in use.questions:
        planted = backend.planted(by_uid[question.uid])
        assert question.kind == (kind if planted else "decorative")


def test_kinds_are_a_partition(probed):
    for _, use in probed.values():
        assert set(use.kinds) == set(KINDS)
        assert math.isclose(sum(e.value for e in use.kinds.values()), 1.0)


def test_order_matters_only_to_who_reads_the_end(probed):
    changed = {
        decide: next(row.changed for row in use.rows if row.condition == SHUFFLED)
        for decide, (_, use) in probed.items()
    }
    assert changed[readers.reads_everything].value == changed[readers.needs_length].value == 0
    # Of the five other orders of three sentences, one keeps the last: planted questions change at rate 4/5.
    last = changed[readers.reads_last_sentence]
    assert last.low <= RATE * 4 / 5 <= last.high


def test_divergence_is_that_of_the_planted_letters(probed):
    backend, use = probed[readers.reads_everything]
    rest = (1 - readers.P_ANSWER - readers.OUTSIDE) / 3
    p = np.array([readers.P_ANSWER, rest, rest, rest]) / (1 - readers.OUTSIDE)
    apart = float(js_divergence(p, np.roll(p, 1)))
    share = np.mean([backend.planted(q) for q in synthetic.questions(N)])
    assert use.curve[0].divergence.value == pytest.approx(share * apart)
    assert use.curve[-1].divergence.value == 0
    assert use.measures["truncation_divergence"].value == pytest.approx(share * apart)
    assert next(r for r in use.rows if r.condition == FILLER).divergence.value == pytest.approx(share * apart)


def test_a_followed_mistake_is_counted(probed):
    _, use = probed[readers.answers_first]
    followed = next(row.followed for row in use.rows if row.condition == MISTAKE)
    assert followed.n == N
    assert followed.low <= RATE <= followed.high


def test_the_whole_closed_thought_suffices(probed):
    for _, use in probed.values():
        assert use.measures["sufficiency"].value == 1
        assert use.curve[-1].same.value == 1


def test_every_intervention_is_asked_or_has_a_reason(probed):
    _, use = probed[readers.ignores]
    assert {row.condition for row in use.rows} == set(INTERVENTIONS)
    for row in use.rows:
        assert sum(row.states.values()) == N
        assert set(row.states) == ({"not-asked"} if row.condition == "think-paraphrased" else {"ok"})
