"""A server that stops answering: the run logs what it waits for, and ends resumable with its message."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiohttp")

from aiohttp import web

from chat_models import HashModel
from chat_server import ChatServer
from http_asking import backend, run
from synthetic import cues, questions
from unswayed.backends.openai import watchdog
from unswayed.errors import BackendError
from unswayed.pipeline.audit import Run, audit
from unswayed.retry import Retry

SLOW = Retry(attempts=8, initial_pause=0.05, max_pause=0.2)


def always(kind: str, of: str) -> Any:
    """After the probe, requests for texts or for letters fail: `kind` is a status, or a server that hangs."""

    async def fault(request: Any, raw: bytes, nth: int, answer: Any) -> Any:
        body = json.loads(raw)
        meant = (
            body.get("max_tokens") == 1024 if of == "texts" else b"u0" in raw or "<answer>" in _begun(body)
        )
        if not meant or (of == "letters" and (body.get("max_tokens") != 1 or "Red is" in _begun(body))):
            return await answer()
        if kind == "hang":
            await asyncio.sleep(3600)
        return web.json_response({"error": {"message": "CUDA error: device lost"}}, status=int(kind))

    return fault


def _begun(body: dict[str, Any]) -> str:
    last = body["messages"][-1]
    return str(last["content"]) if last["role"] == "assistant" else ""


@pytest.mark.parametrize(("kind", "message"), [("500", "500: CUDA error"), ("hang", "no whole reply within")])
def test_a_run_that_gets_no_answer_ends_with_the_servers_message(
    kind: str, message: str, tmp_path: Path
) -> None:
    n = 40
    with ChatServer(HashModel(), fault=always(kind, "texts")) as server:
        made = backend(server, retry=SLOW, timeout=0.1 if kind == "hang" else 5.0, patience=0.6)
        with pytest.raises(BackendError, match=f"no answer for .* s, .*{message}.*run the same command"):
            run(made, n, ["base"], letters=False, store=tmp_path / "run")
        server.fault = None
        again = run(backend(server), n, ["base"], letters=False, store=tmp_path / "run")
    assert again.trials["state"].to_pylist() == ["ok"] * n


def test_answers_are_stored_where_only_letters_fail(tmp_path: Path) -> None:
    n = 12
    with ChatServer(HashModel(), fault=always("500", "letters")) as server:
        made = backend(server, retry=SLOW, patience=0.5, concurrency=4)
        with pytest.raises(BackendError, match="CUDA error"):
            run(made, n, ["base"], store=tmp_path / "run")
        stored = Run.load(tmp_path / "run").trials
        texts = [body for body in server.bodies.values() if body.get("max_tokens") == 1024]
        assert len(stored) == len(texts) > 0, "every answer that was paid for"
        server.fault = None
        done = run(backend(server), n, ["base"], store=tmp_path / "run").trials
        asked = [name for name, body in server.bodies.items() if body.get("max_tokens") == 1024]
    assert {server.asked[name] for name in asked} == {1}, "no answer is asked for twice"
    assert None not in done["letters"].to_pylist()


def test_a_question_that_always_fails_ends_no_run_that_gets_answers() -> None:
    async def poison(request: Any, raw: bytes, nth: int, answer: Any) -> Any:
        if json.loads(raw).get("max_tokens") == 1024 and nth and b"u3" in raw:
            return web.json_response({"error": "no"}, status=500)
        await asyncio.sleep(0.01)
        return await answer()

    with ChatServer(HashModel(), fault=poison) as server:
        made = backend(server, retry=Retry(4, 0.001, 0.002), patience=0.5, concurrency=2)
        trials = run(made, 30, ["base"], letters=False).trials
    assert set(trials["state"].to_pylist()) <= {"ok", "error"}


@pytest.mark.parametrize("kind", ["500", "hang"])
def test_a_log_line_names_the_server_that_is_waited_for(
    kind: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watchdog, "_TICK", 0.02)
    monkeypatch.setattr(watchdog, "_FIRST_NOTICE", 0.1)
    with ChatServer(HashModel(), fault=always(kind, "texts")) as server, caplog.at_level(logging.WARNING):
        made = backend(server, retry=SLOW, timeout=0.6, patience=1.5)

        async def go() -> None:
            try:
                await made.capabilities()
                caplog.clear()
                with pytest.raises(BackendError):
                    await audit(made, questions(9), ["base"], cues=cues, letters=False)
            finally:
                await made.close()

        asyncio.run(go())
    lines = [record.getMessage() for record in caplog.records if record.name == "unswayed.endpoint"]
    assert lines
    assert all(line.startswith(f"waiting for {server.url}: ") for line in lines)
    assert any("no answer for" in line for line in lines)
    if kind == "500":
        assert "500: CUDA error: device lost" in lines[0]


def test_a_run_that_gets_answers_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with ChatServer(HashModel()) as server:
        run(backend(server), 10, ["base"])
    assert caplog.records == []


def test_the_notices_come_within_half_a_minute() -> None:
    assert watchdog._FIRST_NOTICE + watchdog._TICK < 30


def test_a_server_that_hangs_beside_the_chat_endpoint_stalls_no_probe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from unswayed.backends.openai import client

    monkeypatch.setattr(client, "_SIDE_TIMEOUT", 0.05)

    class Hanging(ChatServer):
        async def _models(self, request: Any) -> Any:
            await asyncio.sleep(3600)

        _version = _tokenize = _models

    with Hanging(HashModel()) as server:
        made = backend(server, timeout=60.0)
        trials = run(made, 3, ["base"]).trials
    assert trials["state"].to_pylist() == ["ok"] * 3
    assert "letters: the 20 likeliest tokens" in made.facts["seen"]


def test_a_pause_that_the_server_asks_for_is_no_silence_up_to_as_long_again() -> None:
    async def go() -> None:
        dog = watchdog.Watchdog("x", 10.0)
        now = 1000.0
        dog._loop = type("Clock", (), {"time": lambda _: now})()  # type: ignore[assignment]
        assert dog.failure("u", "429", heard=True, pause=8.0) is None
        now += 17.0
        assert [dog.failure("u", "429", heard=True) for _ in range(3)] == [None] * 3
        now += 1.5
        reason = dog.failure("u", "429: slow down", heard=True)
        assert reason is not None
        assert "5 attempts failed, the last one with: u: 429: slow down" in reason
        dog.success()
        assert dog.failure("u", "500", heard=True, pause=900.0) is None
        now += 19.0
        assert [dog.failure("u", "500", heard=True) for _ in range(3)] == [None] * 3
        now += 2.0
        assert dog.failure("u", "500", heard=True) is not None, "no pause is granted without end"

    asyncio.run(go())
