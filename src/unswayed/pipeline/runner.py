"""Asks: planned trials flow through backend, reading, letters and judge into a sink.

Chunks flow independently; there is no point at which all wait for the slowest. At most
``2 × concurrency + 1`` chunks exist at once, so memory does not grow with the run. What is
transient is asked again with growing, jittered pauses; what is not stops the run, after the calls
that are already open have come back and were stored.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Protocol, TypeVar

from unswayed.answers.letter_probs import letter_prefill, measure
from unswayed.answers.parser import Reading, read
from unswayed.backends.base import Backend
from unswayed.errors import BackendError, RunChanged
from unswayed.judges.base import Case, Judge, Verdict
from unswayed.model_io import Generation, LetterScores
from unswayed.pipeline.planner import Plan
from unswayed.pipeline.trial_builder import row
from unswayed.retry import Lost, Retry, insist
from unswayed.store import Row
from unswayed.store.tables import clean
from unswayed.trial_keys import identity

__all__ = ["Engine", "Progress", "Retry", "Sink"]

T = TypeVar("T")
Progress = Callable[[int, int | None, str], None]
"""Called with trials done, trials in all (None: not known), and a note (often empty)."""

_UNASKED = 256  # rows that reach no model are stored at least this often
_GRACE = 30.0  # seconds that an interrupted run gives chunks that are already paid for


class Sink(Protocol):
    """Where trials go: a run folder, or memory."""

    def stored(self, identity: str) -> str | None: ...
    def add(self, rows: list[Row]) -> None: ...
    def picture(self, sha256: str, data: bytes) -> None: ...


class Engine:
    """One pass over planned trials. Holds no state beyond the pass."""

    def __init__(
        self,
        backend: Backend,
        sink: Sink,
        judge: Judge,
        *,
        letters: bool,
        retry: Retry,
        progress: Progress | None = None,
        total: int | None = None,
    ) -> None:
        self._backend = backend
        self._sink = sink
        self._judge = judge
        self._letters = letters
        self._retry = retry
        self._progress = progress
        self._total = total
        self._done = 0
        self._calls = asyncio.Semaphore(backend.concurrency)
        self._stop = asyncio.Event()
        self._paid: set[asyncio.Task[Any] | None] = set()

    async def run(self, plans: Iterable[list[Plan]]) -> None:
        """Ask all that is not in the sink yet.

        Raises `BackendError` for a failure that is not transient, `RunChanged` when a stored trial
        was asked with other content. When cancelled, stores what is already paid for.
        """
        flow = _Flow(2 * self._backend.concurrency + 1)
        try:
            for chunk in self._chunks(plans):
                await flow.begin(partial(self._chunk, chunk))
            await flow.end()
        except BaseException as error:
            self._stop.set()
            await self._settle(set(flow.open), cancelled=isinstance(error, asyncio.CancelledError))
            raise

    async def _settle(self, chunks: set[asyncio.Task[None]], cancelled: bool) -> None:
        """Let open chunks come to their end. When cancelled, only those with answers, and not for long."""
        for task in chunks if cancelled else ():
            if task not in self._paid:
                task.cancel()
        if chunks:
            await asyncio.wait(chunks, timeout=_GRACE if cancelled else None)
        for task in chunks:
            task.cancel()
        await asyncio.gather(*chunks, return_exceptions=True)

    def _chunks(self, plans: Iterable[list[Plan]]) -> Iterator[list[Plan]]:
        chunk: list[Plan] = []
        asked = 0
        for plan in (plan for question in plans for plan in question):
            if self._known(plan):
                self._done += 1
                if self._done % 1000 == 0:
                    self._report("stored before")
                continue
            chunk.append(plan)
            asked += plan.request is not None
            if asked == self._backend.chunk or len(chunk) == max(_UNASKED, self._backend.chunk):
                yield chunk
                chunk, asked = [], 0
        if chunk:
            yield chunk

    def _known(self, plan: Plan) -> bool:
        q, how = plan.question, plan.condition.name
        key = self._sink.stored(identity(q.benchmark, q.uid, how, plan.at[2]))
        if key is None or key == plan.key:
            return key is not None
        raise RunChanged(
            f"{q.benchmark} question {q.uid!r} under {how} was asked before with other content (question, "
            "pictures, cues or model changed); choose another folder or undo the change"
        )

    async def _chunk(self, plans: list[Plan]) -> None:
        asked = [plan for plan in plans if plan.request is not None]
        generations = await self._generate(asked)
        self._paid.add(asyncio.current_task())
        try:
            readings = [_read(plan, g) for plan, g in zip(asked, generations, strict=True)]
            scores, no_scores = await self._score(asked, generations, readings)
            verdicts, no_verdicts = await self._judged(asked, readings)
            rows = [self._row(plan) for plan in plans if plan.request is None]
            for plan, g, r, s, v in zip(asked, generations, readings, scores, verdicts, strict=True):
                lost = f"no letter scores: {s.error}" if s and s.error else no_scores
                letters = None if s is None or s.error else measure(s, plan.question.gold)
                trouble = "; ".join(filter(None, (lost, no_verdicts))) or None
                rows.append(self._row(plan, g, r, letters, v, None if r is None else trouble))
            for plan in asked:
                assert plan.request is not None
                for sha, data in zip(plan.image_sha256, plan.request.prompt.images, strict=True):
                    self._sink.picture(sha, data)
            self._sink.add(rows)
            self._done += len(rows)
            self._report("")
        finally:
            self._paid.discard(asyncio.current_task())

    def _row(self, plan: Plan, *told: Any) -> Row:
        return Row(plan.at, row(plan, self._backend.name, self._backend.revision, *told))

    async def _generate(self, asked: list[Plan]) -> list[Generation]:
        """One generation a plan, failures as generations with ``finish="error"``."""
        requests = [plan.request for plan in asked if plan.request is not None]
        if not requests:
            return []
        found, attempts = await self._call(
            lambda: self._backend.generate(requests), len(requests), self._calls
        )
        if isinstance(found, Lost):
            return [Generation("", "error", attempts=attempts, error=found.words) for _ in requests]
        more = attempts - 1
        # No table can hold lone surrogates; they become U+FFFD at the door, so that reading, judge
        # and table see one text.
        return [
            g if not more and _sound(g.text) else replace(g, text=clean(g.text), attempts=g.attempts + more)
            for g in found
        ]

    async def _score(
        self, asked: list[Plan], generations: list[Generation], readings: list[Reading | None]
    ) -> tuple[Sequence[LetterScores | None], str | None]:
        """Letter scores of the answers that were read, and what went wrong, if anything."""
        scores: list[LetterScores | None] = [None] * len(asked)
        places = [i for i, r in enumerate(readings) if r is not None] if self._letters else []
        prompts = []
        for i in places:
            request = asked[i].request
            assert request is not None
            prefill = letter_prefill(request.prompt.prefill, generations[i].text)
            prompts.append(replace(request.prompt, prefill=prefill))
        if not prompts:
            return scores, None
        found, _ = await self._call(lambda: self._backend.score_letters(prompts), len(prompts), self._calls)
        if isinstance(found, Lost):
            return scores, f"no letter scores: {found.words}"
        for i, score in zip(places, found, strict=True):
            scores[i] = score
        return scores, None

    async def _judged(
        self, asked: list[Plan], readings: list[Reading | None]
    ) -> tuple[Sequence[Verdict | None], str | None]:
        """Verdicts on the thoughts of readable answers, and what went wrong, if anything."""
        verdicts: list[Verdict | None] = [None] * len(asked)
        places, cases = [], []
        for i, (plan, r) in enumerate(zip(asked, readings, strict=True)):
            if r is not None and r.state == "ok" and r.thought and plan.request is not None:
                places.append(i)
                cases.append(Case(plan.question, plan.options, r.thought, plan.request.prompt.cue))
        if not cases:
            return verdicts, None
        found, _ = await self._call(lambda: self._judge.judge(cases), len(cases), contextlib.nullcontext())
        if isinstance(found, Lost):
            words, found = f"no judge: {found.words}", [Verdict("abstains") for _ in cases]
        else:
            words = None
        for i, verdict in zip(places, found, strict=True):
            verdicts[i] = verdict
        return verdicts, words

    async def _call(
        self,
        ask: Callable[[], Awaitable[list[T]]],
        n: int,
        gate: contextlib.AbstractAsyncContextManager[Any],
    ) -> tuple[list[T] | Lost, int]:
        """The `n` answers, or how the last attempt failed; and how many attempts that took."""

        async def once() -> list[T]:
            async with gate:
                # A run that stops keeps what is paid for; it asks for nothing else.
                if self._stop.is_set() and asyncio.current_task() not in self._paid:
                    raise asyncio.CancelledError
                found = await ask()
            if len(found) != n:
                raise BackendError(f"{self._backend.name} gave {len(found)} results for {n} requests")
            return found

        return await insist(once, self._retry, self._report, self._stop)

    def _report(self, note: str) -> None:
        if self._progress is not None:
            self._progress(self._done, self._total, note)


def _read(plan: Plan, generation: Generation) -> Reading | None:
    if generation.finish == "error" or plan.request is None:
        return None
    prompt = plan.request.prompt
    return read(generation.text, prompt.options, prefill=prompt.prefill, finish=generation.finish)


def _sound(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Flow:
    """At most so many tasks at once; what the first failed one raised comes out of `begin` or `end`.

    Costs the same for every task, however many are open: 256 calls at once are 513 open chunks.
    """

    def __init__(self, most: int) -> None:
        self.open: set[asyncio.Task[None]] = set()
        self._most = most
        self._turn = asyncio.Event()
        self._failure: BaseException | None = None

    async def begin(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        await self._wait(self._most)
        task = asyncio.create_task(work())
        self.open.add(task)
        task.add_done_callback(self._done)
        await asyncio.sleep(0)

    async def end(self) -> None:
        await self._wait(1)

    async def _wait(self, most: int) -> None:
        """Until fewer than `most` are open."""
        while self._failure is None and len(self.open) >= most:
            self._turn.clear()
            await self._turn.wait()
        if self._failure is not None:
            raise self._failure

    def _done(self, task: asyncio.Task[None]) -> None:
        self.open.discard(task)
        failure = asyncio.CancelledError() if task.cancelled() else task.exception()
        self._failure = self._failure or failure
        self._turn.set()
