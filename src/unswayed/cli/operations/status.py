"""``unswayed status``: what a run, suite, study or training is doing, from another shell."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from unswayed.cli.shared import output
from unswayed.formatting import visible
from unswayed.operations.folder_status import FolderStatus, Member, folder_status
from unswayed.operations.lock_holders import Holder, last_writer
from unswayed.operations.run_status import RunStatus

EPILOG = """[bold]Examples[/]

  unswayed status runs/mine

  unswayed status runs --watch 10

  unswayed status runs/mine --json
"""


def command(
    folder: Annotated[
        Path, typer.Argument(help="of a run, suite, study or training, or one that holds runs")
    ],
    watch: Annotated[
        float | None, typer.Option(min=1.0, help="say it again every so many seconds, until Ctrl-C")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a look, for programs")] = False,
) -> None:
    """Say how far the work in FOLDER is, how fast, what failed, and which process writes to it.

    Nothing is locked or changed, so it can be asked at any time.
    """
    while True:
        status = folder_status(folder)
        if as_json:
            print(json.dumps(as_dict(status), ensure_ascii=True))
        else:
            for line in lines(status, time.time()):
                output.out.print(escape(visible(line)), highlight=False, soft_wrap=True)
        if watch is None:
            return
        time.sleep(watch)


command.__doc__ = (command.__doc__ or "") + "\n\n" + EPILOG


def as_dict(status: FolderStatus) -> dict[str, Any]:
    """For `json.dumps`."""
    value = asdict(status)
    value["folder"] = str(status.folder)
    value["runs"] = [
        {
            **asdict(run),
            "folder": str(run.folder),
            "state": run.state,
            "remaining": run.remaining,
            "seconds_left": run.seconds_left,
        }
        for run in status.runs
    ]
    return value


def lines(status: FolderStatus, now: float) -> list[str]:
    """The status in words, a line each."""
    told = []
    if status.kind in ("suite", "study", "training"):
        told.append(f"{status.kind} {status.folder}: {_who(status.folder, status.holders)}")
        told += [_member(member) for member in status.members]
    for run in status.runs:
        told += _run(run, now)
    return told


def _member(member: Member) -> str:
    of = f" of {member.planned:,}" if member.planned else ""
    reason = f": {member.reason}" if member.reason else ""
    return f"  {member.name}: {member.state}, {member.done:,}{of} {member.unit}{reason}"


def _run(run: RunStatus, now: float) -> list[str]:
    percent = f" ({100 * run.stored / run.planned:.0f} %)" if run.planned else ""
    of = f" of {run.planned:,}" if run.planned is not None else ""
    told = [
        f"run {run.folder}: {run.state}; {run.model} on {run.benchmark or 'questions'}, "
        f"{run.conditions} conditions",
        f"  stored {run.stored:,}{of} trials{percent}"
        + (f", {run.open:,} of them without letters or verdict yet" if run.open else "")
        + (f"; {run.remaining:,} remain" if run.remaining else ""),
    ]
    if run.rate is not None and not (run.finished and not run.holders):
        left = f", about {duration(run.seconds_left)} left" if run.seconds_left is not None else ""
        told.append(f"  {run.rate:,.2f} trials/s in this session{left}")
    if run.last_write is not None:
        told.append(f"  last write {duration(max(0.0, now - run.last_write))} ago; {run.sessions} sessions")
    if run.parts:
        told.append(f"  parts begun: {', '.join(run.parts)}")
    told.append(f"  {_who(run.folder, run.holders)}")
    if run.state == "stopped" and run.remaining != 0:
        told.append("  to go on: run the same audit command again")
    told += [f"  {count:,} errors: {reason}" for reason, count in run.errors.items()]
    return told


def _who(folder: Path, holders: tuple[Holder, ...] | None) -> str:
    if holders is None:
        last = last_writer(folder)
        return (
            f"this system does not tell who writes; the last was process {last}" if last else "writer unknown"
        )
    if not holders:
        return "no process of this machine writes to it"
    ids = ", ".join(str(holder.pid) for holder in holders)
    return f"written by process {ids}" if len(holders) == 1 else f"written by processes {ids}"


def duration(seconds: float | None) -> str:
    """``45 s``, ``12 min``, ``3.5 h``."""
    if seconds is None:
        return "–"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
