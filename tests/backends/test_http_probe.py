"""What the probe finds of an endpoint, and what a run does with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiohttp")

from chat_models import HashModel
from chat_server import ChatServer, ServerBehaviour
from http_asking import backend, generate, probed, prompt, run, with_backend
from unswayed.backends.openai import EndpointOptions, OpenAIBackend
from unswayed.conditions import STOP_THINK, Prompt
from unswayed.errors import BackendError
from unswayed.model_io import (
    Capabilities,
    Request,
    Sampling,
)
from unswayed.pipeline.audit import Run
from unswayed.retry import Retry

PLAIN = ("min_p", "repetition_penalty", "skip_special_tokens", "top_k")


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (ServerBehaviour(), Capabilities("continues", "exact")),
        (ServerBehaviour(letters="top"), Capabilities("continues", "top-k")),
        (ServerBehaviour(letters="silent"), Capabilities("continues", "none")),
        (ServerBehaviour(letters="refuse"), Capabilities("continues", "none")),
        (ServerBehaviour(flags="ignore"), Capabilities("restarts", "none")),
        (ServerBehaviour(flags="ignore", usage=False), Capabilities("restarts", "none")),
        (ServerBehaviour(flags="refuse", last="continue"), Capabilities("continues", "exact")),
        (ServerBehaviour(flags="refuse", last="restart"), Capabilities("restarts", "none")),
        (ServerBehaviour(flags="refuse", last="refuse"), Capabilities("rejected", "none")),
        (
            ServerBehaviour(own=False, last="continue", flags="ignore"),
            Capabilities("continues", "top-k", refused=PLAIN),
        ),
        (ServerBehaviour(pictures="string"), Capabilities("continues", "exact")),
        (ServerBehaviour(pictures="refuse"), Capabilities("continues", "exact", images=False)),
        (ServerBehaviour(pictures="drop"), Capabilities("continues", "exact", images=False)),
        (ServerBehaviour(seeds=False), Capabilities("continues", "exact", seeded=False)),
        (ServerBehaviour(closed="drop"), Capabilities("continues", "none", closed=False)),
        (ServerBehaviour(closed="empty"), Capabilities("continues", "none", closed=False)),
        (ServerBehaviour(closed="refuse"), Capabilities("continues", "none", closed=False)),
        (ServerBehaviour(closed="refuse", usage=False), Capabilities("continues", "none", closed=False)),
        (ServerBehaviour(usage=False), Capabilities("continues", "exact")),
        (ServerBehaviour(system=False), Capabilities("continues", "exact")),
        (
            ServerBehaviour(limit="max_completion_tokens", own=False),
            Capabilities("continues", "top-k", refused=PLAIN),
        ),
    ],
)
def test_the_probe_finds_what_a_server_does(behaviour: ServerBehaviour, expected: Capabilities) -> None:
    result, made = probed(behaviour)
    assert result == replace(expected, turns=True)
    assert {note.split(":")[0] for note in made.facts["seen"]} >= {"prefill", "letters", "pictures"}


def test_a_server_that_fails_at_stop_strings_is_asked_three_times() -> None:
    """And so is one that fails where others list their models."""
    lists: list[str] = []

    async def fail(request: Any, raw: bytes, nth: int, answer: Any) -> Any:
        from aiohttp import web

        return web.json_response({"error": "no"}, status=500) if b'"stop"' in raw else await answer()

    class NoLists(ChatServer):
        async def _models(self, request: Any) -> Any:
            lists.append(request.path)
            raise RuntimeError("fails, and answers 500")

        _version = _models

    with NoLists(HashModel(), fault=fail) as server:
        made = backend(server, retry=Retry(attempts=8, initial_pause=0.002, max_pause=0.01))
        (result,) = generate(made, Request(prompt(), Sampling()))
        asked = [server.asked[name] for name, body in server.bodies.items() if "stop" in body]
    assert asked == [3]
    assert sorted(lists) == ["/v1/models", "/version"]
    assert "stop strings: refused (500: no); texts are cut here" in made.facts["seen"]
    assert result.text == HashModel().behind(prompt())


def test_an_audit_records_the_probe_and_asks_only_what_can_be_asked(tmp_path: Path) -> None:
    names = ["base", "wrong-think", "stop-think", "wrong-caption", "wrong-think-quoted"]
    with ChatServer(HashModel(), ServerBehaviour(flags="ignore", root="weights-7")) as server:
        result = run(backend(server), 4, names, store=tmp_path / "run")
    states = dict(
        zip(result.trials["condition"].to_pylist(), result.trials["state"].to_pylist(), strict=False)
    )
    assert states == {
        "base": "ok", "wrong-think": "not-asked", "stop-think": "not-asked", "wrong-caption": "ok",
        "wrong-think-quoted": "ok",
    }  # fmt: skip
    assert result.manifest["asks"]["capabilities"]["prefill"] == "restarts"
    assert result.manifest["asks"]["revision"] == "weights-7"
    assert result.manifest["sessions"][0]["endpoint"]["served"][0]["version"] == "0.0-test"
    quoted = [row for row in result.trials.to_pylist() if row["condition"] == "wrong-think-quoted"]
    assert all(row["cue_text"] in row["prompt"] and row["prefill"] == "" for row in quoted)
    assert all(row["under_cue"] is None and row["followed_cue"] is not None for row in quoted)


@pytest.mark.parametrize("closed", ["drop", "empty", "refuse"])
def test_a_template_that_drops_closed_thoughts_is_not_asked_to_stop_thinking(closed: str) -> None:
    with ChatServer(HashModel(), ServerBehaviour(closed=closed)) as server:
        result = run(backend(server), 2, ["base", "stop-think", "wrong-think"]).trials
    assert result["state"].to_pylist() == ["ok", "not-asked", "ok"] * 2
    assert "drops a closed thought" in result["error"][1].as_py()
    assert set(result["letters"].to_pylist()) == {None}, "they would be those of an answer without a thought"


@pytest.mark.parametrize("thought", [STOP_THINK, STOP_THINK.removesuffix("</think>")])
def test_a_tokenizer_with_few_tokens_for_the_closed_thought_is_asked_to_stop_thinking(thought: str) -> None:
    class Terse(HashModel):
        def count(self, prompt: Prompt) -> int:
            shorter = prompt.prefill.replace(thought, "ab").replace("<think>", "a").replace("</think>", "b")
            return super().count(replace(prompt, prefill=shorter))

    with ChatServer(Terse()) as server:
        made = backend(server)
        result = run(made, 2, ["stop-think"]).trials
    assert not any("closed thoughts" in note for note in made.facts["seen"])
    assert result["state"].to_pylist() == ["ok"] * 2
    assert None not in result["letters"].to_pylist()


def test_a_wrong_name_or_address_is_one_error_with_the_remedy() -> None:
    with ChatServer(HashModel()) as server:
        named = OpenAIBackend("other", EndpointOptions([server.url]))
        with pytest.raises(BackendError, match=r"404: The model `other` does not exist.*under this name"):
            with_backend(named, lambda b: b.capabilities())
        placed = OpenAIBackend(ChatServer.MODEL, EndpointOptions([server.url.removesuffix("/v1")]))
        with pytest.raises(BackendError, match=r"asked: 404: Not Found; .*ends in /v1"):
            with_backend(placed, lambda b: b.capabilities())
        assert sum(server.asked.values()) == 1


def test_the_command_prints_probe_and_spend(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from unswayed.cli import app

    out = tmp_path / "run"
    with ChatServer(HashModel(), ServerBehaviour(flags="ignore")) as server:
        names = "base,wrong-think,wrong-think-quoted"
        line = ["audit", f"openai:{ChatServer.MODEL}", "--base-url", server.url, "--limit", "6", "-c", names]
        done = CliRunner().invoke(app, [*line, "--out", str(out)])
        again = CliRunner().invoke(app, [*line, "--out", str(out), "--max-requests", "3"])
    assert done.exit_code == 0, done.output
    assert "prefill: no sign that it is continued" in done.output
    assert "requests (0 of them repeated)" in done.output
    assert "not asked" in done.output
    result = Run.load(out)
    assert result.manifest["asks"]["model"] == "model"
    assert sorted(result.trials["state"].to_pylist()) == ["not-asked"] * 6 + ["ok"] * 12
    assert isinstance(again.exception, BackendError)
    assert "the budget of 3 requests is spent" in str(again.exception)
