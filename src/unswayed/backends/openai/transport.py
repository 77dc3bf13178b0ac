"""One HTTP exchange: JSON in, JSON out, or a `TransportFailure` that says whether another attempt may help.

Replies are hostile: their size is limited, compressed ones are not unpacked, redirects are not followed (the
key would go with them). What they hold leaves this module only through `ApiKey.scrub` or `ApiKey.redact`.

A reply may be streamed. Then the timeout counts to its next event, so that a long reply may take longer than
a whole one, and one that stalls or sends only comments is still given up; no reply gets more than
`STREAM_TIMEOUT_FACTOR` times the timeout.
"""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import io
import json
import time
from dataclasses import dataclass
from typing import Any, Literal

import aiohttp

from unswayed.backends.openai.credentials import ApiKey
from unswayed.backends.openai.responses import Malformed, error_in
from unswayed.backends.openai.sse import StreamAssembler, StreamError

RETRYABLE_STATUSES = frozenset({408, 409, 425, 429})
"""Client errors that may pass; so may all of 500 and above. No other one is repeated."""
_BUSY = frozenset({408, 429, 503, 529})
_LARGE = 1 << 20  # bytes beyond which aiohttp wants a file
STREAM_TIMEOUT_FACTOR = 4
"""A streamed reply may take so many times the timeout in all."""
_CLOSING_TIME = (
    1.0  # seconds that a stream gets to close after its last event, so that its connection is reused
)

FailureKind = Literal["unreachable", "busy", "slow", "broken", "denied"]


@dataclass(frozen=True)
class TransportFailure:
    """Why there is no reply."""

    kind: FailureKind
    """`unreachable`: nothing was sent. `busy`: the server is overloaded. `slow`: no reply in time.
    `broken`: any other failure that may pass. `denied`: repeating the request is no use."""
    message: str
    """The server's own where it has any, redacted."""
    wait: float = 0.0
    """Seconds that the server asks for (Retry-After)."""
    status: int = 0


class Transport:
    """Exchanges with any server. Must be made, used and closed in one event loop."""

    def __init__(self, key: ApiKey, *, timeout: float, connect: float, max_bytes: int) -> None:
        """`timeout`: seconds for a whole exchange, or to the next event of a stream; `connect`: for its
        connection; `max_bytes`: of one reply."""
        self._key = key
        self._max_bytes = max_bytes
        self._timeout = timeout
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity", **key.headers}
        self._session = aiohttp.ClientSession(
            headers=headers,
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        await self._session.close()

    async def get(self, url: str) -> dict[str, Any] | TransportFailure:
        return await self._exchange("GET", url, None)

    async def post(self, url: str, body: bytes, name: str = "") -> dict[str, Any] | TransportFailure:
        """The server's reply (a JSON object, or events assembled to one), or why there is none.

        `name` is sent as ``X-Request-Id``: no two requests share one, so they can be told apart in a log.
        """
        data = io.BytesIO(body) if len(body) > _LARGE else body
        return await self._exchange("POST", url, data, {"X-Request-Id": name} if name else None)

    async def _exchange(
        self, method: str, url: str, body: Any, headers: dict[str, str] | None = None
    ) -> dict[str, Any] | TransportFailure:
        try:
            async with (
                asyncio.timeout(self._timeout) as deadline,
                self._session.request(
                    method, url, data=body, headers=headers, allow_redirects=False
                ) as response,
            ):
                if response.status == 200 and response.content_type == "text/event-stream":
                    return self._checked(await self._streamed(response, deadline))
                raw = await self._read(response)
                if isinstance(raw, TransportFailure):
                    return raw
                if response.status != 200:
                    retry_later = response.headers.get("Retry-After", "")
                    return self._refusal(response.status, error_message(raw), response.reason, retry_later)
                return self._checked(self._parsed(response, raw))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return self._failure("unreachable", f"cannot connect: {_reason(error)}")
        except TimeoutError:
            return TransportFailure("slow", f"no whole reply within {self._timeout:g} s")
        except StreamError as stream_error:
            return self._reported(stream_error.error)
        except Malformed as problem:
            return self._failure("broken", str(problem), 200)
        except aiohttp.InvalidURL as error:
            return self._failure("denied", f"not an address: {error}")
        except RecursionError:
            return TransportFailure("broken", "the reply is nested too deeply", status=200)
        except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError) as error:
            return self._failure("broken", f"the connection broke: {_reason(error)}")

    def _failure(self, kind: FailureKind, message: str, status: int = 0) -> TransportFailure:
        return TransportFailure(kind, self._key.redact(message), status=status)

    def _checked(self, reply: dict[str, Any] | TransportFailure) -> dict[str, Any] | TransportFailure:
        """The reply without the key, or the error that it carries."""
        if isinstance(reply, TransportFailure):
            return reply
        error = error_in(reply)
        return self._key.scrub(reply) if error is None else self._reported(error)

    async def _streamed(
        self, response: aiohttp.ClientResponse, deadline: asyncio.Timeout
    ) -> dict[str, Any] | TransportFailure:
        now = asyncio.get_running_loop().time
        latest, size, assembler = now() + STREAM_TIMEOUT_FACTOR * self._timeout, 0, StreamAssembler()
        if compressed := self._compressed(response):
            return compressed
        while not assembler.done and (part := await response.content.readany()):
            size += len(part)
            if size > self._max_bytes:
                return self._too_large(response)
            if assembler.feed(part):
                deadline.reschedule(min(latest, now() + self._timeout))
        if assembler.done:
            deadline.reschedule(now() + 2 * _CLOSING_TIME)
            with contextlib.suppress(TimeoutError, aiohttp.ClientError):
                async with asyncio.timeout(_CLOSING_TIME):
                    await response.content.readany()
        return assembler.reply()

    async def _read(self, response: aiohttp.ClientResponse) -> bytes | TransportFailure:
        """The body, or the failure where it is too large."""
        parts, size = [], response.content_length or 0
        if size <= self._max_bytes:
            size = 0
            while part := await response.content.readany():
                parts.append(part)
                size += len(part)
                if size > self._max_bytes:
                    break
        if size > self._max_bytes:
            return self._too_large(response)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _parsed(self, response: aiohttp.ClientResponse, raw: bytes) -> dict[str, Any] | TransportFailure:
        kind = response.content_type
        if not kind.endswith("json"):
            return self._failure("broken", f"the reply is {kind}, not JSON", 200)
        if compressed := self._compressed(response):
            return compressed
        try:
            reply = json.loads(raw)
        except (ValueError, RecursionError) as error:
            return self._failure("broken", f"the reply is not JSON: {error}", 200)
        if not isinstance(reply, dict):
            return TransportFailure("broken", "the reply is no JSON object", status=200)
        return reply

    def _compressed(self, response: aiohttp.ClientResponse) -> TransportFailure | None:
        encoding = response.headers.get("Content-Encoding", "identity")
        if encoding == "identity":
            return None
        return self._failure("broken", f"the reply is compressed ({encoding}), unasked", 200)

    def _too_large(self, response: aiohttp.ClientResponse) -> TransportFailure:
        response.close()
        return TransportFailure(
            "broken", f"the reply has more than {self._max_bytes:,} bytes", status=response.status
        )

    def _reported(self, error: Any) -> TransportFailure:
        """The failure for an error object in a reply of status 200; its code counts as a status."""
        code = error.get("code") if isinstance(error, dict) else None
        status = code if type(code) is int and 400 <= code < 600 else 500
        return self._refusal(status, error_message(json.dumps({"error": error}).encode()))

    def _refusal(
        self, status: int, message: str, reason: str | None = None, retry_later: str = ""
    ) -> TransportFailure:
        """`reason`: the status line's phrase; `retry_later`: the Retry-After header."""
        kind: FailureKind = "denied"
        if status in _BUSY:
            kind = "busy"
        elif status in RETRYABLE_STATUSES or status >= 500:
            kind = "broken"
        text = self._key.redact(message).removeprefix(f"{status}: ") or self._key.redact(reason or "")
        wait = retry_after(retry_later) if kind != "denied" else 0.0
        return TransportFailure(kind, f"{status}: {text or 'no reason given'}", wait, status)


def error_message(raw: bytes) -> str:
    """The message in an error's body: that of JSON in the usual forms, else the text itself."""
    text = raw[:65536].decode("utf-8", "replace")
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return "" if text.lstrip().startswith("<") else text
    for name in ("error", "message", "detail"):
        while isinstance(value, dict) and name in value:
            value = value[name]
    return value if isinstance(value, str) else json.dumps(value)


def retry_after(value: str, now: float | None = None) -> float:
    """Seconds that a Retry-After header asks for: a number, or a date (RFC 9110, 10.2.3); else 0."""
    try:
        wait = float(value)
    except ValueError:
        when = email.utils.parsedate_tz(value)
        if when is None:
            return 0.0
        wait = email.utils.mktime_tz(when) - (time.time() if now is None else now)
    return wait if 0 < wait < 1e9 else 0.0


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__
