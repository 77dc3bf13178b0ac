"""How often, and after which pauses, what failed is asked again: one rule for engine, judges and backends.

`Retry` is the rule. `insist` is the loop for whoever calls something that raises. The HTTP backend keeps
a loop of its own (`http.caller`): there a failure is a value, may cost no attempt, and may name its pause.
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
    """How often and how patiently a transient failure is met."""

    attempts: int = 4
    """In all, the first one included."""
    first: float = 0.5
    """Seconds before the second attempt; doubled before each further one."""
    ceiling: float = 30.0

    def wait(self, attempt: int) -> float:
        """Seconds to wait after `attempt` (from 1): half of the pause is left to chance."""
        pause: float = min(self.ceiling, self.first * 2 ** (attempt - 1))
        return pause * random.uniform(0.5, 1.0)


@dataclass(frozen=True)
class Lost:
    """Every attempt failed, for a reason that might have passed."""

    words: str
    """Of the last failure."""


async def insist(
    ask: Callable[[], Awaitable[T]],
    retry: Retry,
    note: Callable[[str], None],
    stop: asyncio.Event | None = None,
) -> tuple[T | Lost, int]:
    """What `ask` gives in the end, and how many attempts that took; `note` is told of each failure.

    Raises the `BackendError` that is not transient, at once. When `stop` is set no pause is waited for,
    and the next failure is raised whatever it is.
    """
    words = ""
    for attempt in range(1, retry.attempts + 1):
        try:
            return await ask(), attempt
        except BackendError as error:
            if not error.transient or (stop is not None and stop.is_set()):
                raise
            words = str(error)
        if attempt < retry.attempts:
            note(f"attempt {attempt} of {retry.attempts} failed: {words}")
            await sleep(retry.wait(attempt), stop)
    return Lost(words), retry.attempts


async def sleep(seconds: float, stop: asyncio.Event | None = None) -> None:
    """Wait, but not once `stop` is set."""
    if stop is None:
        await asyncio.sleep(seconds)
    elif not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), seconds)
