"""How long a run has gone without an answer: said in the log while it lasts, and a reason to end the run.

Measured by the clock over all questions of an endpoint, not by the attempts of one. An answer, or a refusal
(the server works), ends a streak of failures. A streak ends the run once it lasts longer than `patience`. A
request that is still open is no failure: a slow model may take its timeout for every reply. A pause that the
server asks for is granted on top, up to as long again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

_log = logging.getLogger("unswayed.endpoint")

_TICK = 2.0  # seconds between looks
_FIRST_NOTICE = 15.0  # seconds without an answer before the first line; doubled before each further one
_LONGEST_NOTICE = 300.0
_FIRST_CONTACT = 10.0  # seconds for a server to be heard of at all: a wrong port should not cost minutes
_LEAST_FAILURES = 3


class Watchdog:
    """Of one endpoint, in one event loop."""

    def __init__(self, name: str, patience: float) -> None:
        """`name`: what is waited for; `patience`: seconds of failures that a run survives."""
        self._name = name
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._open = 0
        self._timer: asyncio.TimerHandle | None = None
        self._quiet_since = self._said_at = self._loop.time()
        self._notice = _FIRST_NOTICE
        self._failing_since: float | None = None
        self._failures = 0
        self._limit = patience
        self._pause_until = 0.0
        self._last_failure = ""
        self.end_idle_run: Callable[[str], None] | None = None
        """Called with the reason once a streak is too long; ends the run if no request is in flight, which
        would otherwise notice only after the rest of its servers."""

    def begin(self) -> None:
        """A question is open from now on."""
        if not self._open:
            self._quiet_since = self._said_at = self._loop.time()
        self._open += 1
        if self._timer is None:
            self._timer = self._loop.call_later(_TICK, self._look)

    def end(self) -> None:
        """A question is done, however it ended."""
        self._open -= 1
        if not self._open:
            self.close()

    def close(self) -> None:
        """Stop looking."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def success(self) -> None:
        """A server answered, or refused."""
        self._quiet_since = self._said_at = self._loop.time()
        self._notice = _FIRST_NOTICE
        self._failing_since, self._failures = None, 0

    def failure(self, url: str, message: str, *, heard: bool, pause: float = 0.0) -> str | None:
        """An attempt failed; the reason to end the run, or None.

        `heard`: a server has replied before. `pause`: seconds that the server asks for.
        """
        now = self._loop.time()
        if pause > 0:
            self._pause_until = max(self._pause_until, now + pause)
        if self._failing_since is None:
            self._failing_since = now
        self._failures += 1
        self._last_failure = f"{url}: {message}"
        self._limit = self._patience if heard else min(self._patience, _FIRST_CONTACT)
        return self._reason_to_end(now)

    def _reason_to_end(self, now: float) -> str | None:
        if self._failing_since is None or self._failures < _LEAST_FAILURES:
            return None
        granted = min(self._limit, max(0.0, self._pause_until - self._failing_since))
        if now - self._failing_since <= self._limit + granted:
            return None
        return (
            f"no answer for {now - self._quiet_since:,.0f} s, {self._failures} attempts failed, the last one "
            f"with: {self._last_failure}; what was answered is stored"
        )

    def _look(self) -> None:
        self._timer = self._loop.call_later(_TICK, self._look)
        now = self._loop.time()
        if self.end_idle_run is not None and (reason := self._reason_to_end(now)):
            self.end_idle_run(reason)
        if now - self._said_at < self._notice:
            return
        self._said_at = now
        self._notice = min(_LONGEST_NOTICE, 2 * self._notice)
        quiet = f"{self._open} open, no answer for {now - self._quiet_since:,.0f} s"
        if self._failing_since is None:
            _log.warning("waiting for %s: %s", self._name, quiet)
        else:
            _log.warning(
                "waiting for %s: %s, %d attempts failed (the run ends after %.0f s of failures), the last "
                "one with: %s",
                self._name,
                quiet,
                self._failures,
                self._patience,
                self._last_failure,
            )
