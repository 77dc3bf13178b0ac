"""A streamed reply has the text, counts and finish reason of a whole one; a broken one is repeated."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("aiohttp")

from aiohttp import web

from chat_faults import KINDS, strike
from chat_models import HashModel
from chat_server import ChatServer, ServerBehaviour
from http_asking import backend, generate, probed, prompt, run, with_backend
from unswayed.backends.openai import Budget, Price
from unswayed.backends.openai.responses import Malformed
from unswayed.backends.openai.sse import StreamAssembler, StreamError
from unswayed.conditions import STOP_THINK
from unswayed.errors import BackendError
from unswayed.model_io import Request, Sampling

ASKED = [Request(prompt(p), Sampling(), 900 + i) for i, p in enumerate(("", "<think>It is", STOP_THINK))]


def streams(server: ChatServer) -> list[bool]:
    """Of the questions of `ASKED` as they came first, whether each was to be streamed."""
    return ["stream" in body for body in server.bodies.values() if body.get("seed", 0) >= 900]


@pytest.mark.parametrize("parser", [False, True])
@pytest.mark.parametrize("stop", ["told", "kept", "lost"])
@pytest.mark.parametrize("form", ["counted", "plain", "ignore", "refuse"])
def test_a_streamed_generation_equals_the_whole_one(form: str, stop: str, parser: bool) -> None:
    behaviour = ServerBehaviour(stop=stop, parser=parser)
    with ChatServer(HashModel(), behaviour) as server:
        whole = generate(backend(server), *ASKED)
    with ChatServer(HashModel(), replace(behaviour, stream=form)) as server:
        result = generate(backend(server, stream=True), *ASKED)
        assert streams(server) == [form in ("counted", "plain")] * 3
    counts = {"prompt_tokens": None, "tokens": None} if form == "plain" else {}
    assert [replace(g, seconds=None) for g in result] == [replace(g, seconds=None, **counts) for g in whole]


@pytest.mark.parametrize(
    ("form", "note"),
    [
        ("counted", "streams: in events, tokens counted"),
        ("plain", "streams: in events, tokens not counted"),
        ("ignore", "streams: none (it replies whole)"),
        ("refuse", "streams: none (400: Unrecognized request argument supplied: stream)"),
    ],
)
def test_the_probe_sees_how_replies_are_streamed(form: str, note: str) -> None:
    assert note in probed(ServerBehaviour(stream=form))[1].facts["seen"]


def test_whether_it_streams_is_no_part_of_a_trial() -> None:
    names = ["base", "wrong-think"]
    with ChatServer(HashModel()) as server:
        whole = run(backend(server), 5, names).trials
        streamed = run(backend(server, stream=True), 5, names).trials
    assert streamed.drop_columns(["seconds"]).equals(whole.drop_columns(["seconds"]))


def test_a_reply_that_takes_longer_than_the_timeout_comes_streamed() -> None:
    """A hundred events at a pace below the timeout, which all of them together exceed."""

    async def late(request: Any, raw: bytes, nth: int, answer: Any) -> Any:
        body = json.loads(raw)
        if body.get("seed", 0) >= 900 and "stream" not in body:
            await asyncio.sleep(3600)
        return await answer()

    with ChatServer(HashModel(), ServerBehaviour(pace=0.03), fault=late) as server:
        made = backend(server, timeout=0.4)
        result = generate(made, *ASKED[:1])
    assert [(g.text, g.attempts) for g in result] == [(HashModel().behind(prompt()), 2)]
    assert result[0].seconds is not None
    assert result[0].seconds > 0.4


@pytest.mark.parametrize("status", [408, 504, 524])
def test_a_gateway_timeout_is_followed_by_a_streamed_attempt(status: int) -> None:
    observed: list[bool] = []

    async def gateway(request: Any, raw: bytes, nth: int, answer: Any) -> Any:
        body = json.loads(raw)
        if body.get("seed", 0) < 900:
            return await answer()
        observed.append("stream" in body)
        return await answer() if "stream" in body else web.Response(status=status, text="gave up")

    with ChatServer(HashModel(), fault=gateway) as server:
        result = generate(backend(server), *ASKED[:1])
    assert (observed, result[0].finish, result[0].attempts) == ([False, True], "stop", 2)


async def _begun(request: Any) -> web.StreamResponse:
    stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await stream.prepare(request)
    await stream.write(_event({"content": "<think>I"}))
    return stream


def _event(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return f"data: {json.dumps({'choices': [choice]})}\n\n".encode()


async def comments(request: Any) -> Any:
    stream = await _begun(request)
    while True:
        await asyncio.sleep(0.02)
        await stream.write(b": still here\n\n")


async def letters(request: Any) -> Any:
    stream = await _begun(request)
    while True:
        await asyncio.sleep(0.02)
        await stream.write(_event({"content": "x"}))


async def silence(request: Any) -> Any:
    await _begun(request)
    await asyncio.sleep(3600)


async def too_soon(request: Any) -> Any:
    stream = await _begun(request)
    await stream.write_eof()
    return stream


async def unended(request: Any) -> Any:
    stream = await _begun(request)
    await stream.write(b"data: [DONE]\n\n")
    return stream


async def torn(request: Any) -> Any:
    stream = await _begun(request)
    await stream.write(b'data: {"choices": [{"in')
    request.transport.abort()
    return stream


async def error(request: Any) -> Any:
    stream = await _begun(request)
    await stream.write(b'data: {"error": {"message": "CUDA out of memory", "code": 500}}\n\n')
    return stream


async def nonsense(request: Any) -> Any:
    stream = await _begun(request)
    await stream.write(b"data: <html>\n\n")
    return stream


async def endless(request: Any) -> Any:
    stream = await _begun(request)
    while True:
        await stream.write(_event({"content": "x" * 10_000}))
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    "breaks", [comments, letters, silence, too_soon, unended, torn, error, nonsense, endless]
)
def test_a_stream_that_breaks_stalls_or_drips_is_asked_again(breaks: Any) -> None:
    async def first(request: Any, raw: bytes, nth: int, answer: Any) -> Any:
        if json.loads(raw).get("seed", 0) >= 900 and nth == 1:
            return await breaks(request)
        return await answer()

    with ChatServer(HashModel(), fault=first) as server:
        made = backend(server, stream=True, timeout=0.15, max_reply_bytes=100_000)
        result = generate(made, *ASKED)
    assert [g.text for g in result] == [HashModel().behind(r.prompt) for r in ASKED]
    assert [g.attempts for g in result] == [2] * 3


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_fault_passes_in_a_stream_too(kind: str) -> None:
    async def first(request: Any, raw: bytes, nth: int, answer: Any) -> Any:
        if json.loads(raw).get("seed", 0) >= 900 and nth == 1:
            return await strike(kind, request, answer)
        return await answer()

    with ChatServer(HashModel(), fault=first) as server:
        made = backend(server, stream=True, timeout=0.15, max_reply_bytes=100_000)
        result = generate(made, *ASKED[:2])
    assert [(g.finish, g.attempts) for g in result] == [("stop", 2)] * 2


def test_an_error_in_a_stream_that_no_repeating_helps_is_not_repeated() -> None:
    async def refuse(request: Any, raw: bytes, nth: int, answer: Any) -> Any:
        if json.loads(raw).get("seed", 0) < 900:
            return await answer()
        stream = await _begun(request)
        await stream.write(b'data: {"error": {"message": "too long", "code": 400}}\n\n')
        return stream

    with ChatServer(HashModel(), fault=refuse) as server:
        (result,) = generate(backend(server, stream=True), ASKED[0])
    assert (result.finish, result.attempts, result.error) == ("error", 1, "400: too long")


def test_bytes_may_be_cut_anywhere() -> None:
    seed = 7
    print(f"seed {seed}")
    draw = random.Random(seed)
    said = "Ein Stern, grün — 星\n(B)"
    raw = b": hi\r\n\r\nevent: x\nid: 1\n" + _event({"role": "assistant", "content": None})
    raw += b"".join(_event({"content": c}) for c in said).replace(b"\n", b"\r\n")
    raw += b'data: {"choices": [{"delta": {},\ndata: "finish_reason": "length", "stop_reason": "x"}]}\n\n'
    raw += b'data: {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}\n\ndata:[DONE]\n\n'
    for _ in range(50):
        result, at = StreamAssembler(), 0
        while at < len(raw):
            size = draw.randrange(1, 40)
            result.feed(raw[at : at + size])
            at += size
        assert result.done
        (choice,) = result.reply()["choices"]
        assert choice == {"finish_reason": "length", "stop_reason": "x", "message": {"content": said}}
        assert result.reply()["usage"] == {"prompt_tokens": 3, "completion_tokens": 4}


def test_log_probabilities_of_a_stream_are_joined_and_other_choices_left_out() -> None:
    result = StreamAssembler()
    for token in "AB":
        choice = {"index": 0, "delta": {"content": token}, "logprobs": {"content": [{"token": token}]}}
        other = {"index": 1, "delta": {"content": "no"}, "finish_reason": "stop"}
        result.feed(f"data: {json.dumps({'choices': [choice, other]})}\n\n".encode())
    with pytest.raises(Malformed, match="ended before"):
        result.reply()
    result.feed(_event({}, "stop"))
    (choice,) = result.reply()["choices"]
    assert (choice["message"], choice["logprobs"]) == (
        {"content": "AB"},
        {"content": [{"token": "A"}, {"token": "B"}]},
    )


@pytest.mark.parametrize(
    "event",
    [b"[]", b"{", b'{"choices": 3}', b'{"choices": [3]}', b'{"choices": [{"delta": 3}]}',
     b'{"choices": [{"delta": {"content": 3}}]}', b"[" * 9999],
)  # fmt: skip
def test_an_event_that_is_no_chunk(event: bytes) -> None:
    with pytest.raises(Malformed):
        StreamAssembler().feed(b"data: " + event + b"\n\n")
    with pytest.raises(StreamError, match="gone"):
        StreamAssembler().feed(b'data: {"error": "gone"}\n\n')


def test_a_budget_of_tokens_is_kept_in_streams_and_where_none_are_counted_it_is_refused() -> None:
    for stream in (False, True):
        with ChatServer(HashModel()) as server, pytest.raises(BackendError, match="budget of 9,000 tokens"):
            run(backend(server, stream=stream, budget=Budget(tokens=9000)), 40, ["base"])
    with ChatServer(HashModel(), ServerBehaviour(stream="plain")) as server:
        made = backend(server, stream=True, budget=Budget(tokens=10**9))
        result = generate(made, *ASKED)
        assert streams(server) == [False] * 3, "a stream without counts would escape the budget"
        assert all(g.tokens for g in result)
    for budget in (Budget(tokens=10**9), Budget(cost=1e9)):
        with (
            ChatServer(HashModel(), ServerBehaviour(usage=False)) as server,
            pytest.raises(BackendError, match=r"does not count tokens.*--max-requests"),
        ):
            with_backend(backend(server, budget=budget, price=Price(1, 1)), lambda b: b.capabilities())
