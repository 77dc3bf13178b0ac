"""A chat server that fails on purpose: at random by the content of a request, or always for some.

The fault depends on the request's body, on how often it came, and on a seed; so a run can be
repeated, and the right reaction of a client is known.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

KINDS = (
    "429", "500", "502", "503", "408", "409", "stall", "drip", "cut", "break", "not-json", "no-choices",
    "no-message", "html", "huge", "bomb", "half-json", "list",
)  # fmt: skip
HUGE = 200_000
"""Bytes of a huge reply."""


class Faults:
    """Faults at `rate`; `always` chooses requests (by their bodies) that never succeed."""

    def __init__(
        self,
        rate: float,
        seed: int,
        *,
        always: Callable[[dict[str, Any]], str | None] = lambda body: None,
        kinds: tuple[str, ...] = KINDS,
        spare: bool = True,
    ) -> None:
        """`spare`: the probe, whose requests have no seed above 100, meets no faults."""
        self.rate, self.seed, self.always, self.kinds, self.spare = rate, seed, always, kinds, spare
        self.struck: Counter[str] = Counter()
        self.named: dict[str, str] = {}
        """X-Request-Id -> the fault that this request met."""

    async def __call__(
        self, request: web.Request, raw: bytes, nth: int, answer: Callable[[], Awaitable[web.Response]]
    ) -> Any:
        body = json.loads(raw)
        kind = self.always(body)
        if kind is None and not (self.spare and body.get("seed", 0) <= 100 and not body.get("logprobs")):
            digest = hashlib.sha256(raw + f"{nth} {self.seed}".encode()).digest()
            if int.from_bytes(digest[:4], "big") < self.rate * 2**32:
                kind = self.kinds[digest[4] % len(self.kinds)]
        if kind is None:
            return await answer()
        self.struck[kind] += 1
        self.named[request.headers.get("X-Request-Id", "")] = kind
        return await strike(kind, request, answer)


async def strike(kind: str, request: web.Request, answer: Callable[[], Awaitable[web.Response]]) -> Any:
    """One fault."""
    if kind.isdigit():
        headers = {"Retry-After": "0.02"} if kind in ("429", "503") else {}
        words = {"error": {"message": f"planted {kind}"}}
        return web.json_response(words, status=int(kind), headers=headers)
    if kind == "stall":
        await asyncio.sleep(3600)
    if kind == "break":
        return _abort(request)
    answered = await answer()
    whole = answered.body
    assert isinstance(whole, bytes)
    if kind in ("cut", "drip", "huge"):
        size = HUGE if kind == "huge" else len(whole)
        reply = web.StreamResponse(headers={"Content-Type": answered.content_type})
        if kind == "cut":
            reply.content_length = size
        reply.enable_chunked_encoding() if kind == "huge" else None
        await reply.prepare(request)
        if kind == "huge":
            for _ in range(size // 10_000):
                await reply.write(b" " * 10_000)
            await reply.write(whole)
            await reply.write_eof()
            return reply
        await reply.write(whole[: len(whole) // 2])
        while kind == "drip":
            await asyncio.sleep(0.02)
            await reply.write(b" ")
        return _abort(request)
    if kind == "html":
        return web.Response(text="<html>Welcome</html>", content_type="text/html")
    if kind == "bomb":
        return web.Response(
            body=b"\x1f\x8b" + b"\0" * 99,
            headers={"Content-Encoding": "gzip"},
            content_type="application/json",
        )
    texts = {
        "not-json": b"Service is starting",
        "half-json": whole[: len(whole) // 2],
        "no-choices": b'{"id": "chatcmpl-1", "object": "chat.completion", "choices": []}',
        "no-message": json.dumps({"choices": [{"index": 0, "finish_reason": "stop"}]}).encode(),
        "list": b"[]",
    }
    return web.Response(body=texts[kind], content_type="application/json")


def _abort(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
