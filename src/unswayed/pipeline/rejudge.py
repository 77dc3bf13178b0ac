"""Judges a stored run again: its thoughts go to judges, whose votes are stored beside the trials.

The model is not asked. The judges of the last call are the panel whose majority fills the judge's columns
(`panel_columns`); votes of earlier judges are kept, for agreement. Each vote is stored as it comes, so an
interrupted call can be repeated, and the columns change only once every vote is there.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from unswayed.errors import BackendError, BadInput
from unswayed.judges.base import Case, Judge, Verdict
from unswayed.judges.panel import vote_outcome
from unswayed.pipeline.panel_columns import apply_majority, audit_votes, panel_verdicts
from unswayed.pipeline.runner import Progress
from unswayed.pipeline.stored_cases import build_case, has_thought, stored_rows
from unswayed.pipeline.stored_reasons import with_reasons
from unswayed.retry import RetriesExhausted, Retry, call_with_retry
from unswayed.store import RunEditor, verdicts
from unswayed.store.verdicts import Vote, VoteLog

_JUDGES_AT_ONCE = 4  # each judge has its own limit of concurrent calls
_Report = Callable[[int, str], None]  # more thoughts judged, and a note


@dataclass(frozen=True)
class RejudgeResult:
    """What one call did."""

    thoughts: int
    asked: dict[str, int]
    """By judge: verdicts made in this call; the others were stored before."""
    failed: dict[str, int]
    """By judge: thoughts for which it could not be asked; the same call again asks for them."""
    outcomes: dict[str, int]
    """Number of votes by outcome: unanimous, majority, tie, abstained."""


async def judge_run(
    path: str | Path,
    judges: Sequence[Judge],
    *,
    again: bool = False,
    progress: Progress | None = None,
    retry: Retry = Retry(),  # noqa: B008 - frozen
) -> RejudgeResult:
    """Let `judges` read the thoughts of the run in the folder `path`; their majority fills its columns.

    A judge is asked only for thoughts that it has not judged in its present version, or for all with
    `again`. Judges are asked concurrently. Raises `BadInput` when the folder holds no run or is being
    written, `BackendError` when a judge cannot be asked at all, after the others have ended; verdicts made
    by then are kept.
    """
    names = [judge.name for judge in judges]
    if not names or len(set(names)) < len(names):
        raise BadInput("name at least one judge, and each once")
    with RunEditor(path) as run:
        log = VoteLog(run.path)
        try:
            if "judging" not in run.manifest:
                log.add(audit_votes(run.trials, run.manifest, verdicts.read_votes(run.path)))
            votes = verdicts.read_votes(run.path)
            todo = {
                judge.name: _todo(run.trials, judge, votes.get(judge.name, {}), again) for judge in judges
            }
            report = _progress_counter(progress, sum(map(len, todo.values())))
            await _ask_all(judges, run.trials, todo, log, retry, report)
        finally:
            log.close()
        votes = verdicts.read_votes(run.path)
        panel = [votes.get(name, {}) for name in names]
        keys = [row["key"] for row in stored_rows(run.trials) if has_thought(row)]
        outcomes: Counter[str] = Counter(vote_outcome(panel_verdicts(panel, key)) for key in keys)
        failed = {
            name: sum(key in by_key and by_key[key].error is not None for key in keys)
            for name, by_key in zip(names, panel, strict=True)
        }
        run.manifest["judging"] = {
            "panel": [{"judge": judge.name, "version": judge.version} for judge in judges],
            "thoughts": len(keys),
            "outcomes": dict(outcomes),
            "failed": failed,
        }
        verdicts.write_table(run.path)
        run.save(with_reasons(apply_majority(run.trials, panel)))
        asked = {name: len(keys_asked) for name, keys_asked in todo.items()}
        return RejudgeResult(len(keys), asked, failed, dict(outcomes))


def _todo(trials: pa.Table, judge: Judge, known: Mapping[str, Vote], again: bool) -> frozenset[str]:
    """Keys of the trials that a judge has still to read."""

    def done(key: str) -> bool:
        vote = known.get(key)
        return vote is not None and vote.version == judge.version and vote.error is None and not again

    return frozenset(row["key"] for row in stored_rows(trials) if has_thought(row) and not done(row["key"]))


def _progress_counter(progress: Progress | None, total: int) -> _Report:
    done = 0

    def report(more: int, note: str) -> None:
        nonlocal done
        done += more
        if progress is not None:
            progress(done, total, note)

    return report


async def _ask_all(
    judges: Sequence[Judge],
    trials: pa.Table,
    todo: Mapping[str, frozenset[str]],
    log: VoteLog,
    retry: Retry,
    report: _Report,
) -> None:
    """Let every judge read what it has still to read. One that fails does not stop the others."""
    seats = asyncio.Semaphore(_JUDGES_AT_ONCE)
    failures: list[BackendError] = []

    async def ask(judge: Judge) -> None:
        async with seats:
            try:
                await _ask(judge, trials, todo[judge.name], log, retry, report)
            except BackendError as error:
                report(0, f"{judge.name} stopped: {error}")
                failures.append(error)

    await _run_all(ask(judge) for judge in judges)
    if failures:
        raise failures[0]


async def _ask(
    judge: Judge,
    trials: pa.Table,
    keys: frozenset[str],
    log: VoteLog,
    retry: Retry,
    report: _Report,
) -> None:
    """Verdicts of one judge on the trials `keys`, each chunk stored as it comes."""
    rows = (row for row in stored_rows(trials) if row["key"] in keys)

    async def work() -> None:
        # All workers draw on one iterator, so that none waits for another.
        while chunk := list(islice(rows, judge.chunk)):
            result = await _judge(judge, [build_case(row) for row in chunk], retry, report)
            log.add(Vote.of(row["key"], judge, verdict) for row, verdict in zip(chunk, result, strict=True))
            report(len(chunk), judge.name)
            await asyncio.sleep(0)  # rules never wait, and other judges' replies come in meanwhile

    await _run_all(work() for _ in range(judge.concurrency))


async def _run_all(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run concurrently. When one raises, the others are cancelled, and its exception is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            for coroutine in work:
                group.create_task(coroutine)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def _judge(judge: Judge, cases: list[Case], retry: Retry, report: _Report) -> list[Verdict]:
    """The verdicts; where every attempt fails for a transient reason, abstentions with that reason."""
    result, _ = await call_with_retry(lambda: judge.judge(cases), retry, lambda note: report(0, note))
    if isinstance(result, RetriesExhausted):
        return [Verdict("abstains", error=result.message) for _ in cases]
    return result
