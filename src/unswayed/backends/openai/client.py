"""One question, asked until it is answered, refused, or asked often enough.

What may pass (see `transport`) is asked again after a jittered, growing pause, at least as long as the
server wishes; on another replica where there is one. A server that cannot be reached costs no attempt,
for nothing was asked: questions wait until it is back, or `patience` is at its end. What did not come
whole in time, or which a gateway gave up waiting for, is streamed when it is asked again, where the
endpoint can: then only a stall ends it. A run ends early when

* the server refuses every one of the first questions: its own words say why;
* nothing has been heard of any replica for `patience`, or one asks for a longer pause than that;
* the budget is spent.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, NoReturn, TypeVar

from unswayed.backends.openai.budget import Budget, Spend
from unswayed.backends.openai.prices import Price
from unswayed.backends.openai.replicas import Replica, Replicas
from unswayed.backends.openai.requests import StreamForm, streamed
from unswayed.backends.openai.responses import Malformed, usage
from unswayed.backends.openai.transport import Transport, Trouble
from unswayed.errors import BackendError
from unswayed.retry import Retry, sleep

T = TypeVar("T")
_GATEWAY = frozenset({408, 504, 524})  # statuses of those who gave up waiting for a server behind them
_FIRST_WORD = 10.0  # seconds that a server gets to be heard of at all: a wrong port should not cost minutes


@dataclass(frozen=True)
class Answered(Generic[T]):
    """What was read off the reply."""

    value: T
    attempts: int
    seconds: float
    """Of the attempt that succeeded."""


@dataclass(frozen=True)
class Failed:
    """No answer, and why; the last failure's words."""

    words: str
    attempts: int
    denied: bool
    """The server will not answer this; it was not asked again."""
    status: int = 0


class Caller:
    """Asks the replicas of one model. Lives in one event loop."""

    def __init__(
        self,
        transport: Transport,
        replicas: Replicas,
        *,
        retry: Retry,
        patience: float,
        budget: Budget,
        spend: Spend,
        first: int,
        price: Price | None = None,
        stream: bool = False,
    ) -> None:
        """`patience` in seconds; `first`: so many refusals, and no answer, end the run. `stream`: replies
        are streamed from the first attempt on."""
        self._transport = transport
        self._replicas = replicas
        self._retry = retry
        self._patience = patience
        self._budget = budget
        self._spend = spend
        self._first = first
        self._price = price
        self._stream = stream
        # A name for every request, so that a server's log tells attempts apart and none is mistaken.
        self._name = f"unswayed-{os.urandom(4).hex()}"
        self._questions = itertools.count()
        self._refused: int | None = 0  # None once anything was answered
        self._bell = asyncio.Event()

    async def ask(
        self,
        body: bytes,
        read: Callable[[dict[str, Any]], T],
        *,
        home: int = 0,
        paid: bool = False,
        probing: bool = False,
        stream: StreamForm = "none",
        attempts: int | None = None,
    ) -> Answered[T] | Failed:
        """Post `body` to the chat endpoint; `read` takes the reply, or raises `Malformed`.

        `paid`: belongs to an answer that is paid for already, so no budget holds it up. `probing`: a
        refusal is what is to be found out. `stream`: how its reply can be streamed. `attempts`: how many
        at most, if fewer than the rule of retries has. Raises `BackendError` when the run is over.
        """
        attempt, avoid = 0, None
        most = self._retry.attempts if attempts is None else min(attempts, self._retry.attempts)
        name = f"{self._name}-{next(self._questions)}"
        if self._stream:
            body, stream = streamed(body, stream), "none"
        while True:
            replica = await self._replicas.take(home, avoid)
            # From here to `give` in `_once` nothing is awaited, so no reservation can be lost.
            if not paid and (spent := self._budget.reached(self._spend)):
                self._replicas.give(replica, "unknown", 0.0)
                self._bell.set()
                raise BackendError(spent)
            found = await self._once(replica, body, read, attempt, name)
            if isinstance(found, Answered):
                if not probing:
                    self._refused = None
                return found
            if found.kind == "unreachable":
                patience = self._patience if self._replicas.heard is not None else _FIRST_WORD
                if self._replicas.silence > min(patience, self._patience):
                    self._over(f"{replica.url}: {found.words}; start the server, then run the same command")
                avoid = replica
                continue
            attempt += 1
            if found.kind == "denied":
                if not probing:
                    self._deny(replica, found.words)
                return Failed(found.words, attempt, True, found.status)
            if attempt >= most:
                if self._replicas.silence > self._patience:
                    self._over(f"{replica.url}: {found.words}; see to the server, then run the same command")
                return Failed(found.words, attempt, False, found.status)
            if found.wait > self._patience:
                self._over(
                    f"{replica.url} asks to be left alone for {found.wait:,.0f} s ({found.words}); "
                    "run the same command then"
                )
            avoid = replica
            if found.kind == "slow" or found.status in _GATEWAY:
                body, stream = streamed(body, stream), "none"
            await sleep(max(found.wait, self._retry.wait(attempt)), self._bell)

    async def aside(
        self, url: str, path: str, body: dict[str, Any] | None, *, attempts: int | None = None
    ) -> dict[str, Any] | None:
        """Something that costs nothing, of one server; None where it has no answer to that.

        `path` is below the base URL, or below what stands before its ``/v1`` if it begins with a slash.
        `attempts` as in `ask`.
        """
        most = self._retry.attempts if attempts is None else min(attempts, self._retry.attempts)
        where = url.removesuffix("/v1") + path if path.startswith("/") else f"{url}/{path}"
        for attempt in range(1, most + 1):
            if body is None:
                found = await self._transport.get(where)
            else:
                found = await self._transport.post(where, json.dumps(body).encode())
            if not isinstance(found, Trouble):
                return found
            if found.kind == "denied" or attempt == most or found.wait > self._patience:
                break
            await sleep(max(found.wait, self._retry.wait(attempt)), self._bell)
        return None

    async def _once(
        self, replica: Replica, body: bytes, read: Callable[[dict[str, Any]], T], attempt: int, name: str
    ) -> Answered[T] | Trouble:
        loop = asyncio.get_running_loop()
        began = loop.time()
        outcome: Any = "unknown"
        wait = 0.0
        try:
            where = f"{replica.url}/chat/completions"
            reply = await self._transport.post(where, body, f"{name}-{attempt + 1}")
            if isinstance(reply, Trouble):
                found: Answered[T] | Trouble = reply
            else:
                try:
                    value = read(reply)
                    found = Answered(value, attempt + 1, loop.time() - began)
                    self._spend.add(*usage(reply), self._price)
                except Malformed as problem:
                    found = Trouble("broken", str(problem), status=200)
            if isinstance(found, Trouble):
                outcome, wait = found.kind, found.wait
            else:
                outcome = "good"
            if outcome != "unreachable":
                self._spend.requests += 1
                self._spend.repeated += attempt > 0
            return found
        finally:
            self._replicas.give(replica, outcome, began, wait)

    def _deny(self, replica: Replica, words: str) -> None:
        if self._refused is None:
            return
        self._refused += 1
        if self._refused >= self._first:
            self._over(
                f"{replica.url} refuses every question, the first {self._refused} of them with: {words}"
            )

    def _over(self, words: str) -> NoReturn:
        """End the run for all questions that are open."""
        self._replicas.end(words)
        self._bell.set()
        raise BackendError(words)
