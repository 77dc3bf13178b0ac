"""Runs at an endpoint: refusals, keys, budgets, replicas, sessions that are left open."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiohttp")

from chat_models import HashModel
from chat_server import ChatServer, ServerBehaviour
from http_asking import QUICK, backend, generate, prompt, run, with_backend
from synthetic import cues, questions
from unswayed.backends.openai import Budget, EndpointOptions, OpenAIBackend
from unswayed.conditions import Prompt
from unswayed.errors import BackendError, BadInput, RunChanged
from unswayed.model_io import (
    Request,
    Sampling,
)
from unswayed.pipeline.audit import Run, audit


@pytest.mark.parametrize(("status", "where"), [(400, "base"), (422, "base"), (404, "base")])
def test_refusals_of_every_question_stop_the_run_with_the_servers_message(status: int, where: str) -> None:
    async def refuse(request: Any, raw: bytes, nth: int, answer: Any) -> Any:
        from aiohttp import web

        if json.loads(raw).get("max_tokens") != 1024:
            return await answer()
        return web.json_response({"error": {"message": "Image has 3 channels too many"}}, status=status)

    with ChatServer(HashModel(), fault=refuse) as server:
        with pytest.raises(BackendError, match=f"{status}: Image has 3 channels too many"):
            run(backend(server, concurrency=4), 200, [where], letters=False)
        asked = [server.asked[k] for k, b in server.bodies.items() if b.get("max_tokens") == 1024]
    assert 8 <= len(asked) <= 8 + 4
    assert set(asked) == {1}, "what is refused is not asked again"


def test_one_refused_question_is_an_error_of_its_own() -> None:
    async def refuse(request: Any, raw: bytes, nth: int, answer: Any) -> Any:
        from aiohttp import web

        if json.loads(raw).get("seed") in bad:
            return web.Response(text="<html>no\x1b[31m</html>", status=413, content_type="text/html")
        return await answer()

    from unswayed.trial_keys import trial_seed

    bad = {trial_seed(0, q, "base", 0) for q in questions(30)[:9]}
    with ChatServer(HashModel(), fault=refuse) as server:
        result = run(backend(server, concurrency=1), 30, ["wrong-caption", "base"], letters=False).trials
    rows = [row for row in result.to_pylist() if row["state"] == "error"]
    assert [row["uid"] for row in rows] == [f"u{i}" for i in range(9)]
    assert {row["error"] for row in rows} == {"413: Request Entity Too Large"}
    assert {row["attempts"] for row in rows} == {1}


def test_a_wrong_key_stops_at_once_and_is_shown_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNSWAYED_TEST_KEY", "sk-wrong-4711-abcdefgh")
    with ChatServer(HashModel(), ServerBehaviour(key="sk-right")) as server:
        with pytest.raises(BackendError) as caught:
            run(backend(server), 3, ["base"], store=tmp_path / "run")
        assert sum(server.asked.values()) == 1
    assert "401: Incorrect API key provided" in str(caught.value)
    assert "--key-env" in str(caught.value)
    assert "4711" not in str(caught.value)
    assert "sk-wro" not in str(caught.value)


def test_the_key_is_sent_and_kept_out_of_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "abcdef-0123456789-secret"
    monkeypatch.setenv("UNSWAYED_TEST_KEY", key)

    class Parrot(HashModel):
        def behind(self, prompt: Prompt, draw: str = "") -> str:
            return f"<think>The key is {key}.</think><answer>(A) red</answer>"

    async def leak(request: Any, raw: bytes, nth: int, answer: Any) -> Any:
        from aiohttp import web

        if json.loads(raw).get("seed") in bad:
            return web.json_response({"detail": f"you sent Bearer {key}"}, status=400, reason=key)
        return await answer()

    from unswayed.trial_keys import trial_seed

    bad = {trial_seed(0, q, "base", 0) for q in questions(2)[1:]}
    with ChatServer(Parrot(), ServerBehaviour(key=key), fault=leak) as server:
        made = backend(server)
        result = run(made, 2, ["base"], store=tmp_path / "run")
        assert all(headers["Authorization"] == f"Bearer {key}" for headers in server.headers)
    assert result.trials["state"].to_pylist() == ["ok", "error"]
    assert "you sent [key]" in result.trials["error"][1].as_py()
    for file in (tmp_path / "run").rglob("*"):
        assert file.is_dir() or key.encode() not in file.read_bytes(), file
    assert key not in repr(made.__dict__)


@pytest.mark.parametrize(
    "url", ["localhost:8000", "ftp://host/v1", "http://user:pw@host/v1", "http://host/v1?key=x", ""]
)
def test_addresses_that_are_none_or_carry_secrets_are_refused(url: str) -> None:
    with pytest.raises(BadInput, match="--base-url") as caught:
        OpenAIBackend("m", EndpointOptions([url]))
    assert "pw" not in str(caught.value)
    assert "key=x" not in str(caught.value)


def test_a_budget_stops_the_run_and_the_next_run_continues(tmp_path: Path) -> None:
    with ChatServer(HashModel()) as server:
        whole = run(backend(server), 12, ["base", "wrong-caption"])
        probe = with_backend(made := backend(server), lambda b: b.capabilities()) and made.spend.requests
        before = sum(server.asked.values())
        first = backend(server, budget=Budget(requests=probe + 20), concurrency=3)
        with pytest.raises(BackendError, match=r"budget of .* requests is spent.*same command continues"):
            run(first, 12, ["base", "wrong-caption"], store=tmp_path / "run")
        assert sum(server.asked.values()) - before == first.spend.requests <= probe + 20 + 2 * 3 + 2 * 3
        kept = Run.load(tmp_path / "run").trials
        assert 5 <= len(kept) < 24
        assert set(kept["state"].to_pylist()) == {"ok"}
        second = backend(server, budget=Budget(tokens=1_000_000), concurrency=3)
        result = run(second, 12, ["base", "wrong-caption"], store=tmp_path / "run")
    same = ["uid", "condition", "state", "text", "answer", "letters", "key"]
    assert result.trials.select(same).equals(whole.trials.select(same))
    assert second.spend.prompt_tokens > 0
    with ChatServer(HashModel()) as server, pytest.raises(BackendError, match="budget of 500 tokens"):
        run(backend(server, budget=Budget(tokens=500)), 12, ["base"])


def test_replicas_of_other_weights_are_refused() -> None:
    with (
        ChatServer(HashModel(), ServerBehaviour(root="a")) as one,
        ChatServer(HashModel(), ServerBehaviour(root="b")) as two,
        pytest.raises(BadInput, match="different weights"),
    ):
        with_backend(backend(one, two), lambda b: b.capabilities())


def test_a_question_stays_on_one_replica_and_all_have_their_share() -> None:
    names = ["base", "wrong-caption", "wrong-think", "correct-caption"]
    with ChatServer(HashModel()) as one, ChatServer(HashModel()) as two, ChatServer(HashModel()) as three:
        run(backend(one, two, three), 60, names)
        observed: list[set[str]] = []
        for server in (one, two, three):
            bodies = [b for b in server.bodies.values() if b["seed" if "seed" in b else "model"] != 0]
            pictures = [b["messages"][1]["content"] for b in bodies if b["messages"][0]["role"] == "system"]
            observed.append({c[0]["image_url"] for c in pictures if isinstance(c, list) and len(c) == 2})
    shared = (observed[0] & observed[1]) | (observed[0] & observed[2]) | (observed[1] & observed[2])
    assert len(shared) <= 1, "only the probe's picture may be on two"
    assert sum(map(len, observed)) >= 60
    assert min(map(len, observed)) >= 10


def test_no_more_than_asked_for_are_open_at_once() -> None:
    with ChatServer(HashModel()) as server:
        run(backend(server, concurrency=3), 20, ["base", "wrong-think"])
        assert server.most_open <= 16  # the probe's tokenizations are not counted; its questions come singly
        assert server.most_open <= 3


def test_a_server_that_never_listened_ends_the_run_soon() -> None:
    made = OpenAIBackend("m", EndpointOptions(["http://127.0.0.1:9/v1"], retry=QUICK, patience=0.05))
    with pytest.raises(BackendError, match=r"127.0.0.1:9/v1: cannot connect.*start or check the server"):
        with_backend(made, lambda b: b.capabilities())


def test_a_change_in_honouring_seeds_does_not_block_resuming(tmp_path: Path) -> None:
    folder, names = tmp_path / "run", ["base", "wrong-think"]
    with ChatServer(HashModel(), ServerBehaviour(seeds=False)) as server:
        run(backend(server), 3, names, store=folder)
    with ChatServer(HashModel()) as server:
        with pytest.warns(
            UserWarning, match="did not honour seeds when the run was begun, and honours them now"
        ):
            result = run(backend(server), 5, names, store=folder)
        asked = [b for b in server.bodies.values() if b.get("max_tokens") == 1024]
    assert result.trials["state"].to_pylist() == ["ok"] * 10
    assert len(asked) == 4, "what was stored is not asked again"
    # What decides a question still blocks; stop strings decide none, for the text is cut at one place.
    with ChatServer(HashModel(), ServerBehaviour(stop="lost", seeds=False)) as server:
        assert len(run(backend(server), 5, names, store=folder).trials) == 10
    with (
        ChatServer(HashModel(), ServerBehaviour(pictures="refuse")) as server,
        pytest.raises(RunChanged, match=r"capabilities.images: true then, false now"),
    ):
        run(backend(server), 5, names, store=folder)


def left_open(work: Callable[[], Any]) -> list[str]:
    """What aiohttp complains of as never closed after `work`, whatever becomes of it."""
    gc.collect()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with contextlib.suppress(BackendError, BadInput, RunChanged, asyncio.CancelledError):
            work()
        gc.collect()
    return [str(w.message) for w in said if "Unclosed" in str(w.message)]


def test_no_session_is_left_open_however_a_command_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    from unswayed.cli import app

    def audits(*more: str) -> Callable[[], Any]:
        line = ["audit", f"openai:{ChatServer.MODEL}", "--base-url", server.url, "--limit", "6", "-c", "base"]

        def work() -> None:
            done = CliRunner().invoke(app, [*line, "--out", str(tmp_path / "run"), *more])
            if done.exception is not None:
                raise done.exception

        return work

    with ChatServer(HashModel(), ServerBehaviour(key="sk-right")) as server:
        assert left_open(audits()) == [], "a wrong key"
    with ChatServer(HashModel()) as server:
        assert left_open(audits("--max-requests", "25")) == [], "a budget that is spent"
        assert left_open(audits()) == [], "all went well"
        assert left_open(audits("--seed", "5")) == [], "another run stands in the folder"
        made = backend(server)
        twice = [
            lambda: asyncio.run(made.capabilities()),
            lambda: with_backend(made, lambda b: b.generate([])),
        ]
        assert left_open(lambda: [work() for work in twice]) == [], "a loop that ended without closing"

        async def interrupted() -> None:
            work = asyncio.create_task(audit(cancelled, questions(40), ["base"], cues=cues))
            try:
                await asyncio.sleep(0.2)
                work.cancel()
                await work
            finally:
                await cancelled.close()

        cancelled = backend(server)
        assert left_open(lambda: asyncio.run(interrupted())) == []


def test_the_same_backend_serves_several_event_loops() -> None:
    with ChatServer(HashModel()) as server:
        made = backend(server)
        first = generate(made, Request(prompt(), Sampling()))
        second = generate(made, Request(prompt(), Sampling()))
    assert [replace(g, seconds=None) for g in first] == [replace(g, seconds=None) for g in second]


def test_an_address_belongs_to_a_model_behind_an_endpoint() -> None:
    from typer.testing import CliRunner

    from unswayed.cli import app

    done = CliRunner().invoke(app, ["audit", "pebble", "--base-url", "http://127.0.0.1:9/v1"])
    assert isinstance(done.exception, BadInput)
    assert "did you mean openai:pebble?" in str(done.exception)


def test_messages_of_a_server_are_clipped_to_one_line() -> None:
    from unswayed.backends.openai.credentials import ApiKey
    from unswayed.backends.openai.transport import error_message, retry_after

    said = ApiKey("UNSWAYED_TEST_KEY").redact("no\n\x1b[2Jway " + "x" * 1000 + " sk-abcdefghijk")
    assert said.startswith("no [2Jway xxx")
    assert len(said) <= 301
    assert ApiKey("UNSWAYED_TEST_KEY").redact("use sk-abcdefghijklmnop or Bearer abc") == "use [key] or [key]"
    assert error_message(b'{"error": {"message": "m", "code": 1}}') == "m"
    assert error_message(b'{"detail": [{"msg": "x"}]}') == '[{"msg": "x"}]'
    assert error_message(b"<html>long page</html>") == ""
    assert error_message(b"plain") == "plain"
    assert retry_after("7") == 7
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT", now=1445412470.0) == 10
    assert retry_after("soon") == retry_after("-3") == retry_after("nan") == retry_after("") == 0
