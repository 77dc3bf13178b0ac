"""Which server is asked next, and how many questions each has open.

All conditions of one question go to one replica, so that its caches of prefix and picture serve them;
a new question goes to the one with the least to do for its size. Per replica:

* **How many at once** (`limit`): doubled per round trip at first, then one more per round trip, halved
  when the server says that it has too much to do, at most once per round trip (additive increase,
  multiplicative decrease: Chiu and Jain 1989; slow start: Jacobson 1988).
* **Rest**: a server that asks for a pause gets it. One that cannot be reached, or fails many times in a
  row, is left out for a growing while; then one question tries it, and if that comes back it is in again.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Literal

from unswayed.errors import BackendError

Outcome = Literal["good", "busy", "slow", "broken", "unreachable", "denied", "unknown"]

_HOMES = 8192  # questions whose replica is remembered
_START = 8.0
_UNHEARD = 2.0  # seconds that one is left out at most while none was ever heard of: it may only just start
_ROW = 5  # failures in a row after which a server is left out


@dataclass(eq=False)
class Replica:
    """One server."""

    url: str
    most: float
    limit: float
    threshold: float
    """Below it, `limit` grows by one a reply; above, by one a round trip."""
    open: int = 0
    rest_until: float = 0.0
    row: int = 0
    """Failures since its last good reply."""
    pause: float = 0.0
    """How long it was last left out."""
    cut: float = 0.0
    """When `limit` was last halved."""
    waiting: deque[asyncio.Future[bool]] = field(default_factory=deque)
    timer: asyncio.TimerHandle | None = None

    @property
    def load(self) -> float:
        """0 while it is idle: then it is asked first, so that one that was left out is tried again."""
        return (self.open + len(self.waiting)) / self.limit


class Replicas:
    """All servers of one model. Lives in one event loop."""

    def __init__(self, urls: tuple[str, ...], most: int, *, first: float, ceiling: float) -> None:
        """`most`: questions open at one of them; `first`, `ceiling`: seconds that one is left out."""
        self._loop = asyncio.get_running_loop()
        start = min(_START, float(most))
        self.all = [Replica(url, float(most), start, float(most)) for url in urls]
        self._first, self._ceiling = first, ceiling
        self._homes: OrderedDict[int, Replica] = OrderedDict()
        self.heard: float | None = None
        """When any of them last replied anything at all, by the loop's clock."""
        self.begun = self._loop.time()
        self._end: str | None = None

    @property
    def silence(self) -> float:
        """Seconds since anything was heard of any of them."""
        return self._loop.time() - (self.begun if self.heard is None else self.heard)

    async def take(self, home: int, avoid: Replica | None = None) -> Replica:
        """A replica with room, reserved; give it back with `give`.

        `home` is what stays together; `avoid` is not asked if another one can be.
        """
        while True:
            if self._end is not None:
                raise BackendError(self._end)
            replica = self._choose(home, avoid)
            if self._room(replica):
                replica.open += 1
                return replica
            turn: asyncio.Future[bool] = self._loop.create_future()
            replica.waiting.append(turn)
            self._alarm(replica)
            try:
                if await turn:
                    return replica
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled() and turn.result():
                    self.give(replica, "unknown", 0.0)
                raise

    def give(self, replica: Replica, outcome: Outcome, began: float, wait: float = 0.0) -> None:
        """Take back what `take` reserved, with what became of it; `wait`: pause the server asks for."""
        replica.open -= 1
        now = self._loop.time()
        if outcome not in ("unreachable", "slow", "unknown"):
            self.heard = now
        if outcome == "good":
            replica.row, replica.pause = 0, 0.0
            step = 1.0 if replica.limit < replica.threshold else 1.0 / replica.limit
            replica.limit = min(replica.most, replica.limit + step)
        elif outcome == "denied":
            replica.row = 0  # it is well, and says no
        elif outcome != "unknown":
            replica.row += 1
            if outcome in ("busy", "slow") and began >= replica.cut:
                replica.cut = now
                replica.limit = replica.threshold = max(1.0, replica.limit / 2)
            if wait > 0:
                self._rest(replica, now + wait)
            # Questions that were open together fail together: they count as one try.
            elif began >= replica.rest_until and (
                outcome == "unreachable" or (replica.row >= _ROW and outcome != "busy")
            ):
                ceiling = self._ceiling if self.heard is not None else min(self._ceiling, _UNHEARD)
                replica.pause = min(ceiling, max(self._first, 2 * replica.pause))
                replica.threshold = max(1.0, replica.limit / 2, replica.threshold / 2)
                replica.limit = 1.0
                self._rest(replica, now + replica.pause)
        self._wake(replica)

    def end(self, why: str) -> None:
        """From now on `take` raises `BackendError(why)`, for those who wait, too."""
        self._end = why
        for replica in self.all:
            self._dismiss(replica)

    def _choose(self, home: int, avoid: Replica | None) -> Replica:
        if len(self.all) == 1:
            return self.all[0]
        now = self._loop.time()
        awake = [r for r in self.all if r.rest_until <= now]
        if not awake:
            return min(self.all, key=lambda r: r.rest_until)
        known = self._homes.get(home)
        if known is not None and known is not avoid and known.rest_until <= now:
            self._homes.move_to_end(home)
            return known
        found = min([r for r in awake if r is not avoid] or awake, key=lambda r: r.load)
        self._homes[home] = found
        self._homes.move_to_end(home)
        if len(self._homes) > _HOMES:
            self._homes.popitem(last=False)
        return found

    def _room(self, replica: Replica) -> bool:
        return replica.open < int(replica.limit) and replica.rest_until <= self._loop.time()

    def _rest(self, replica: Replica, until: float) -> None:
        replica.rest_until = max(replica.rest_until, until)
        if len(self.all) > 1:
            self._dismiss(replica)  # they may do better elsewhere

    def _dismiss(self, replica: Replica) -> None:
        waiting, replica.waiting = replica.waiting, deque()
        for turn in waiting:
            if not turn.done():
                turn.set_result(False)

    def _wake(self, replica: Replica) -> None:
        while replica.waiting and self._room(replica):
            turn = replica.waiting.popleft()
            if not turn.done():
                replica.open += 1
                turn.set_result(True)
        self._alarm(replica)

    def _alarm(self, replica: Replica) -> None:
        """Who waits for a resting server is woken when its rest is over."""
        if replica.timer is None and replica.waiting and replica.rest_until > self._loop.time():
            replica.timer = self._loop.call_at(replica.rest_until + 1e-3, self._ring, replica)

    def _ring(self, replica: Replica) -> None:
        replica.timer = None
        self._wake(replica)
