"""Load balancing over the servers of one model: which one is asked next, and how many questions each has
open.

All conditions of one question go to one replica, so that its prefix and image caches are hit; a new question
goes to the one with the least load. Per replica:

* **Concurrency** (`limit`): doubled per round trip at first, then one more per round trip, halved when the
  server says that it is overloaded, at most once per round trip (additive increase, multiplicative decrease:
  Chiu and Jain 1989; slow start: Jacobson 1988).
* **Rest**: a server that asks for a pause gets it. One that cannot be reached, or fails many times in a
  row, is left out for a growing time (a circuit breaker); then one question tries it, and if that succeeds it
  is used again.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Literal

from unswayed.errors import BackendError

Outcome = Literal["good", "busy", "slow", "broken", "unreachable", "denied", "unknown"]

_REMEMBERED = 8192  # questions whose replica is remembered
_INITIAL_LIMIT = 8.0
_MAX_FIRST_REST = (
    2.0  # seconds of rest at most while no server was ever heard of: it may only just be starting
)
_FAILURES_IN_A_ROW = 5  # after so many a server is left out


@dataclass(eq=False)
class Replica:
    """One server."""

    url: str
    max_limit: float
    limit: float
    threshold: float
    """Below it, `limit` grows by one per reply; above, by one per round trip."""
    open: int = 0
    rest_until: float = 0.0
    failures: int = 0
    """Since its last good reply."""
    pause: float = 0.0
    """How long it was last left out."""
    halved_at: float = 0.0
    """When `limit` was last halved."""
    waiting: deque[asyncio.Future[bool]] = field(default_factory=deque)
    timer: asyncio.TimerHandle | None = None

    @property
    def load(self) -> float:
        """0 while it is idle: then it is asked first, so that one that was left out is tried again."""
        return (self.open + len(self.waiting)) / self.limit


class ReplicaPool:
    """All servers of one model. Belongs to one event loop."""

    def __init__(self, urls: tuple[str, ...], limit: int, *, first_rest: float, max_rest: float) -> None:
        """`limit`: questions open at one of them; `first_rest`, `max_rest`: seconds that one is left out."""
        self._loop = asyncio.get_running_loop()
        start = min(_INITIAL_LIMIT, float(limit))
        self.all = [Replica(url, float(limit), start, float(limit)) for url in urls]
        self._first_rest, self._max_rest = first_rest, max_rest
        self._home: OrderedDict[int, Replica] = OrderedDict()
        self.heard = False
        """Any of them has replied anything at all."""
        self._closed: str | None = None

    async def acquire(self, affinity: int, avoid: Replica | None = None) -> Replica:
        """A replica with room, reserved; to be returned with `release`.

        Requests with the same `affinity` go together; `avoid` is not asked if another one can be.
        Raises `BackendError` once the pool is closed.
        """
        while True:
            if self._closed is not None:
                raise BackendError(self._closed)
            replica = self._choose(affinity, avoid)
            if self._has_room(replica):
                replica.open += 1
                return replica
            turn: asyncio.Future[bool] = self._loop.create_future()
            replica.waiting.append(turn)
            self._set_timer(replica)
            try:
                if await turn:
                    return replica
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled() and turn.result():
                    self.release(replica, "unknown", 0.0)
                raise

    def release(self, replica: Replica, outcome: Outcome, began: float, wait: float = 0.0) -> None:
        """Return what `acquire` reserved. `began`: when the exchange began, by the loop's clock;
        `wait`: pause in seconds that the server asks for."""
        replica.open -= 1
        now = self._loop.time()
        if outcome not in ("unreachable", "slow", "unknown"):
            self.heard = True
        if outcome == "good":
            replica.failures, replica.pause = 0, 0.0
            step = 1.0 if replica.limit < replica.threshold else 1.0 / replica.limit
            replica.limit = min(replica.max_limit, replica.limit + step)
        elif outcome == "denied":
            replica.failures = 0  # the server works, and refuses this request
        elif outcome != "unknown":
            replica.failures += 1
            if outcome in ("busy", "slow") and began >= replica.halved_at:
                replica.halved_at = now
                replica.limit = replica.threshold = max(1.0, replica.limit / 2)
            if wait > 0:
                self._rest(replica, now + wait)
            # Requests that were open together fail together: they count as one try.
            elif began >= replica.rest_until and (
                outcome == "unreachable" or (replica.failures >= _FAILURES_IN_A_ROW and outcome != "busy")
            ):
                longest = self._max_rest if self.heard else min(self._max_rest, _MAX_FIRST_REST)
                replica.pause = min(longest, max(self._first_rest, 2 * replica.pause))
                replica.threshold = max(1.0, replica.limit / 2, replica.threshold / 2)
                replica.limit = 1.0
                self._rest(replica, now + replica.pause)
        self._wake(replica)

    def close(self, reason: str) -> None:
        """From now on `acquire` raises `BackendError(reason)`, also for those that wait."""
        self._closed = reason
        for replica in self.all:
            self._dismiss(replica)

    def _choose(self, affinity: int, avoid: Replica | None) -> Replica:
        if len(self.all) == 1:
            return self.all[0]
        now = self._loop.time()
        awake = [r for r in self.all if r.rest_until <= now]
        if not awake:
            return min(self.all, key=lambda r: r.rest_until)
        home = self._home.get(affinity)
        if home is not None and home is not avoid and home.rest_until <= now:
            self._home.move_to_end(affinity)
            return home
        replica = min([r for r in awake if r is not avoid] or awake, key=lambda r: r.load)
        self._home[affinity] = replica
        self._home.move_to_end(affinity)
        if len(self._home) > _REMEMBERED:
            self._home.popitem(last=False)
        return replica

    def _has_room(self, replica: Replica) -> bool:
        return replica.open < int(replica.limit) and replica.rest_until <= self._loop.time()

    def _rest(self, replica: Replica, until: float) -> None:
        replica.rest_until = max(replica.rest_until, until)
        if len(self.all) > 1:
            self._dismiss(replica)  # another replica may be free

    def _dismiss(self, replica: Replica) -> None:
        waiting, replica.waiting = replica.waiting, deque()
        for turn in waiting:
            if not turn.done():
                turn.set_result(False)

    def _wake(self, replica: Replica) -> None:
        while replica.waiting and self._has_room(replica):
            turn = replica.waiting.popleft()
            if not turn.done():
                replica.open += 1
                turn.set_result(True)
        self._set_timer(replica)

    def _set_timer(self, replica: Replica) -> None:
        """Wakes those that wait for a resting server when its rest is over."""
        if replica.timer is None and replica.waiting and replica.rest_until > self._loop.time():
            replica.timer = self._loop.call_at(replica.rest_until + 1e-3, self._timer_fired, replica)

    def _timer_fired(self, replica: Replica) -> None:
        replica.timer = None
        self._wake(replica)
