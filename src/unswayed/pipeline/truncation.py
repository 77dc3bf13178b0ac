"""A warning while a run is going on: most answers end at the token limit before their thought is closed.

Such trials count as not right, whatever the model would have answered, and the run measures the limit
instead.
"""

from __future__ import annotations

import logging

_log = logging.getLogger("unswayed.audit")
FIRST = 16
"""Answers after which the share is looked at for the first time; then at every doubling until the warning."""
SHARE = 0.5
REMEDY = (
    "give more room with --max-tokens, or let the model think less: --thinking-budget or --reasoning-effort "
    "(models behind an endpoint)"
)


class TruncationWatch:
    """Counts the answers of one run."""

    def __init__(self, max_tokens: int | None = None) -> None:
        """`max_tokens`: the limit, for the message."""
        self._limit = "" if max_tokens is None else f" of {max_tokens:,} tokens"
        self._answers = self._cut = 0
        self._next = FIRST
        self.warned = False

    def add(self, state: str, thought: str | None, text: str | None) -> None:
        """Count one answer: the trial's columns."""
        self._answers += 1
        unread = state == "truncated" and (thought is None or "</" not in (text or ""))
        self._cut += unread
        if self.warned or self._answers < self._next:
            return
        self._next *= 2
        if self._cut > SHARE * self._answers:
            self.warned = True
            _log.warning(
                "%d of the first %d answers reached the limit%s before their thought was complete; they "
                "count as not right. Stop the run and %s",
                self._cut,
                self._answers,
                self._limit,
                REMEDY,
            )
