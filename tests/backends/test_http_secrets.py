"""The key is in nothing that is stored or shown, whatever a server sends and however long the key is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiohttp")

from aiohttp import web
from typer.testing import CliRunner

from chat_models import HashModel
from chat_server import ChatServer, ServerBehaviour
from http_asking import backend, generate, prompt, with_backend
from unswayed.backends.openai.credentials import ApiKey
from unswayed.cli import app
from unswayed.errors import BadInput
from unswayed.model_io import Request, Sampling

KEYS = ["k-7", "hunter-2", "qz-4711-abc", "sk-" + "q9" * 20]  # none can stand in base64 by chance


class Leaky(ChatServer):
    """Says the key wherever a server can say anything; refuses every third question with it."""

    def __init__(self, key: str, **behaviour: Any) -> None:
        super().__init__(HashModel(), ServerBehaviour(key=key, **behaviour), fault=self.leak)
        self.secret = key

    async def _models(self, request: web.Request) -> web.Response:
        fields = {name: f"{name} {self.secret}" for name in ("root", "parent", "owned_by")}
        return web.json_response({"data": [{"id": self.MODEL, "max_model_len": 9, **fields}]})

    async def _version(self, request: web.Request) -> web.Response:
        return web.json_response({"version": f"1.0+{self.secret}"})

    async def leak(self, request: web.Request, raw: bytes, nth: int, answer: Any) -> Any:
        body = json.loads(raw)
        if body.get("max_tokens") != 1024:
            return await answer()
        if body["seed"] % 3 == 0:
            words = {"error": {"message": "", "type": self.secret}} if body["seed"] % 2 else ""
            return web.json_response(words, status=400, reason=f"key {self.secret} is bad")
        response = await answer()
        if response.content_type == "text/event-stream":
            return response
        reply = json.loads(response.body)
        message = reply["choices"][0]["message"]
        message["reasoning_content"] = f"The key is {self.secret}."
        message["content"] = f"{self.secret} " + message["content"].rpartition("</think>")[2]
        reply["choices"][0]["logprobs"] = {"content": [{"token": self.secret, "logprob": -1.0}]}
        return web.json_response(reply)


@pytest.mark.parametrize("key", KEYS)
def test_no_file_and_no_line_has_the_key(key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    out = tmp_path / "run"
    with Leaky(key) as server:
        line = [
            "audit",
            f"openai:{ChatServer.MODEL}",
            "--base-url",
            server.url,
            "--limit",
            "12",
            "-c",
            "base",
        ]
        done = CliRunner().invoke(app, [*line, "--out", str(out)])
        assert done.exit_code == 0, done.output
        assert all(headers["Authorization"] == f"Bearer {key}" for headers in server.headers)
    files = [file for file in tmp_path.rglob("*") if file.is_file() and file.parent.name != "images"]
    assert len(files) >= 3
    for file in files:
        assert key.encode() not in file.read_bytes(), file
    assert key not in done.output
    text = (out / "manifest.json").read_text() + (next(out.glob("shards/*"))).read_text()
    assert text.count("[key]") >= 12, "root, parent, owner, version, texts and refusals"


@pytest.mark.parametrize("key", KEYS)
def test_a_key_in_pieces_of_a_stream_and_over_thought_and_text_is_removed(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNSWAYED_TEST_KEY", key)

    class Parrot(HashModel):
        def whole(self, prompt: Any, draw: str = "") -> str:
            return f"<think>It is {key}.</think><answer>(A) {key}</answer>"

    for parser in (False, True):
        with ChatServer(Parrot(), ServerBehaviour(key=key, parser=parser)) as server:
            made = backend(server, stream=True)
            (generation,) = generate(made, Request(prompt(), Sampling()))
        assert generation.text == "<think>It is [key].</think><answer>(A) [key]</answer>"


@pytest.mark.parametrize("word", ["EMPTY", "none", "not-needed", ""])
def test_a_placeholder_is_no_secret(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSWAYED_TEST_KEY", word)
    said = {"content": f"The box is {word}."}
    assert ApiKey("UNSWAYED_TEST_KEY").scrub(said) == said


def test_a_key_that_could_not_be_removed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSWAYED_TEST_KEY", "ab")
    with pytest.raises(BadInput, match=r"UNSWAYED_TEST_KEY has fewer than 3 characters.*EMPTY"):
        ApiKey("UNSWAYED_TEST_KEY")


def test_values_without_the_key_come_back_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSWAYED_TEST_KEY", "qz4711")
    value = {"a": [1, 2.5, None, True, "x", {"b": "qz471"}], "": "q z4711"}
    assert ApiKey("UNSWAYED_TEST_KEY").scrub(value) == value
    assert ApiKey("UNSWAYED_TEST_KEY").scrub({"qz4711": ["aqz4711b"]}) == {"[key]": ["a[key]b"]}


def test_assumptions_are_recorded_and_marked(tmp_path: Path) -> None:
    from unswayed.pipeline.audit import Run

    out = tmp_path / "run"
    behaviour = ServerBehaviour(pictures="drop", flags="ignore")
    with ChatServer(HashModel(), behaviour) as server:
        line = [
            "audit",
            f"openai:{ChatServer.MODEL}",
            "--base-url",
            server.url,
            "--limit",
            "3",
            "-c",
            "base,wrong-think",
        ]
        asked = CliRunner().invoke(app, [*line, "--out", str(out), "--assume", "pictures,prefill"])
        assert asked.exit_code == 0, asked.output
    run = Run.load(out)
    assert run.trials["state"].to_pylist() == ["ok"] * 6
    asks = run.manifest["asks"]["capabilities"]
    assert (asks["images"], asks["prefill"], asks["assumed"]) == (True, "continues", ["pictures", "prefill"])
    endpoint = run.manifest["sessions"][0]["endpoint"]
    assert endpoint["assumed"] == ["pictures", "prefill"]
    assert sum("assumed" in note for note in endpoint["seen"]) == 2


def test_what_cannot_be_assumed_is_refused() -> None:
    line = ["audit", "openai:m", "--base-url", "http://127.0.0.1:9/v1", "--assume", "wings"]
    done = CliRunner().invoke(app, line)
    assert isinstance(done.exception, BadInput)
    assert "'wings'; give pictures or prefill" in str(done.exception)


def test_nothing_is_assumed_by_default() -> None:
    with ChatServer(HashModel()) as server:
        made = backend(server)
        capabilities = with_backend(made, lambda b: b.capabilities())
    assert "assumed" not in capabilities.as_dict()
    assert "assumed" not in made.facts
