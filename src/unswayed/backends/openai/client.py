"""One question, asked until it is answered, refused, or has failed often enough.

A transient failure (see `transport`) is repeated by the project's rule (`retry`), not before the pause that
the server asks for, and on another replica where there is one. An unreachable server costs no attempt, for
nothing was asked. A reply that did not come whole in time, or for which a gateway gave up waiting, is
streamed in the next attempt where the endpoint can stream: then only a stall ends it. A run ends early when

* the server refuses every one of the first questions: its message says why;
* nothing was answered for `patience` seconds of failures (see `watchdog`), or a server asks for a longer
  pause;
* the budget is spent.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, NoReturn, TypeVar

from unswayed.backends.openai.budget import Spend
from unswayed.backends.openai.options import EndpointOptions
from unswayed.backends.openai.replicas import Outcome, Replica, ReplicaPool
from unswayed.backends.openai.requests import StreamForm, with_streaming
from unswayed.backends.openai.responses import Malformed, usage
from unswayed.backends.openai.transport import Transport, TransportFailure
from unswayed.backends.openai.watchdog import Watchdog
from unswayed.errors import BackendError
from unswayed.retry import AttemptFailed, RetriesExhausted, call_with_retry

T = TypeVar("T")
_SIDE_TIMEOUT = 30.0  # seconds for what costs no generation: a server that hangs there must not stall a run
_SIDE_ATTEMPTS = 3
_REMEDY = "start or check the server, then run the same command"
_GATEWAY_STATUSES = frozenset({408, 504, 524})  # of gateways that gave up waiting for the server behind them


@dataclass(frozen=True)
class Success(Generic[T]):
    """What was read from the reply."""

    value: T
    attempts: int
    seconds: float
    """Of the attempt that succeeded."""


@dataclass(frozen=True)
class Failure:
    """No answer, and the reason."""

    message: str
    """That of the last attempt."""
    attempts: int
    denied: bool
    """The server refused the request; it was not repeated."""
    status: int = 0


class EndpointClient:
    """Asks the replicas of one model. Belongs to one event loop."""

    def __init__(
        self,
        transport: Transport,
        pool: ReplicaPool,
        watchdog: Watchdog,
        options: EndpointOptions,
        spend: Spend,
    ) -> None:
        self._transport = transport
        self._pool = pool
        self._watchdog = watchdog
        self._options = options
        self._spend = spend
        # A name for every request, so that a server's log tells attempts apart.
        self._name = f"unswayed-{os.urandom(4).hex()}"
        self._questions = itertools.count()
        self._refusals: int | None = 0  # None once anything was answered
        self._ended = asyncio.Event()
        watchdog.end_idle_run = self._end_idle_run

    async def complete(
        self,
        body: bytes,
        read: Callable[[dict[str, Any]], T],
        *,
        affinity: int = 0,
        paid: bool = False,
        probing: bool = False,
        stream: StreamForm = "none",
        attempts: int | None = None,
    ) -> Success[T] | Failure:
        """Post `body` to the chat endpoint; `read` takes the reply, or raises `Malformed`.

        `affinity`: see `ReplicaPool`. `paid`: belongs to an answer that is paid for already, so no budget
        holds it up. `probing`: a refusal is a finding, not a failure. `stream`: how its reply can be
        streamed. `attempts`: the limit, where it is below that of the retry rule. Raises `BackendError` when
        the run is over.
        """
        rule = self._options.retry
        if attempts is not None:
            rule = replace(rule, attempts=min(attempts, rule.attempts))
        name = f"{self._name}-{next(self._questions)}"
        made, status = 0, 0
        avoid: Replica | None = None
        if self._options.stream:
            body, stream = with_streaming(body, stream), "none"

        async def attempt() -> Success[T] | Failure:
            nonlocal body, stream, avoid, made, status
            replica = await self._pool.acquire(affinity, avoid)
            # From here to `release` in `_exchange` nothing is awaited, so no reservation can be lost.
            if not paid and (spent := self._options.budget.reached(self._spend)):
                self._pool.release(replica, "unknown", 0.0)
                self._ended.set()
                raise BackendError(spent)
            outcome = await self._exchange(replica, body, read, made, name)
            if isinstance(outcome, Success):
                self._watchdog.success()
                if not probing:
                    self._refusals = None
                return outcome
            status = outcome.status
            if outcome.kind == "denied":
                self._watchdog.success()
                if not probing:
                    self._count_refusal(replica, outcome.message)
                return Failure(outcome.message, made + 1, True, status)
            reason = self._watchdog.failure(
                replica.url, outcome.message, heard=self._pool.heard, pause=outcome.wait
            )
            if reason is not None:
                self._end_run(f"{reason}; {_REMEDY}")
            avoid = replica
            if outcome.kind == "unreachable":
                raise AttemptFailed(outcome.message, counts=False)
            made += 1
            if outcome.wait > self._options.patience and made < rule.attempts:
                self._end_run(
                    f"{replica.url} asks for a pause of {outcome.wait:,.0f} s ({outcome.message}); "
                    "run the same command then"
                )
            if outcome.kind == "slow" or status in _GATEWAY_STATUSES:
                body, stream = with_streaming(body, stream), "none"
            raise AttemptFailed(outcome.message, pause=outcome.wait)

        self._watchdog.begin()
        try:
            result, used = await call_with_retry(attempt, rule, lambda _: None, self._ended)
        finally:
            self._watchdog.end()
        if isinstance(result, RetriesExhausted):
            return Failure(result.message, used, False, status)
        return result

    async def fetch_json(
        self, url: str, path: str, body: dict[str, Any] | None, *, attempts: int = _SIDE_ATTEMPTS
    ) -> dict[str, Any] | None:
        """What one server says at another address, free of charge; None where it has nothing there.

        `path` is below the base URL, or below what precedes its ``/v1`` if it begins with a slash.
        `attempts` as in `complete`. A request gets `_SIDE_TIMEOUT` seconds at most.
        """
        rule = replace(self._options.retry, attempts=min(attempts, self._options.retry.attempts))
        address = url.removesuffix("/v1") + path if path.startswith("/") else f"{url}/{path}"
        data = None if body is None else json.dumps(body).encode()

        async def attempt() -> dict[str, Any] | None:
            request = self._transport.get(address) if data is None else self._transport.post(address, data)
            try:
                async with asyncio.timeout(_SIDE_TIMEOUT):
                    reply = await request
            except TimeoutError:
                raise AttemptFailed(f"no reply within {_SIDE_TIMEOUT:g} s") from None
            if not isinstance(reply, TransportFailure):
                return reply
            if reply.kind == "denied" or reply.wait > self._options.patience:
                return None
            raise AttemptFailed(reply.message, pause=reply.wait)

        self._watchdog.begin()
        try:
            result, _ = await call_with_retry(attempt, rule, lambda _: None, self._ended)
        finally:
            self._watchdog.end()
        return None if isinstance(result, RetriesExhausted) else result

    async def _exchange(
        self, replica: Replica, body: bytes, read: Callable[[dict[str, Any]], T], made: int, name: str
    ) -> Success[T] | TransportFailure:
        """One attempt, after `made` others; returns the replica to the pool."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        outcome: Outcome = "unknown"
        wait = 0.0
        try:
            reply = await self._transport.post(f"{replica.url}/chat/completions", body, f"{name}-{made + 1}")
            if isinstance(reply, TransportFailure):
                result: Success[T] | TransportFailure = reply
            else:
                try:
                    result = Success(read(reply), made + 1, loop.time() - began)
                    self._spend.add(*usage(reply), self._options.price)
                except Malformed as problem:
                    result = TransportFailure("broken", str(problem), status=200)
            if isinstance(result, TransportFailure):
                outcome, wait = result.kind, result.wait
            else:
                outcome = "good"
            if outcome != "unreachable":
                self._spend.requests += 1
                self._spend.repeated += made > 0
            return result
        finally:
            self._pool.release(replica, outcome, began, wait)

    def _count_refusal(self, replica: Replica, message: str) -> None:
        if self._refusals is None:
            return
        self._refusals += 1
        if self._refusals >= self._options.max_initial_refusals:
            self._end_run(
                f"{replica.url} refuses every question, the first {self._refusals} of them with: {message}"
            )

    def _end_run(self, reason: str) -> NoReturn:
        """End the run for all questions that are open."""
        self._pool.close(reason)
        self._ended.set()
        raise BackendError(reason)

    def _end_idle_run(self, reason: str) -> None:
        """The same, where every open question waits for its turn and none can notice."""
        if not any(replica.open for replica in self._pool.all):
            self._pool.close(f"{reason}; {_REMEDY}")
            self._ended.set()
