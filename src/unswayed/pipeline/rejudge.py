"""Judging a stored run again: its thoughts go to judges, their votes beside the trials, the majority in.

The model is not asked. The judges of the last call are the panel whose majority fills the judge's
columns; earlier votes stay, for agreement. Each vote is stored as it comes, so an interrupted call
goes on where it stopped, and the columns change only once every vote is there.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from unswayed.errors import BackendError, BadInput
from unswayed.judges.base import Case, Judge, Verdict, version_of
from unswayed.judges.panel import majority, outcome
from unswayed.judges.rules import Rules
from unswayed.pipeline.runner import Progress
from unswayed.pipeline.stored_cases import (
    case_of,
    condition_of,
    cue_of,
    has_thought,
    stored,
)
from unswayed.pipeline.trial_builder import judged
from unswayed.retry import Lost, Retry, insist
from unswayed.store import Opened, verdicts
from unswayed.store.verdicts import Vote, Votes

T = TypeVar("T")
_COLUMNS = ("concluded", "judged", "consistent", "under_cue", "acknowledges")
_CHUNK = 256
_AT_ONCE = 4  # judges that read at the same time; each has its own limit of calls


@dataclass(frozen=True)
class Judged:
    """What a call did."""

    thoughts: int
    asked: dict[str, int]
    """By judge: verdicts made in this call; the others were stored before."""
    failed: dict[str, int]
    """By judge: thoughts it could not be asked about; the same call again asks for them."""
    outcomes: dict[str, int]
    """How the votes went: unanimous, majority, tie, abstained."""


async def judge_run(
    path: str | Path,
    judges: Sequence[Judge],
    *,
    again: bool = False,
    progress: Progress | None = None,
    retry: Retry = Retry(),  # noqa: B008 - frozen
) -> Judged:
    """Let `judges` read the thoughts of the run in the folder `path`; their majority fills its columns.

    A judge is asked only for what it has not judged in its present version, or for all with `again`.
    Judges are asked side by side. Raises `BadInput` when the folder holds no run or is being written,
    `BackendError` when a judge cannot be asked at all, after the others came to their end; what was
    judged by then is kept.
    """
    names = [judge.name for judge in judges]
    if not names or len(set(names)) < len(names):
        raise BadInput("name at least one judge, and each once")
    with Opened(path) as run:
        votes = Votes(run.path)
        try:
            if "judging" not in run.manifest:
                votes.add(_audits_own(run.trials, run.manifest, verdicts.read(run.path)))
            found = verdicts.read(run.path)
            todo = {
                judge.name: _todo(run.trials, judge, found.get(judge.name, {}), again) for judge in judges
            }
            meter = _Meter(progress, sum(map(len, todo.values())))
            await _all(judges, run.trials, todo, votes, retry, meter)
        finally:
            votes.close()
        found = verdicts.read(run.path)
        panel = [found.get(name, {}) for name in names]
        keys = [row["key"] for row in stored(run.trials) if has_thought(row)]
        outcomes: Counter[str] = Counter(outcome(_of(panel, key)) for key in keys)
        failed = {
            n: sum(k in by and by[k].error is not None for k in keys)
            for n, by in zip(names, panel, strict=True)
        }
        run.manifest["judging"] = {
            "panel": [{"judge": judge.name, "version": version_of(judge)} for judge in judges],
            "thoughts": len(keys),
            "outcomes": dict(outcomes),
            "failed": failed,
        }
        verdicts.write(run.path)
        run.settle(overlay(run.trials, panel))
        return Judged(len(keys), {n: len(rows) for n, rows in todo.items()}, failed, dict(outcomes))


def settler(path: Path, manifest: Mapping[str, Any]) -> Callable[[pa.Table], pa.Table]:
    """What puts the verdict of the run's panel into the judge's columns of its trials, or of a part of them.

    Changes nothing where the run was not judged again.
    """
    names = panel_of(manifest)
    if not names:
        return lambda trials: trials
    found = verdicts.read(path)
    panel = [found.get(name, {}) for name in names]
    return lambda trials: overlay(trials, panel)


def panel_of(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the judges whose majority fills the columns; empty: the audit's own judge."""
    return tuple(seat["judge"] for seat in manifest.get("judging", {}).get("panel", ()))


def unread(path: Path, trials: pa.Table, manifest: Mapping[str, Any]) -> int:
    """Thoughts that a judge of the run's panel has not read yet; 0 where there is no panel."""
    found = verdicts.read(path) if (names := panel_of(manifest)) else {}
    read = [found.get(name, {}) for name in names]
    return sum(any(row["key"] not in by for by in read) for row in stored(trials) if has_thought(row))


def superseded(manifest: Mapping[str, Any]) -> str | None:
    """The judge whose verdicts stand in the columns, where it is the rules in an older version."""
    names = panel_of(manifest) or (str(manifest["asks"].get("judge", "")),)
    old = (name for name in names if re.fullmatch(r"rules-\d+", name) and name != Rules.name)
    return next(old, None)


def votes_of(path: Path, trials: pa.Table, manifest: Mapping[str, Any]) -> dict[str, dict[str, Vote]]:
    """Judge -> trial key -> vote, of a stored run; the audit's own judge included."""
    found = verdicts.read(path)
    if "judging" not in manifest:  # nobody has taken the columns yet
        for vote in _audits_own(trials, manifest, found):
            found.setdefault(vote.judge, {})[vote.key] = vote
    return dict(sorted(found.items()))


def overlay(trials: pa.Table, panel: Sequence[Mapping[str, Vote]]) -> pa.Table:
    """`trials` with the majority of `panel` (key -> vote, one a judge) in the judge's columns. Pure.

    A missing vote is an abstention. Trials without a thought to judge keep their nulls.
    """
    columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
    for row in stored(trials):
        told = {}
        if has_thought(row):
            how = condition_of(row["condition"])
            told = judged(
                how is not None and how.begins_wrong,
                row["answer"],
                cue_of(row),
                majority(_of(panel, row["key"])),
            )
        for name, values in columns.items():
            values.append(told.get(name))
    for name, values in columns.items():
        at = trials.schema.get_field_index(name)
        field = trials.schema.field(at)
        trials = trials.set_column(at, field, pa.array(values, field.type))
    return trials


def _of(panel: Sequence[Mapping[str, Vote]], key: str) -> tuple[Verdict, ...]:
    votes = (by_key.get(key) for by_key in panel)
    return tuple(
        Verdict("abstains") if v is None else Verdict(v.found, v.option, v.acknowledges)  # type: ignore[arg-type]
        for v in votes
    )


def _audits_own(
    trials: pa.Table, manifest: Mapping[str, Any], found: Mapping[str, Mapping[str, Vote]]
) -> list[Vote]:
    """What the audit's judge said, read back from its columns before others take them; empty if stored."""
    judge = str(manifest["asks"].get("judge", ""))
    if not judge or judge in found:
        return []
    version = Rules.version if judge == Rules.name else ""
    votes = []
    for row in stored(trials):
        if has_thought(row) and row["judged"] is not None:
            said = "abstains" if not row["judged"] else "nothing" if row["concluded"] is None else "option"
            votes.append(Vote(row["key"], judge, version, said, row["concluded"], row["acknowledges"]))
    return votes


def _todo(trials: pa.Table, judge: Judge, known: Mapping[str, Vote], again: bool) -> frozenset[str]:
    """Keys of the trials that a judge has still to read."""
    version = version_of(judge)

    def done(key: str) -> bool:
        vote = known.get(key)
        return vote is not None and vote.version == version and vote.error is None and not again

    return frozenset(row["key"] for row in stored(trials) if has_thought(row) and not done(row["key"]))


class _Meter:
    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def __call__(self, more: int, note: str) -> None:
        self._done += more
        if self._progress is not None:
            self._progress(self._done, self._total, note)


async def _all(
    judges: Sequence[Judge],
    trials: pa.Table,
    todo: Mapping[str, frozenset[str]],
    votes: Votes,
    retry: Retry,
    meter: Callable[[int, str], None],
) -> None:
    """Let every judge read what it has still to read. One that fails does not stop the others."""
    seats = asyncio.Semaphore(_AT_ONCE)

    async def sit(judge: Judge) -> BackendError | None:
        async with seats:
            try:
                await _ask(judge, trials, todo[judge.name], votes, retry, meter)
            except BackendError as error:
                meter(0, f"{judge.name} stopped: {error}")
                return error
        return None

    for error in filter(None, await _together(sit(judge) for judge in judges)):
        raise error


async def _ask(
    judge: Judge,
    trials: pa.Table,
    keys: frozenset[str],
    votes: Votes,
    retry: Retry,
    meter: Callable[[int, str], None],
) -> None:
    """Verdicts of one judge on the trials `keys`, each chunk stored as it comes."""
    left = (row for row in stored(trials) if row["key"] in keys)
    chunk = getattr(judge, "chunk", _CHUNK)
    version = version_of(judge)

    async def work() -> None:
        # All workers draw on one iterator, so that none waits for another.
        while part := list(islice(left, chunk)):
            told = await _patiently(judge, [case_of(row) for row in part], retry, meter)
            votes.add(
                Vote(row["key"], judge.name, version, v.found, v.option, v.acknowledges, v.raw, v.error)
                for row, v in zip(part, told, strict=True)
            )
            meter(len(part), judge.name)
            await asyncio.sleep(0)  # rules never wait, and other judges' replies come in meanwhile

    await _together(work() for _ in range(getattr(judge, "concurrency", 1)))


async def _together(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """All results. When one raises, the others are stopped before it is heard of."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _patiently(
    judge: Judge, cases: list[Case], retry: Retry, meter: Callable[[int, str], None]
) -> list[Verdict]:
    """The verdicts; where every attempt fails for a passing reason, abstentions that say so."""
    found, _ = await insist(lambda: judge.judge(cases), retry, lambda note: meter(0, note))
    if isinstance(found, Lost):
        return [Verdict("abstains", error=found.words) for _ in cases]
    return found
