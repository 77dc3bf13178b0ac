"""One HTTP exchange: JSON in, JSON out, or a `Trouble` that says whether asking again may help.

Replies are hostile: their size is limited, compressed ones are not unpacked, redirects are not
followed (the key would go with them), and their words are redacted before anybody sees them.

A reply may be streamed. Then time is counted up to its next event, so that a long one may take longer than
a whole one, and one that stalls or only drips is given up all the same: comments are no sign of life, and
no reply gets more than `LONGER` times the time.
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

from unswayed.backends.openai.credentials import Key
from unswayed.backends.openai.responses import Malformed
from unswayed.backends.openai.sse import Assembly, Broke

AGAIN = frozenset({408, 409, 425, 429})
"""Client errors that may pass; so may all of 500 and above. No other one is asked again."""
_BUSY = frozenset({408, 429, 503, 529})
_LARGE = 1 << 20  # bytes beyond which aiohttp wants a file
LONGER = 4
"""A streamed reply may take so many times as long as a whole one."""
_FAREWELL = 1.0  # seconds that a stream gets to close behind its last event, so that its connection can stay

Kind = Literal["unreachable", "busy", "slow", "broken", "denied"]


@dataclass(frozen=True)
class Trouble:
    """Why there is no reply."""

    kind: Kind
    """`unreachable`: nothing was sent. `busy`: it has too much to do. `slow`: it did not reply in time.
    `broken`: any other failure that may pass. `denied`: asking the same again is no use."""
    words: str
    """The server's own where it has any, redacted."""
    wait: float = 0.0
    """Seconds that the server asks for (Retry-After)."""
    status: int = 0


class Transport:
    """Exchanges with any server. To be made, used and closed in one event loop."""

    def __init__(self, key: Key, *, timeout: float, connect: float, most_bytes: int) -> None:
        """`timeout`: seconds for a whole exchange, or to the next event of a stream; `connect`: for its
        connection."""
        self._key = key
        self._most = most_bytes
        self._limit = timeout
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

    async def get(self, url: str) -> dict[str, Any] | Trouble:
        return await self._exchange("GET", url, None)

    async def post(self, url: str, body: bytes, name: str = "") -> dict[str, Any] | Trouble:
        """What the server replied (a JSON object, or events put together to one), or why it did not.

        `name` goes along as ``X-Request-Id``: no two requests share one, so a server's log tells each.
        """
        data = io.BytesIO(body) if len(body) > _LARGE else body
        return await self._exchange("POST", url, data, {"X-Request-Id": name} if name else None)

    async def _exchange(
        self, method: str, url: str, body: Any, headers: dict[str, str] | None = None
    ) -> dict[str, Any] | Trouble:
        try:
            async with (
                asyncio.timeout(self._limit) as clock,
                self._session.request(
                    method, url, data=body, headers=headers, allow_redirects=False
                ) as reply,
            ):
                if reply.status == 200 and reply.content_type == "text/event-stream":
                    return await self._streamed(reply, clock)
                raw = await self._read(reply)
                if isinstance(raw, Trouble):
                    return raw
                if reply.status != 200:
                    later = reply.headers.get("Retry-After", "")
                    return self._refusal(reply.status, raw, reply.reason, later)
                return self._parsed(reply, raw)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return Trouble("unreachable", self._key.redact(f"cannot connect: {_why(error)}"))
        except TimeoutError:
            return Trouble("slow", f"no whole reply within {self._limit:g} s")
        except Broke as told:
            return self._refusal(told.status or 500, str(told).encode())
        except Malformed as problem:
            return Trouble("broken", self._key.redact(str(problem)), status=200)
        except aiohttp.InvalidURL as error:
            return Trouble("denied", self._key.redact(f"not an address: {error}"))
        except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError) as error:
            return Trouble("broken", self._key.redact(f"the connection broke: {_why(error)}"))

    async def _streamed(
        self, reply: aiohttp.ClientResponse, clock: asyncio.Timeout
    ) -> dict[str, Any] | Trouble:
        now = asyncio.get_running_loop().time
        latest, size, found = now() + LONGER * self._limit, 0, Assembly()
        if packed := self._packed(reply):
            return packed
        while not found.done and (part := await reply.content.readany()):
            size += len(part)
            if size > self._most:
                return self._too_large(reply)
            if found.feed(part):
                clock.reschedule(min(latest, now() + self._limit))
        if found.done:
            clock.reschedule(now() + 2 * _FAREWELL)
            with contextlib.suppress(TimeoutError, aiohttp.ClientError):
                async with asyncio.timeout(_FAREWELL):
                    await reply.content.readany()
        return found.reply()

    async def _read(self, reply: aiohttp.ClientResponse) -> bytes | Trouble:
        """The body, or the trouble with its size."""
        parts, size = [], reply.content_length or 0
        if size <= self._most:
            size = 0
            while part := await reply.content.readany():
                parts.append(part)
                size += len(part)
                if size > self._most:
                    break
        if size > self._most:
            return self._too_large(reply)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _parsed(self, reply: aiohttp.ClientResponse, raw: bytes) -> dict[str, Any] | Trouble:
        kind = reply.content_type
        if not kind.endswith("json"):
            return Trouble("broken", self._key.redact(f"the reply is {kind}, not JSON"), status=200)
        if packed := self._packed(reply):
            return packed
        try:
            found = json.loads(raw)
        except (ValueError, RecursionError) as error:
            return Trouble("broken", self._key.redact(f"the reply is not JSON: {error}"), status=200)
        if not isinstance(found, dict):
            return Trouble("broken", "the reply is no JSON object", status=200)
        return found

    def _packed(self, reply: aiohttp.ClientResponse) -> Trouble | None:
        packed = reply.headers.get("Content-Encoding", "identity")
        if packed == "identity":
            return None
        return Trouble("broken", self._key.redact(f"the reply is packed ({packed}), unasked"), status=200)

    def _too_large(self, reply: aiohttp.ClientResponse) -> Trouble:
        reply.close()
        return Trouble("broken", f"the reply has more than {self._most:,} bytes", status=reply.status)

    def _refusal(self, status: int, raw: bytes, reason: str | None = None, later: str = "") -> Trouble:
        """`reason` and `later`: the status line's words, and the Retry-After header."""
        kind: Kind = "denied"
        if status in _BUSY:
            kind = "busy"
        elif status in AGAIN or status >= 500:
            kind = "broken"
        said = self._key.redact(own_words(raw)).removeprefix(f"{status}: ")
        wait = retry_after(later) if kind != "denied" else 0.0
        return Trouble(kind, f"{status}: {said or reason or 'no reason given'}", wait, status)


def own_words(raw: bytes) -> str:
    """What an error's body says: the message in JSON of the usual forms, else the text itself."""
    text = raw[:65536].decode("utf-8", "replace")
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        return "" if text.lstrip().startswith("<") else text
    for name in ("error", "message", "detail"):
        while isinstance(found, dict) and name in found:
            found = found[name]
    return found if isinstance(found, str) else json.dumps(found)


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


def _why(error: BaseException) -> str:
    return str(error) or type(error).__name__
