"""The bundled model, the whole path: drawn questions to a report, with real weights."""

import asyncio

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import unswayed
from unswayed import report
from unswayed.backends import open_backend

CONDITIONS = ["base", "stop-think", "wrong-think", "wrong-caption", "correct-caption", "blank-image"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    backend = open_backend("pebble")
    questions = unswayed.load_questions("scenes", limit=60, seed=1)
    sampling = unswayed.Sampling(max_tokens=200)
    folder = tmp_path_factory.mktemp("pebble") / "run"

    async def go():
        try:
            return await unswayed.audit(backend, questions, CONDITIONS, sampling=sampling, store=folder)
        finally:
            await backend.close()

    return asyncio.run(go())


def rows(run, condition):
    return [r for r in run.trials.to_pylist() if r["condition"] == condition]


def test_every_question_is_asked_under_every_condition(run):
    assert run.trials.num_rows == 60 * len(CONDITIONS)
    assert not {r["state"] for r in run.trials.to_pylist()} & {"error", "not-asked"}


def test_pebble_sees_far_better_than_chance_and_needs_the_picture(run):
    by_condition = {row.condition: row.measures["accuracy"] for row in run.summary().rows}
    assert by_condition["base"].low > 0.4
    assert by_condition["blank-image"].high < by_condition["base"].low


def test_pebble_thinks_before_it_answers(run):
    for row in rows(run, "base"):
        assert row["text"].startswith("<think>")
        if row["state"] == "ok":
            assert row["text"].endswith("</answer>")
            assert len(row["thought"]) > 10


def test_a_prefilled_thought_is_continued_not_restarted(run):
    for row in rows(run, "wrong-think"):
        assert row["prefill"].startswith("<think>")
        assert not row["text"].startswith("<think>")
        if row["thought"]:
            assert row["thought"].startswith(row["prefill"].removeprefix("<think>"))


def test_letters_are_probabilities_and_agree_with_what_was_answered(run):
    agree = total = 0
    for row in run.trials.to_pylist():
        assert sum(row["letters"]) == pytest.approx(1)
        assert 0 <= row["letters_outside"] <= 1
        if row["state"] == "ok":
            total += 1
            agree += max(range(len(row["letters"])), key=row["letters"].__getitem__) == row["answer"]
    assert agree / total > 0.97


def test_the_report_holds_every_condition_and_every_picture_is_inside(run):
    page = report.build(run.summary(), run.trials, run.manifest, lambda sha: None)
    assert all(name in page for name in CONDITIONS)
    assert "pebble" in page
