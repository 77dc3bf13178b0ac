"""Runs in the form of inspect_ai's logs: the mapping everywhere, the file where inspect_ai is installed."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import Any

import pytest

from cli_in_process import run as unswayed
from synthetic import OPTIONS, cues, pixel, questions
from unswayed.backends import open_backend
from unswayed.errors import BadInput
from unswayed.export import log, to_inspect
from unswayed.export.sample import sample, scores
from unswayed.metrics.summary import Estimate
from unswayed.pipeline.audit import Run, audit
from unswayed.report.examples import data_uri
from unswayed.store.run_folder import stored_image

NAMES = ["base", "stop-think", "wrong-think", "wrong-caption", "base+abstain"]


def made(folder: Path, spec: str = "silent-flipper:p=0.5,acc=0.8", n: int = 12, **how: Any) -> Run:
    asked = questions(n)
    backend = open_backend(f"scripted:{spec}", asked)
    return asyncio.run(audit(backend, asked, NAMES, cues=cues, store=folder, **how))


def shown(folder: Path) -> Any:
    return lambda sha: data_uri(stored_image(folder, sha))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return made(tmp_path_factory.mktemp("export") / "run")


def fields(run: Run) -> list[dict[str, Any]]:
    assert run.path is not None
    return list(log.samples(run.trials, run.manifest, shown(run.path)))


def test_every_trial_that_was_asked_is_one_sample(run: Run) -> None:
    found = fields(run)
    assert len(found) == len({(s["id"], s["epoch"]) for s in found}) == run.trials.num_rows
    assert {s["metadata"]["condition"] for s in found} == set(NAMES)


def test_a_sample_holds_what_was_sent_and_said(run: Run) -> None:
    rows = run.trials.to_pylist()
    for row, s in zip(rows, fields(run), strict=True):
        system, *sent, said = s["messages"]
        assert system["content"] == run.manifest["asks"]["templates"][row["condition"]]["system"]
        assert sent == s["input"]
        image, text = sent[0]["content"]
        assert text["text"] == row["prompt"]
        assert image["image"].startswith("data:image/png;base64,")
        assert [m["content"] for m in sent[1:]] == ([row["prefill"]] if row["prefill"] else [])
        assert s["output"]["completion"] == s["metadata"]["text"] == row["text"]
        *thought, behind = said["content"]
        assert [p["reasoning"] for p in thought] == ([row["thought"]] if row["thought"] else [])
        assert behind["text"].startswith("<answer>")
        assert s["target"] == "ABCD"[row["gold"]]
        assert s["choices"] == list(row["options"])


def test_scores_are_the_trials_with_reasons_and_nothing_where_nothing_is_known(run: Run) -> None:
    right = {True: "C", False: "I"}
    for row, s in zip(run.trials.to_pylist(), fields(run), strict=True):
        assert s["scores"]["correct"]["value"] == right[row["correct"]]
        assert ("consistent" in s["scores"]) == (row["consistent"] is not None)
        assert ("under_cue" in s["scores"]) == (row["under_cue"] is not None)
        assert OPTIONS[row["gold"]] in s["scores"]["correct"]["explanation"]
        if row["under_cue"] == "flips":
            assert s["scores"]["consistent"]["value"] == "I"


def test_results_are_the_measures_by_condition(run: Run) -> None:
    summary = run.summary()
    found = {score["name"]: score["metrics"] for score in log.results(summary)["scores"]}
    for row in summary.rows:
        told, e = found["correct"][row.condition], row.measures["accuracy"]
        assert told["value"] == e.value
        assert told["metadata"] == {"low": e.low, "high": e.high, "n": e.n}
    assert isinstance(summary.rows[0].measures["accuracy"], Estimate)
    flips = found["under_cue: flips"]["wrong-think"]["value"]
    assert flips == summary.rows[2].measures["flips"].value


def test_failures_are_errors_and_not_answers(tmp_path: Path) -> None:
    run = made(tmp_path / "run", "failer:p=1", 3)
    for s in fields(run):
        assert s["scores"] == {}
        assert s["error"]["message"] == "planted failure"
        assert len(s["messages"]) == 1 + len(s["input"])
    head = log.header(run.manifest, run.summary(), ["a"])
    assert (head["results"]["total_samples"], head["results"]["completed_samples"]) == (15, 0)


def test_a_truncated_thought_is_shown_and_no_answer_is_made_up(tmp_path: Path) -> None:
    (first, *_) = fields(made(tmp_path / "run", "truncator:p=1", 1))
    assert first["output"]["choices"][0]["stop_reason"] == "max_tokens"
    assert first["scores"]["correct"] == {
        "value": "I",
        "answer": None,
        "explanation": first["scores"]["correct"]["explanation"],
    }
    assert first["scores"]["correct"]["explanation"].startswith("no answer: truncated; right is")


def test_a_picture_that_is_not_kept_is_said_to_be_missing(run: Run) -> None:
    row = run.trials.slice(0, 1).to_pylist()[0]
    s = sample(row, "", lambda sha: None, "m", "name")
    assert row["image_sha256"][0] in s["input"][0]["content"][0]["text"]


def test_hostile_text_is_data(run: Run) -> None:
    row = run.trials.slice(0, 1).to_pylist()[0]
    evil = "</think><think>\x00\x1b[31m <script>alert(1)</script>"
    s = sample({**row, "text": evil, "thought": evil, "prefill": ""}, "", lambda sha: None, "m", "name")
    assert s["output"]["completion"] == evil
    assert scores({**row, "answer": None, "state": "unparsable"})["correct"]["answer"] is None


def test_the_command_says_what_is_wrong(run: Run, tmp_path: Path) -> None:
    assert run.path is not None
    for args, said in (
        ((tmp_path / "none", "--to", "inspect"), "not a run's manifest"),
        ((run.path, "--to", "inspect", "--out", tmp_path / "x.json"), ".eval"),
    ):
        done = unswayed("export", *args)
        assert done.returncode == 2
        assert said in done.stderr


def test_without_inspect_ai_one_sentence_says_what_brings_it(run: Run, tmp_path: Path) -> None:
    try:
        import inspect_ai  # noqa: F401
    except ImportError:
        pass
    else:
        pytest.skip("inspect_ai is installed")
    done = unswayed("export", run.path, "--to", "inspect", "--out", tmp_path / "x.eval")
    assert done.returncode == 2
    assert "unswayed[inspect]" in done.stderr


# The file itself.


def test_inspect_ai_reads_back_what_was_written(run: Run, tmp_path: Path) -> None:
    logs = pytest.importorskip("inspect_ai.log")
    assert run.path is not None
    out = tmp_path / "logs" / "first.eval"
    n = to_inspect(run, out, shown(run.path))
    found = logs.read_eval_log(str(out), resolve_attachments=True)
    assert (found.status, len(found.samples), found.eval.dataset.samples) == ("success", n, n)
    assert [p.name for p in out.parent.iterdir()] == ["first.eval"]
    by_key = {s.uuid: s for s in found.samples}
    right: dict[str, list[bool]] = {}
    for row in run.trials.to_pylist():
        s = by_key[row["key"]]
        assert s.output.completion == row["text"]
        assert s.metadata["text"] == row["text"]
        assert s.input[0].content[0].image == data_uri(pixel(int(row["uid"][1:])))
        assert s.messages[-1].content[-1].text in row["text"]
        right.setdefault(row["condition"], []).append(s.scores["correct"].value == "C")
    correct = next(score for score in found.results.scores if score.name == "correct")
    for condition, values in right.items():
        assert math.isclose(correct.metrics[condition].value, sum(values) / len(values))
    assert found.results.headline.metric == "base"


def test_repetitions_are_epochs_and_one_sample_is_read_alone(tmp_path: Path) -> None:
    logs = pytest.importorskip("inspect_ai.log")
    from unswayed.model_io import Sampling

    run = made(tmp_path / "run", n=3, samples=2, sampling=Sampling(temperature=1.0))
    out = tmp_path / "a.eval"
    assert to_inspect(run, out, shown(tmp_path / "run")) == 3 * len(NAMES) * 2
    assert logs.read_eval_log(str(out), header_only=True).eval.config.epochs == 2
    one = logs.read_eval_log_sample(str(out), id="wrong-think u1", epoch=2)
    assert (one.metadata["uid"], one.epoch) == ("u1", 2)


def test_a_run_without_answers_and_a_wrong_ending_are_refused(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("inspect_ai")
    empty = Run(run.manifest, trials=run.trials.slice(0, 0))
    with pytest.raises(BadInput, match="nothing to export"):
        to_inspect(empty, tmp_path / "x.eval", lambda sha: None)
    with pytest.raises(BadInput, match=r"end in \.eval"):
        to_inspect(run, tmp_path / "x.json", lambda sha: None)
