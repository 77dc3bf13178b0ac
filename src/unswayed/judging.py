"""Judging a stored run again: its thoughts go to judges, their votes beside the trials, the majority in.

The model is not asked. The judges of the last call are the panel whose majority fills the judge's
columns; earlier votes stay, for agreement. Each vote is stored as it comes, so an interrupted call
goes on where it stopped, and the columns change only once every vote is there.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from unswayed.cases import case_of, condition_of, cue_of, has_thought, stored
from unswayed.engine import Progress
from unswayed.errors import BackendError, BadInput
from unswayed.judges.base import Case, Judge, Verdict, version_of
from unswayed.judges.panel import majority, outcome
from unswayed.judges.rules import Rules
from unswayed.retry import Retry
from unswayed.rows import judged
from unswayed.store import Opened, verdicts
from unswayed.store.verdicts import Vote, Votes

_COLUMNS = ("concluded", "judged", "consistent", "under_cue", "acknowledges")
_CHUNK = 256


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
    Judges are asked one after the other. Raises `BadInput` when the folder holds no run or is being
    written, `BackendError` when a judge cannot be asked at all; what was judged by then is kept.
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
            for judge in judges:
                await _ask(judge, run.trials, todo[judge.name], votes, retry, meter)
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

    workers = [asyncio.create_task(work()) for _ in range(getattr(judge, "concurrency", 1))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


async def _patiently(
    judge: Judge, cases: list[Case], retry: Retry, meter: Callable[[int, str], None]
) -> list[Verdict]:
    """The verdicts; where every attempt fails for a passing reason, abstentions that say so."""
    words = ""
    for attempt in range(1, retry.attempts + 1):
        try:
            return await judge.judge(cases)
        except BackendError as error:
            if not error.transient:
                raise
            words = str(error)
        if attempt < retry.attempts:
            meter(0, f"attempt {attempt} of {retry.attempts} failed: {words}")
            await asyncio.sleep(retry.wait(attempt))
    return [Verdict("abstains", error=words) for _ in cases]
