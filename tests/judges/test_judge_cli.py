"""``unswayed judge``: specs and addresses, and one whole pass over a stored run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli_in_process import run
from unswayed.cli.evaluate.judge import assign_addresses, expand_presets
from unswayed.errors import BadInput
from unswayed.judges.rules import RuleJudge

A, B, C = "http://a/v1", "http://b/v1", "http://c/v1"


def test_a_preset_stands_for_its_judges() -> None:
    assert expand_presets(["rules", "paper"]) == [
        "rules",
        "llm:openai:Qwen/Qwen3-32B",
        "llm:openai:openai/gpt-oss-120b",
        "llm:openai:meta-llama/Llama-3.1-70B-Instruct",
    ]


def test_addresses_are_replicas_of_one_judge_or_shared_or_one_each() -> None:
    one, three = ["rules", "llm:openai:x"], expand_presets(["paper"])
    assert assign_addresses(one, [A, B]) == {"llm:openai:x": [A, B]}
    assert assign_addresses(three, [A]) == {spec: [A] for spec in three}
    assert assign_addresses(three, [A, B, C]) == dict(zip(three, ([A], [B], [C]), strict=True))
    assert assign_addresses(["rules"], []) == {}
    with pytest.raises(BadInput, match="one for all, or one each"):
        assign_addresses(three, [A, B])


def test_addresses_are_of_judges_that_have_them() -> None:
    """What is called by an address of its own is asked there; a provider has its own unless it is alone."""
    served, reached, other = "llm:openai:x", "llm:inspect:anthropic/y", "llm:inspect:openai-api/host/z"
    assert assign_addresses(["rules", served, reached], [A]) == {served: [A], reached: []}
    assert assign_addresses([reached, "llm:pebble"], [A]) == {reached: [A]}
    assert assign_addresses([other, reached], [A, B]) == {other: [A], reached: [B]}
    assert assign_addresses([reached], []) == {reached: []}


@pytest.mark.parametrize(
    "specs", [["rule"], ["rules", "rules"], ["paper", "llm:openai:Qwen/Qwen3-32B"], ["openai:x"]]
)
def test_specs_that_name_no_judge_or_one_twice(specs: list[str]) -> None:
    with pytest.raises(BadInput):
        expand_presets(specs)


def test_a_stored_run_is_judged_and_its_report_rebuilt(tmp_path: Path) -> None:
    out = tmp_path / "run"
    wanted = ("--limit", 12, "--conditions", "base,wrong-think", "--out", out)
    assert run("audit", "scripted:silent-flipper:p=0.4", *wanted).returncode == 0
    done = run("judge", out, "-j", "rules", "-j", "planted:wrong=0.3", "-j", "llm:scripted:guesser")
    assert done.returncode == 0, done.stderr
    for said in (
        RuleJudge.name,
        "planted:wrong=0.3",
        "llm:scripted:guesser",
        "agrees with exact rules",
        "24 thoughts:",
    ):
        assert said in done.stdout
    page = (out / "report.html").read_text("utf-8")
    assert "Judges: agreement and error" in page
    manifest = json.loads((out / "manifest.json").read_text())
    assert len(manifest["judging"]["panel"]) == 3
    again = run("report", out, "--out", tmp_path / "again.html")
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "again.html").read_text("utf-8") == page
    for args, says in (
        (("judge", out, "-j", "nobody"), "no judge called 'nobody'"),
        (("judge", out, "-j", "rules", "--base-url", A), "--base-url is for models behind an endpoint"),
        (("judge", out, "-j", "llm:pebble", "--max-requests", 3), "--max-requests is for models behind"),
        (("judge", out, "-j", "llm:inspect:a/b", "--key-env", "KEY"), "--key-env is for openai:MODEL"),
        (("judge", out, "-j", "llm:opneai:x"), "'opneai:' is no kind of model"),
        (("review", tmp_path / "none"), "manifest"),
    ):
        wrong = run(*args)
        assert (wrong.returncode, says in wrong.stderr.replace("\n", " ")) == (2, True), wrong.stderr
        assert "Traceback" not in wrong.stderr
