"""SIGTERM and SIGHUP end a command like Ctrl-C: what was answered is stored, and it can be resumed."""

from __future__ import annotations

import contextlib
import signal
from types import FrameType

_received: list[int] = []


def handle_termination() -> None:
    """From now on SIGTERM and SIGHUP act like Ctrl-C; signals that are ignored (nohup) stay ignored."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        with contextlib.suppress(ValueError):  # not in the main thread
            if signal.getsignal(number) == signal.SIG_DFL:
                signal.signal(number, _interrupt)


def exit_code(code: int) -> int:
    """`code`, where it is that of Ctrl-C (130) that of the signal that was received instead."""
    return 128 + _received[0] if code == 130 and _received else code


def _interrupt(number: int, frame: FrameType | None) -> None:
    _received.append(number)
    signal.raise_signal(signal.SIGINT)  # whatever handles Ctrl-C now handles this too
