"""How far an audit is, from its folder alone: nothing is locked, and the audit goes on."""

from __future__ import annotations

import calendar
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unswayed.errors import BadInput
from unswayed.operations.lock_holders import Holder, lock_holders
from unswayed.store import manifest as manifests
from unswayed.store import shards
from unswayed.store.run_folder import shard_files
from unswayed.store.shards import LineHeader, UpdateHeader

_MOST_REASONS = 20
_CLIP = 300


@dataclass(frozen=True)
class RunStatus:
    """A run folder at this moment."""

    folder: Path
    model: str
    benchmark: str
    conditions: int
    planned: int | None
    """Trials of the whole run; None: the number of questions is not known."""
    stored: int
    """Trials with an answer, or that can have none; without errors."""
    open: int
    """Of the stored ones: those whose letters or verdict are still missing."""
    errors: Mapping[str, int] = field(default_factory=dict)
    """Reason -> number of trials whose last attempt failed for it; a resumed run asks them again."""
    finished: bool = False
    sessions: int = 1
    started: float = 0.0
    """When the last session began, seconds since 1970."""
    last_write: float | None = None
    """When a shard was last written, seconds since 1970."""
    rate: float | None = None
    """Trials per second of the shards written since then."""
    holders: tuple[Holder, ...] | None = None
    parts: tuple[str, ...] = ()
    """Parts whose writers ever began."""

    @property
    def remaining(self) -> int | None:
        """Trials that are still to be asked, errors included."""
        return None if self.planned is None else max(0, self.planned - self.stored)

    @property
    def seconds_left(self) -> float | None:
        """At this rate; None where nothing writes or the rate is not known."""
        if not self.holders or not self.rate or self.remaining is None:
            return None
        return self.remaining / self.rate

    @property
    def state(self) -> str:
        """finished, running, or stopped (nobody writes to it); unknown where the kernel does not tell."""
        if self.holders:
            return "running"
        if self.finished:
            return "finished"
        return "stopped" if self.holders is not None else "unknown"


def run_status(folder: str | Path) -> RunStatus:
    """The status of the run in `folder`. Raises `BadInput` if it is no run folder."""
    folder = Path(folder)
    manifest = manifests.read(folder / manifests.FILE)
    asks, finished = manifest["asks"], manifest.get("finished")
    about = asks.get("about") if isinstance(asks.get("about"), dict) else {}
    conditions = len(asks.get("conditions") or ())
    stored: set[str] = set()
    failed: dict[str, tuple[Path, LineHeader]] = {}
    opened: dict[str, str] = {}
    started = _seconds(manifest["sessions"][-1]["started"])
    recent, last_write = 0, None
    for shard in shard_files(folder):
        written = shard.stat().st_mtime
        last_write = max(written, last_write or 0)
        for header in shards.headers(shard):
            if isinstance(header, UpdateHeader):
                if opened.get(header.id) == header.of:
                    del opened[header.id]
                continue
            recent += written >= started
            if header.final:
                stored.add(header.id)
                failed.pop(header.id, None)
                opened.pop(header.id, None)
                if header.open:
                    opened[header.id] = header.checksum
            elif header.id not in stored:
                failed[header.id] = (shard, header)
    if not last_write and finished:  # a published run may come without its shards
        stored_count = finished["trials"] - int(finished.get("states", {}).get("error", 0))
    else:
        stored_count = len(stored)
    spent = (last_write or 0) - started
    return RunStatus(
        folder,
        str(asks["model"]),
        str(about.get("benchmark", "")),
        conditions,
        _planned(asks, about),
        stored_count,
        len(opened),
        _reasons(list(failed.values())),
        finished is not None,
        len(manifest["sessions"]),
        started,
        last_write,
        recent / spent if recent and spent > 0 else None,
        lock_holders(folder),
        tuple(sorted({s["part"] for s in manifest["sessions"] if isinstance(s.get("part"), str)})),
    )


def _planned(asks: Mapping[str, Any], about: Mapping[str, Any]) -> int | None:
    planned = len(asks.get("conditions") or ())
    for number in (about.get("questions"), asks.get("samples", 1)):
        if type(number) is not int or number < 1:
            return None
        planned *= number
    return planned or None


def _reasons(failed: list[tuple[Path, LineHeader]]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for shard, header in failed:
        with open(shard, "rb") as file:
            file.seek(header.offset)
            try:
                reason = shards.decode(file.read(header.length)).get("error")
            except BadInput:
                reason = "the line cannot be read"
        counts[str(reason or "no reason given")[:_CLIP]] += 1
    return dict(counts.most_common(_MOST_REASONS))


def _seconds(stamp: str) -> float:
    """Of a session's ``2026-01-01T00:00:00Z``; 0 where it is none."""
    try:
        return float(calendar.timegm(time.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ")))
    except ValueError:
        return 0.0
