"""The retry loop: how often, after which pauses, and when it gives up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from unswayed import retry as module
from unswayed.errors import BackendError
from unswayed.retry import AttemptFailed, RetriesExhausted, Retry, call_with_retry


class Scripted:
    """Raises these errors one after the other, then returns "done"."""

    def __init__(self, errors: Sequence[Exception]) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were waited for; none takes time."""
    waited: list[float] = []

    async def sleep(seconds: float, stop: asyncio.Event | None = None) -> None:
        waited.append(seconds)

    monkeypatch.setattr(module, "interruptible_sleep", sleep)
    return waited


FAULT, SLOW = AttemptFailed("fault"), AttemptFailed("slow down", pause=7.0)
PASSING, FINAL = BackendError("may pass", transient=True), BackendError("wrong key")
RULE = Retry(attempts=3, initial_pause=1.0, max_pause=1.5)


@pytest.mark.parametrize(
    ("errors", "result", "attempts", "bounds"),
    [
        ([], "done", 1, []),
        ([FAULT], "done", 2, [(0.5, 1.0)]),
        ([PASSING, FAULT], "done", 3, [(0.5, 1.0), (0.75, 1.5)]),
        ([FAULT, FAULT, FAULT], RetriesExhausted("fault"), 3, [(0.5, 1.0), (0.75, 1.5)]),
        ([SLOW, PASSING, SLOW], RetriesExhausted("slow down"), 3, [(7.0, 7.0), (0.75, 1.5)]),
        ([AttemptFailed("down", counts=False)] * 50, "done", 1, []),
        ([AttemptFailed("down", counts=False), FAULT], "done", 2, [(0.5, 1.0)]),
    ],
)
def test_attempts_and_pauses(
    errors: list[Exception],
    result: str | RetriesExhausted,
    attempts: int,
    bounds: list[tuple[float, float]],
    pauses: list[float],
) -> None:
    messages: list[str] = []
    call = Scripted(errors)
    assert asyncio.run(call_with_retry(call, RULE, messages.append)) == (result, attempts)
    assert call.calls == len(errors) + (result == "done")
    assert len(pauses) == len(bounds) == len(messages)
    assert all(low <= pause <= high for pause, (low, high) in zip(pauses, bounds, strict=True))


def test_a_failure_that_cannot_pass_is_raised_at_once(pauses: list[float]) -> None:
    call = Scripted([FAULT, FINAL, FAULT])
    with pytest.raises(BackendError, match="wrong key"):
        asyncio.run(call_with_retry(call, RULE, lambda _: None))
    assert (call.calls, len(pauses)) == (2, 1)


def test_once_stopped_nothing_is_waited_for_and_backend_errors_are_raised() -> None:
    async def go() -> tuple[object, int]:
        stop = asyncio.Event()
        stop.set()
        patient = Retry(attempts=3, initial_pause=3600.0, max_pause=3600.0)
        with pytest.raises(BackendError, match="may pass"):
            await call_with_retry(Scripted([PASSING]), patient, lambda _: None, stop)
        return await call_with_retry(Scripted([FAULT, FAULT]), patient, lambda _: None, stop)

    assert asyncio.run(go()) == ("done", 3)


@pytest.mark.parametrize("attempt", range(1, 12))
def test_pauses_double_up_to_their_limit_with_jitter_in_the_upper_half(attempt: int) -> None:
    rule = Retry(attempts=12, initial_pause=0.5, max_pause=60.0)
    pause = min(60.0, 0.5 * 2 ** (attempt - 1))
    assert all(pause / 2 <= rule.wait(attempt) <= pause for _ in range(50))
