"""How often, and after which pauses, a failed call is repeated: one rule and one loop for the whole project.

`Retry` is the rule, `call_with_retry` the loop. The pipeline, the judges and the endpoint client all use it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from unswayed.errors import BackendError

T = TypeVar("T")


@dataclass(frozen=True)
class Retry:
    """How often and after which pauses a transient failure is repeated."""

    attempts: int = 4
    """In all, the first one included."""
    initial_pause: float = 0.5
    """Seconds before the second attempt; doubled before each further one."""
    max_pause: float = 30.0
    """Upper bound of a pause, in seconds."""

    def wait(self, attempt: int) -> float:
        """Seconds to wait after `attempt` (from 1); drawn from the upper half of the pause (jitter)."""
        pause: float = min(self.max_pause, self.initial_pause * 2 ** (attempt - 1))
        return pause * random.uniform(0.5, 1.0)


class AttemptFailed(Exception):
    """One attempt failed, and a further one may succeed. The text is the reason."""

    def __init__(self, message: str, *, pause: float = 0.0, counts: bool = True) -> None:
        """`pause`: least seconds before the next attempt. `counts`: False for an attempt that never reached
        the server; it is repeated without limit and without a pause, so the caller must wait and give up."""
        super().__init__(message)
        self.pause = pause
        self.counts = counts


@dataclass(frozen=True)
class RetriesExhausted:
    """Every attempt failed for a transient reason."""

    message: str
    """That of the last failure."""


async def call_with_retry(
    call: Callable[[], Awaitable[T]],
    retry: Retry,
    on_failure: Callable[[str], None],
    stop: asyncio.Event | None = None,
) -> tuple[T | RetriesExhausted, int]:
    """Call until it succeeds or the attempts are used up. Returns the result and the number of attempts.

    An `AttemptFailed` and a transient `BackendError` are repeated; `on_failure` gets a message before each
    pause. A `BackendError` that is not transient is raised at once. Once `stop` is set, pauses end early and
    every `BackendError` is raised.
    """
    attempt = 1
    while True:
        try:
            return await call(), attempt
        except AttemptFailed as error:
            failure = error
        except BackendError as error:
            if not error.transient or (stop is not None and stop.is_set()):
                raise
            failure = AttemptFailed(str(error))
        if not failure.counts:
            continue
        if attempt >= retry.attempts:
            return RetriesExhausted(str(failure)), attempt
        on_failure(f"attempt {attempt} of {retry.attempts} failed: {failure}")
        await interruptible_sleep(max(failure.pause, retry.wait(attempt)), stop)
        attempt += 1


async def interruptible_sleep(seconds: float, stop: asyncio.Event | None = None) -> None:
    """Sleep, but no longer than until `stop` is set."""
    if stop is None:
        await asyncio.sleep(seconds)
    elif not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), seconds)
