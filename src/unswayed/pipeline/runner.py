"""Step 2 of an audit: asks the planned trials, and stores each answer before its letters and its verdict.

A chunk of trials goes through three stages: the backend generates, the answers are read and stored, and
then letters and verdicts complete the stored trials. Chunks flow independently; no stage waits for the
slowest chunk. At most ``2 × concurrency + 1`` chunks exist at once, so memory does not grow with the run. A
transient failure is retried with growing, jittered pauses. Any other failure stops the run after the calls
that are open have returned and were stored.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Protocol, TypeVar

from unswayed.answers.letter_probs import letter_prefill, measure_letters
from unswayed.answers.parser import Reading, read
from unswayed.backends.base import Backend, optional_parts
from unswayed.errors import BackendError, BadInput, RunChanged
from unswayed.judges.base import Case, Judge, Verdict
from unswayed.judges.reasons import reason_columns
from unswayed.model_io import Generation, LetterScores
from unswayed.pipeline.planner import PlannedTrial
from unswayed.pipeline.task_pool import TaskPool
from unswayed.pipeline.trial_builder import build_trial, judge_columns, letter_columns
from unswayed.pipeline.truncation import TruncationWatch
from unswayed.pipeline.two_turns import generate_turns, second_turn
from unswayed.retry import RetriesExhausted, Retry, call_with_retry
from unswayed.store import PositionedTrial, TrialUpdate
from unswayed.store.tables import replace_surrogates

__all__ = ["Progress", "Retry", "Runner", "Sink"]

T = TypeVar("T")
Fields = Mapping[str, Any]
"""The columns of a trial that is already stored."""
Progress = Callable[[int, int | None, str], None]
"""Called with the number of trials done, of trials in all (None: unknown), and a note (often empty)."""

_UNASKED_CHUNK = 256  # trials that reach no model are stored at least this often


class Sink(Protocol):
    """Where trials are stored: a run folder, or memory."""

    def stored_key(self, identity: str) -> str | None: ...
    def open_trial(self, identity: str) -> dict[str, Any] | None: ...
    def add(self, trials: Iterable[PositionedTrial]) -> None: ...
    def update(self, updates: Iterable[TrialUpdate]) -> None: ...
    def keep_image(self, sha256: str, data: bytes) -> None: ...


class Runner:
    """One pass over planned trials."""

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
        self._truncation = TruncationWatch()

    async def run(self, planned: Iterable[list[PlannedTrial]]) -> None:
        """Ask everything that is not in the sink yet.

        Raises `BackendError` for a failure that is not transient, `RunChanged` when a stored trial was
        asked with other content. When cancelled, answers that have come back are stored already.
        """
        pool = TaskPool(2 * self._backend.concurrency + 1)
        try:
            for chunk in self._chunks(planned):
                await pool.start(partial(self._run_chunk, *chunk))
            await pool.join()
        except BaseException as error:
            self._stop.set()
            if not isinstance(error, asyncio.CancelledError):
                await pool.drain()
            await pool.cancel()
            raise

    def _chunks(
        self, planned: Iterable[list[PlannedTrial]]
    ) -> Iterator[tuple[list[PlannedTrial], list[tuple[PlannedTrial, Fields]]]]:
        """Trials to ask, and stored trials whose letters or verdict are missing."""
        chunk: list[PlannedTrial] = []
        incomplete: list[tuple[PlannedTrial, Fields]] = []
        asked = 0
        for plan in (plan for question in planned for plan in question):
            if self._is_stored(plan):
                fields = self._sink.open_trial(plan.identity)
                if fields is None:
                    self._done += 1
                    if self._done % 1000 == 0:
                        self._report("stored before")
                    continue
                incomplete.append((plan, fields))
                asked += 1
            else:
                chunk.append(plan)
                asked += plan.request is not None
            size = len(chunk) + len(incomplete)
            if asked == self._backend.chunk or size == max(_UNASKED_CHUNK, self._backend.chunk):
                yield chunk, incomplete
                chunk, incomplete, asked = [], [], 0
        if chunk or incomplete:
            yield chunk, incomplete

    def _is_stored(self, plan: PlannedTrial) -> bool:
        key = self._sink.stored_key(plan.identity)
        if key is None or key == plan.key:
            return key is not None
        raise RunChanged(
            f"{plan.question.benchmark} question {plan.question.uid!r} under {plan.condition.name} was asked "
            "before with other content (question, pictures, cues or model changed); choose another folder or "
            "undo the change"
        )

    async def _run_chunk(
        self, plans: list[PlannedTrial], incomplete: list[tuple[PlannedTrial, Fields]]
    ) -> None:
        self._store([PositionedTrial(p.position, self._build(p)) for p in plans if p.request is None])
        asked = [plan for plan in plans if plan.request is not None]
        stored: set[int] = set()

        def store(generations: Mapping[int, Generation]) -> None:
            rows = []
            for index in sorted(generations.keys() - stored):
                generation = _clean(generations[index])
                trial = self._build(asked[index], generation, _read(asked[index], generation))
                self._truncation.add(trial.state, trial.thought, trial.text)
                is_open = trial.state != "error" and (self._letters or _has_thought(vars(trial)))
                rows.append(PositionedTrial(asked[index].position, trial, is_open))
                self._keep_images(asked[index])
            self._store(rows)
            new = sorted(generations.keys() - stored)
            stored.update(new)
            incomplete.extend(
                (asked[index], vars(row.trial)) for index, row in zip(new, rows, strict=True) if row.open
            )

        await self._generate(asked, store)
        await self._complete(incomplete)

    async def _complete(self, trials: list[tuple[PlannedTrial, Fields]]) -> None:
        """Add the columns of letters and judge to stored trials."""
        if not trials:
            return
        scores = await self._score_letters(trials) if self._letters else [None] * len(trials)
        verdicts = await self._judge_thoughts(trials)
        updates = []
        for (plan, fields), score, verdict in zip(trials, scores, verdicts, strict=True):
            columns: dict[str, Any] = {}
            problems = []
            if isinstance(score, str):
                problems.append(f"no letter scores: {score}")
            elif score is not None and (letters := measure_letters(score, plan.question.gold)):
                columns |= letter_columns(letters)
            if isinstance(verdict, str):
                problems.append(f"no judge: {verdict}")
                verdict = Verdict("abstains")
            if verdict is not None and plan.request is not None:
                begun, cue = plan.condition.begins_wrong, plan.request.prompt.cue
                columns |= judge_columns(begun, fields["answer"], cue, verdict)
                columns |= reason_columns(Case(plan.question, plan.options, fields["thought"], cue))
            if problems:
                columns["error"] = "; ".join(problems)
            updates.append(TrialUpdate(plan.identity, columns))
        self._sink.update(updates)
        self._done += len(updates)
        self._report("")

    def _store(self, rows: list[PositionedTrial]) -> None:
        if rows:
            self._sink.add(rows)
            self._done += sum(not row.open for row in rows)
            self._report("")

    def _keep_images(self, plan: PlannedTrial) -> None:
        assert plan.request is not None
        for sha256, data in zip(plan.image_sha256, plan.request.prompt.images, strict=True):
            self._sink.keep_image(sha256, data)

    def _build(self, plan: PlannedTrial, *answer: Any) -> Any:
        return build_trial(plan, self._backend.name, self._backend.revision, *answer)

    async def _generate(
        self, plans: list[PlannedTrial], store: Callable[[Mapping[int, Generation]], None]
    ) -> None:
        """Store one generation per plan, by its index; a failed one has ``finish="error"``."""
        requests = [plan.request for plan in plans if plan.request is not None]
        if not requests:
            return
        in_batches = optional_parts(self._backend).generate_in_batches

        def store_batch(batch: Mapping[int, Generation]) -> None:
            with contextlib.suppress(BadInput):  # a full disk: raised when the call has returned
                store(batch)

        async def generate() -> list[Generation]:
            if any(request.prompt.follow_up for request in requests):
                return await generate_turns(self._backend.generate, requests)
            if in_batches is None:
                return await self._backend.generate(requests)
            return await in_batches(requests, store_batch)

        results, attempts = await self._call(generate, len(requests), self._calls)
        if isinstance(results, RetriesExhausted):
            error = Generation("", "error", attempts=attempts, error=results.message)
            results = [error for _ in requests]
        elif attempts > 1:
            results = [replace(result, attempts=result.attempts + attempts - 1) for result in results]
        store(dict(enumerate(results)))

    async def _score_letters(
        self, trials: list[tuple[PlannedTrial, Fields]]
    ) -> Sequence[LetterScores | str | None]:
        """Letter scores of readable generations; a string: why there are none."""
        prompts = []
        for plan, fields in trials:
            assert plan.request is not None
            prompt = second_turn(plan.request.prompt, fields.get("first_turn") or "")
            prefill = letter_prefill(prompt.prefill, fields["text"], prompt.format)
            prompts.append(replace(prompt, prefill=prefill))
        scores, _ = await self._call(lambda: self._backend.score_letters(prompts), len(prompts), self._calls)
        if isinstance(scores, RetriesExhausted):
            return [scores.message] * len(prompts)
        return [score.error if score and score.error else score for score in scores]

    async def _judge_thoughts(
        self, trials: list[tuple[PlannedTrial, Fields]]
    ) -> Sequence[Verdict | str | None]:
        """Verdicts on the thoughts of readable answers; a string: why the judge could not be asked."""
        verdicts: list[Verdict | str | None] = [None] * len(trials)
        indices, cases = [], []
        for index, (plan, fields) in enumerate(trials):
            if _has_thought(fields) and plan.request is not None:
                indices.append(index)
                cases.append(Case(plan.question, plan.options, fields["thought"], plan.request.prompt.cue))
        if not cases:
            return verdicts
        result, _ = await self._call(lambda: self._judge.judge(cases), len(cases), contextlib.nullcontext())
        for place, index in enumerate(indices):
            verdicts[index] = result.message if isinstance(result, RetriesExhausted) else result[place]
        return verdicts

    async def _call(
        self,
        ask: Callable[[], Awaitable[list[T]]],
        count: int,
        gate: contextlib.AbstractAsyncContextManager[Any],
    ) -> tuple[list[T] | RetriesExhausted, int]:
        """The `count` results, or how the last attempt failed; and the number of attempts."""

        async def attempt() -> list[T]:
            async with gate:
                if self._stop.is_set():  # a run that stops asks for nothing more
                    raise asyncio.CancelledError
                results = await ask()
            if len(results) != count:
                raise BackendError(f"{self._backend.name} gave {len(results)} results for {count} requests")
            return results

        return await call_with_retry(attempt, self._retry, self._report, self._stop)

    def _report(self, note: str) -> None:
        if self._progress is not None:
            self._progress(self._done, self._total, note)


def _read(plan: PlannedTrial, generation: Generation) -> Reading | None:
    if generation.finish == "error" or plan.request is None:
        return None
    prompt = plan.request.prompt
    return read(
        generation.text,
        prompt.options,
        prefill=prompt.prefill,
        finish=generation.finish,
        format=prompt.format,
    )


def _has_thought(fields: Fields) -> bool:
    """Whether there is a thought to judge, of a readable answer."""
    return fields["state"] == "ok" and bool(fields["thought"])


def _clean(generation: Generation) -> Generation:
    """No table can hold lone surrogates. They become U+FFFD, so that parser, judge and table see one text."""
    try:
        generation.text.encode()
    except UnicodeEncodeError:
        return replace(generation, text=replace_surrogates(generation.text))
    return generation
