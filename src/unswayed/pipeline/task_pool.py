"""A bounded number of asyncio tasks at once; the first failure stops the pool.

`asyncio.TaskGroup` has no bound, and on a failure it cancels tasks that have already paid for an answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class TaskPool:
    """At most `limit` tasks at once. The exception of the first failed task is raised by `start` or `join`.

    Starting a task costs the same however many are open: 256 calls at once are 513 open chunks.
    """

    def __init__(self, limit: int) -> None:
        self.open: set[asyncio.Task[None]] = set()
        self._limit = limit
        self._changed = asyncio.Event()
        self._failure: BaseException | None = None

    async def start(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Start `work` as soon as fewer than `limit` tasks are open."""
        await self._wait_below(self._limit)
        task = asyncio.create_task(work())
        self.open.add(task)
        task.add_done_callback(self._on_done)
        await asyncio.sleep(0)

    async def join(self) -> None:
        """Wait until all tasks are done."""
        await self._wait_below(1)

    async def cancel(self) -> None:
        """Cancel all open tasks and wait for them."""
        tasks = set(self.open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def drain(self) -> None:
        """Let all open tasks end, whatever they raise."""
        await asyncio.gather(*set(self.open), return_exceptions=True)

    async def _wait_below(self, count: int) -> None:
        while self._failure is None and len(self.open) >= count:
            self._changed.clear()
            await self._changed.wait()
        if self._failure is not None:
            raise self._failure

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self.open.discard(task)
        failure = asyncio.CancelledError() if task.cancelled() else task.exception()
        self._failure = self._failure or failure
        self._changed.set()
