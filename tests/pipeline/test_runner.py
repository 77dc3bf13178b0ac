"""The engine asks everything once, survives what fails, and says what it could not ask."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import unswayed
from synthetic import cues, question, questions, stream
from unswayed.backends import open_backend, scripted
from unswayed.cli.evaluate.audit import parse_conditions
from unswayed.conditions import CONDITIONS, Prompt, build_prompt
from unswayed.errors import BackendError, BadImage, BadInput, RunChanged
from unswayed.model_io import (
    Capabilities,
    Generation,
    LetterScores,
    Request,
    Sampling,
)
from unswayed.pipeline.audit import Run, audit
from unswayed.pipeline.runner import Retry
from unswayed.question import Cues, Image, Question
from unswayed.trial import SCHEMA

COST = ["seconds", "attempts"]
AT_ONCE = Retry(initial_pause=0.0)
ALL = [name for name, condition in CONDITIONS.items() if condition.in_all]


class Model:
    """An oracle of the test questions that can be told to misbehave, and remembers what it was asked."""

    name, revision, chunk, concurrency = "model", "1", 4, 3
    identity = "Model"

    def __init__(self, capabilities: Capabilities = Capabilities("continues", "exact")) -> None:  # noqa: B008
        self.can = capabilities
        self.asked: list[Request] = []
        self.scored: list[Prompt] = []
        self.open = self.most_open = 0
        self.failures: list[Exception | None] = []
        self.closed = False

    async def capabilities(self) -> Capabilities:
        return self.can

    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        self.asked += requests
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            failure = self.failures.pop(0) if self.failures else None
            await asyncio.sleep(0)
            if failure is not None:
                raise failure
            return [self.answer(request) for request in requests]
        finally:
            self.open -= 1

    def answer(self, request: Request) -> Generation:
        begin = " So." if request.prompt.prefill else "<think>I look at the image. It is red."
        return Generation(f"{begin}</think><answer>(A) red</answer>", "stop", tokens=9)

    async def score_letters(self, prompts: Sequence[Prompt]) -> list[LetterScores | None]:
        self.scored += prompts
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        await asyncio.sleep(0)
        self.open -= 1
        return [LetterScores((0.7, 0.1, 0.1, 0.05)[: len(p.options)]) for p in prompts]

    async def close(self) -> None:
        self.closed = True


def run(backend: Any, asked: Any, conditions: Sequence[str] = ("base",), **how: Any) -> Run:
    how = {"cues": cues, "retry": AT_ONCE, **how}
    return asyncio.run(audit(backend, asked, conditions, **how))


def states(found: Run) -> list[str]:
    return found.trials["state"].to_pylist()


def test_every_condition_of_every_question_is_one_row_in_order() -> None:
    model = Model()
    found = run(model, stream(7), ALL[::-1])
    t = found.trials
    assert t.schema == SCHEMA
    cells = list(zip(t["uid"].to_pylist(), t["condition"].to_pylist(), strict=True))
    order = ["base", *[name for name in ALL[::-1] if name != "base"]]
    assert cells == [(f"u{i}", name) for i in range(7) for name in order]
    assert set(states(found)) == {"ok"}
    assert len(model.asked) == len(model.scored) == 7 * len(ALL)
    assert model.most_open <= model.concurrency
    assert not model.closed
    assert len(set(t["key"].to_pylist())) == len(t)


def test_rows_say_what_was_asked_and_read() -> None:
    row = run(Model(), [question(3)], ["base", "wrong-think"]).trials.to_pylist()[1]
    said = cues(question(3), 0).wrong_thought
    assert said is not None
    assert row["prefill"] == f"<think>{said.text}"
    assert (row["cue"], row["cue_text"]) == (said.option, said.text)
    assert row["text"] == " So.</think><answer>(A) red</answer>"
    assert row["answer"] == 0
    assert row["thought"].endswith("So.")
    assert row["correct"] == (question(3).gold == 0)
    assert row["followed_cue"] == (said.option == 0)
    assert sum(row["letters"]) == pytest.approx(1)
    assert row["letters_outside"] == pytest.approx(0.05)
    assert row["attempts"] == 1


def test_the_letters_are_scored_behind_the_opened_answer_tag() -> None:
    model = Model()
    run(model, [question(0)], ["base"])
    assert model.scored[0].prefill.startswith("<think>I look at the image. It is red.</think>")
    assert "<answer>" in model.scored[0].prefill
    assert "red</answer>" not in model.scored[0].prefill


@pytest.mark.parametrize(
    ("can", "column"),
    [(Capabilities("continues", "none"), "letters"), (Capabilities("rejected", "exact"), "answer")],
)
def test_what_the_model_cannot_do_is_null_and_never_faked(can: Capabilities, column: str) -> None:
    model = Model(can)
    row = run(model, [question(0)], ["base", "wrong-think"]).trials.to_pylist()[1]
    assert row[column] is None
    if can.prefill == "rejected":
        assert row["state"] == "not-asked"
        assert "rejects a prefill" in row["error"]
        assert row["correct"] is None
        assert len(model.asked) == 1
    else:
        assert not model.scored


def test_a_missing_cue_is_not_asked() -> None:
    found = run(Model(), [question(0)], ["base", "wrong-caption"], cues=lambda q, seed: Cues())
    assert states(found) == ["ok", "not-asked"]
    assert "no wrong caption" in found.trials["error"][1].as_py()


def test_the_caption_about_the_file_is_true_asserts_nothing_and_has_its_own_name() -> None:
    q = question(0)
    row = run(Model(), [q], ["format-caption"], cues=lambda q, seed: Cues()).trials.to_pylist()[0]
    assert (row["condition"], row["state"], row["cue"]) == ("format-caption", "ok", None)
    assert row["cue_text"] == "This image is a PNG file, 1 pixel wide and 1 pixel high."
    assert row["prompt"].startswith(f"{row['cue_text']} {q.text}")
    assert row["followed_cue"] is None
    assert "format-caption" not in parse_conditions("all")
    counting = replace(q, options=("1", "2"), gold=0)  # its size is an option
    assert states(run(Model(), [counting], ["format-caption"])) == ["not-asked"]
    text_only = replace(q, images=())
    assert states(run(Model(), [text_only], ["format-caption"])) == ["not-asked"]


def test_a_picture_is_read_once_for_all_conditions() -> None:
    reads = []
    data = question(0).images[0].read()

    def read() -> bytes:
        reads.append(1)
        return data

    q = Question("u", "made", "Which colour?", ("red", "green"), 0, (Image(read),))
    run(Model(), [q], ALL)
    assert len(reads) == 1


def test_bad_pictures_are_errors_of_their_question_alone() -> None:
    def bad() -> bytes:
        raise BadImage("it is torn")

    def gone() -> bytes:
        raise FileNotFoundError("no such file")

    broken = [
        Question("torn", "made", "?", ("a", "b"), 0, (Image(bad, "torn.png"),)),
        Question("gone", "made", "?", ("a", "b"), 0, (Image(gone, "gone.png"),)),
        Question("text", "made", "?", ("a", "b"), 0, (Image.of(b"hello", "text.png"),)),
    ]
    found = run(Model(), [question(0), *broken, question(1)], ["base", "blank-image"])
    assert states(found) == ["ok"] * 2 + ["error"] * 6 + ["ok"] * 2
    errors = found.trials["error"].to_pylist()
    assert "torn.png" in errors[2]
    assert "it is torn" in errors[2]
    assert "gone.png" in errors[4]
    assert found.trials["correct"].to_pylist()[2:8] == [None] * 6


def test_a_transient_failure_is_asked_again_and_counted() -> None:
    model = Model()
    model.failures = [BackendError("busy", transient=True), BackendError("busy", transient=True)]
    notes: list[str] = []
    found = run(model, questions(3), progress=lambda done, total, note: notes.append(note))
    assert states(found) == ["ok"] * 3
    assert found.trials["attempts"].to_pylist() == [3] * 3
    assert sum("busy" in note for note in notes) == 2


def test_a_lasting_failure_is_an_error_that_resuming_asks_again(tmp_path: Path) -> None:
    model = Model()
    model.failures = [BackendError("busy", transient=True)] * 4
    first = run(model, questions(3), store=tmp_path / "run")
    assert states(first) == ["error"] * 3
    assert first.trials["error"].to_pylist() == ["busy"] * 3
    assert first.trials["attempts"].to_pylist() == [4] * 3
    assert first.manifest["finished"]["states"] == {"error": 3}
    again = run(model, questions(3), store=tmp_path / "run")
    assert states(again) == ["ok"] * 3
    assert again.manifest["finished"]["states"] == {"ok": 3}
    asked = len(model.asked)
    assert states(run(model, questions(3), store=tmp_path / "run")) == ["ok"] * 3
    assert len(model.asked) == asked


def test_a_failed_item_does_not_touch_its_neighbours() -> None:
    class Half(Model):
        def answer(self, request: Request) -> Generation:
            if request.prompt.prefill:
                return Generation("", "error", error="too long")
            return super().answer(request)

    found = run(Half(), questions(2), ["base", "wrong-think"])
    assert states(found) == ["ok", "error"] * 2
    assert found.trials["error"][1].as_py() == "too long"


def test_failing_letters_leave_the_answer_and_say_so() -> None:
    class Dumb(Model):
        async def score_letters(self, prompts: Sequence[Prompt]) -> list[LetterScores | None]:
            raise BackendError("no logprobs today", transient=True)

    found = run(Dumb(), questions(2))
    assert states(found) == ["ok"] * 2
    assert found.trials["letters"].null_count == 2
    assert "no logprobs today" in found.trials["error"][0].as_py()


def test_what_is_not_transient_stops_the_run_and_keeps_what_was_paid_for(tmp_path: Path) -> None:
    model = Model()
    model.failures = [None, None, None, BackendError("wrong key")]
    with pytest.raises(BackendError, match="wrong key"):
        run(model, stream(10_000), store=tmp_path / "run")
    kept = Run.load(tmp_path / "run")
    assert len(kept.trials) == len(model.asked) - 4
    assert len(kept.trials) >= 12
    assert set(states(kept)) == {"ok"}
    assert len(model.asked) < 200
    assert "finished" not in kept.manifest


@pytest.mark.parametrize("results", [0, 3])
def test_a_wrong_number_of_results_is_refused(results: int) -> None:
    class Short(Model):
        async def generate(self, requests: Sequence[Request]) -> list[Generation]:
            return [self.answer(requests[0])] * results

    with pytest.raises(BackendError, match=f"{results} results for 2"):
        run(Short(), questions(2))


def test_a_cancelled_run_keeps_its_answers_and_asks_later_only_for_missing_letters(tmp_path: Path) -> None:
    class Slow(Model):
        chunk, concurrency = 1, 2

        async def generate(self, requests: Sequence[Request]) -> list[Generation]:
            if len(self.asked) >= 6:
                reached.set()
                await asyncio.sleep(60)
            return await super().generate(requests)

        async def score_letters(self, prompts: Sequence[Prompt]) -> list[LetterScores | None]:
            await asyncio.sleep(0.01)
            return await super().score_letters(prompts)

    model = Slow()
    reached = asyncio.Event()

    async def interrupted() -> None:
        task = asyncio.create_task(audit(model, stream(50), ["base"], cues=cues, store=tmp_path / "run"))
        await reached.wait()
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(interrupted())
    assert len(Run.load(tmp_path / "run").trials) == len(model.asked) == 6
    assert len(model.scored) < 6
    again = Model()
    resumed = run(again, stream(50), store=tmp_path / "run")
    assert len(again.asked) == 50 - 6
    assert len(again.scored) == 50 - len(model.scored)
    assert resumed.trials.drop_columns(COST).equals(run(Model(), stream(50)).trials.drop_columns(COST))


def test_an_answer_is_stored_before_its_letters_are_asked(tmp_path: Path) -> None:
    stored: list[int] = []

    class NoLetters(Model):
        async def score_letters(self, prompts: Sequence[Prompt]) -> list[LetterScores | None]:
            stored.append(len(Run.load(tmp_path / "run").trials))
            raise BackendError("the server is gone")

    model = NoLetters()
    with pytest.raises(BackendError, match="the server is gone"):
        run(model, questions(4), store=tmp_path / "run")
    assert stored == [4]
    trials = Run.load(tmp_path / "run").trials
    assert trials["answer"].null_count == 0
    assert trials["letters"].null_count == 4
    assert trials["judged"].null_count == 4
    again = Model()
    resumed = run(again, questions(4), store=tmp_path / "run")
    assert (len(again.asked), len(again.scored)) == (0, 4)
    assert resumed.trials.drop_columns(COST).equals(run(Model(), questions(4)).trials.drop_columns(COST))


def test_a_batch_is_stored_as_soon_as_it_is_finished(tmp_path: Path) -> None:
    """A model that works through its chunk in batches: what is finished outlives a failure of the rest."""
    stored: list[int] = []

    class Batches(Model):
        chunk, concurrency = 6, 1

        async def generate_in_batches(self, requests: Sequence[Request], on_batch: Any) -> list[Generation]:
            answers = await self.generate(requests)
            for start in range(0, len(answers), 2):
                on_batch({start: answers[start], start + 1: answers[start + 1]})
                stored.append(len(Run.load(tmp_path / "run").trials))
                if fails and start == 2:
                    raise BackendError("out of memory")
            return answers

    fails = True
    with pytest.raises(BackendError, match="out of memory"):
        run(Batches(), questions(6), store=tmp_path / "run")
    assert stored == [2, 4]
    fails = False
    again = Batches()
    resumed = run(again, questions(6), store=tmp_path / "run", letters=True)
    assert (len(again.asked), len(again.scored)) == (2, 6)
    assert resumed.trials.drop_columns(COST).equals(run(Model(), questions(6)).trials.drop_columns(COST))


def test_a_local_model_hands_over_every_batch() -> None:
    backend = open_backend("pebble", batch_size=2)
    questions = unswayed.load_questions("scenes", limit=5)
    sampling = Sampling(max_tokens=8)
    prompts = [build_prompt(q, Cues(), CONDITIONS["base"], (q.images[0].read(),)) for q in questions]
    requests = [Request(prompt, sampling) for prompt in prompts if isinstance(prompt, Prompt)]
    batches: list[dict[int, Generation]] = []

    async def generate() -> list[Generation]:
        try:
            return await backend.generate_in_batches(requests, lambda batch: batches.append(dict(batch)))  # type: ignore[attr-defined]
        finally:
            await backend.close()

    results = asyncio.run(generate())
    assert [len(batch) for batch in batches] == [2, 2, 1]
    handed_over = {index: generation for batch in batches for index, generation in batch.items()}
    assert [handed_over[index] for index in range(5)] == results


def test_resuming_asks_nothing_twice_and_gives_the_same_table(tmp_path: Path) -> None:
    model, whole = Model(), run(Model(), questions(20), ["base", "wrong-caption"])
    model.failures = [None, None, BackendError("down")]
    with pytest.raises(BackendError):
        run(model, questions(20), ["base", "wrong-caption"], store=tmp_path / "run")
    lost = 4  # the chunk that failed
    found = run(model, questions(20), ["base", "wrong-caption"], store=tmp_path / "run")
    assert found.trials.drop_columns(COST).equals(whole.trials.drop_columns(COST))
    assert len(model.asked) == 40 + lost


def test_changed_content_is_refused_even_where_the_manifest_cannot_know(tmp_path: Path) -> None:
    run(Model(), questions(2), store=tmp_path / "run")
    other = Question("u1", "made", "Which shade is it?", question(1).options, 0, question(1).images)
    with pytest.raises(RunChanged, match="u1"):
        run(Model(), [question(0), other], store=tmp_path / "run")


def test_a_changed_setting_is_refused_field_by_field(tmp_path: Path) -> None:
    run(Model(), questions(2), store=tmp_path / "run")
    before = (tmp_path / "run" / "manifest.json").read_bytes()
    with pytest.raises(RunChanged, match=r"sampling\.max_tokens: 1024 then, 7 now"):
        run(Model(), questions(2), store=tmp_path / "run", sampling=Sampling(max_tokens=7))
    assert (tmp_path / "run" / "manifest.json").read_bytes() == before


def test_the_manifest_holds_every_exact_string(tmp_path: Path) -> None:
    found = run(Model(), questions(1), ALL, store=tmp_path / "run", about={"benchmark": "made", "limit": 1})
    asks = json.loads((tmp_path / "run" / "manifest.json").read_text())["asks"]
    assert asks == found.manifest["asks"]
    assert asks["about"] == {"benchmark": "made", "limit": 1}
    assert asks["templates"]["wrong-think-but"]["prefill"] == "<think>{thought}. But I think"
    assert asks["templates"]["wrong-caption"]["text"].startswith("{caption}. {question}")


def test_samples_need_a_temperature_and_draw_each_their_own_seed() -> None:
    with pytest.raises(BadInput, match="set a temperature"):
        run(Model(), questions(1), samples=2)
    model = Model()
    found = run(model, questions(2), samples=3, sampling=Sampling(temperature=1.0))
    assert found.trials["sample"].to_pylist() == [0, 1, 2, 0, 1, 2]
    assert len({request.seed for request in model.asked}) == 6
    again = Model()
    run(again, questions(2)[::-1], samples=3, sampling=Sampling(temperature=1.0))
    assert {request.seed for request in again.asked} == {request.seed for request in model.asked}


@pytest.mark.parametrize(
    ("conditions", "words"),
    [([], "at least one"), (["base", "base"], "named twice"), (["nonsense"], "unknown condition")],
)
def test_wrong_conditions_are_refused(conditions: list[str], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        run(Model(), questions(1), conditions)


def test_a_repeated_uid_is_refused() -> None:
    with pytest.raises(BadInput, match="'u0' comes twice"):
        run(Model(), [question(0), question(0)])


def test_progress_counts_up_to_the_total() -> None:
    seen: list[tuple[int, int | None]] = []
    run(Model(), questions(9), ["base", "stop-think"], progress=lambda d, t, n: seen.append((d, t)))
    assert seen[-1] == (18, 18)
    assert seen == sorted(seen)
    run(Model(), stream(9), progress=lambda d, t, n: seen.append((d, t)))
    assert seen[-1] == (9, None)


def test_questions_are_taken_no_faster_than_they_are_asked() -> None:
    taken, most = 0, 0
    model = Model()

    def lazily() -> Any:
        nonlocal taken, most
        for q in stream(300):
            taken += 1
            most = max(most, taken - len(model.scored))
            yield q

    run(model, lazily())
    assert taken == 300
    assert most <= (2 * model.concurrency + 2) * model.chunk


def test_text_that_no_table_can_hold_is_made_sound_once() -> None:
    class Odd(Model):
        def answer(self, request: Request) -> Generation:
            return Generation("<think>\ud800 It is red.</think><answer>(A) red</answer>", "stop")

    row = run(Odd(), questions(1)).trials.to_pylist()[0]
    assert row["text"].startswith("<think>\ufffd It is red.")
    assert "\ufffd" in row["thought"]
    assert row["answer"] == 0


def test_audits_run_beside_each_other() -> None:
    async def both() -> tuple[Run, Run]:
        one = audit(scripted.make("guesser"), stream(40), ["base"], cues=cues)
        two = audit(scripted.make("oracle").bind(stream(40)), stream(40), ["base"], cues=cues)
        return await asyncio.gather(one, two)  # type: ignore[return-value]

    guessed, known = asyncio.run(both())
    assert known.trials["correct"].to_pylist() == [True] * 40
    assert sum(guessed.trials["correct"].to_pylist()) < 40
