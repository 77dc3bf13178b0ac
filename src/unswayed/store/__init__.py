"""A run's folder: append-only, crash-safe, resumable.

::

    manifest.json     what is asked, of whom, with which exact strings; counts once finished
    shards/*.jsonl    every trial as it came in, one file a process
    trials.parquet    the same as a table, once finished
    verdicts/         what judges said of the thoughts, beside the trials (see `verdicts`)
    images/<sha256>   pictures that were sent, up to a budget

Whoever is killed at any instant leaves whole lines behind and at most one torn one; what is stored
is never asked again and never stands in the table twice.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from unswayed.errors import BadInput
from unswayed.store import manifest as manifests
from unswayed.store import shards, tables
from unswayed.store.atomic_files import (
    Appender,
    Lock,
    told,
    write_whole,
)
from unswayed.store.shards import Row
from unswayed.store.tables import Memory

__all__ = ["PICTURE_BUDGET", "Memory", "Opened", "Row", "Store", "load"]

PICTURE_BUDGET = 64 * 2**20
_SYNC_EVERY = 5.0  # seconds; a killed process loses nothing, a power cut at most this much


class Store:
    """A run folder held open for writing by this process. Make one with `Store.open`."""

    def __init__(self, path: Path, manifest: dict[str, Any], lock: Lock, picture_budget: int) -> None:
        self.path = path
        self.manifest = manifest
        self._lock = lock
        self._shard: Appender | None = None
        self._synced = time.monotonic()
        self._cells: dict[bytes, bytes] = {}
        for head in (h for shard in _shards(path) for h in shards.heads(shard) if h.final):
            self._cells[bytes.fromhex(head.id)] = bytes.fromhex(head.key)
        self._pictures = {entry.name: entry.stat().st_size for entry in os.scandir(path / "images")}
        self._room = picture_budget - sum(self._pictures.values())

    @classmethod
    def open(
        cls, path: str | Path, manifest: dict[str, Any], *, picture_budget: int = PICTURE_BUDGET
    ) -> Store:
        """Create the run folder `path`, or go on with the run in it.

        `manifest` is a new one (`store.manifest.begin`); `picture_budget` is in bytes. Raises
        `RunChanged` when the run was begun with another, and `BadInput` when the folder cannot be
        written, is not a run's, or is being written by another process.
        """
        path = Path(path)
        at = path / "manifest.json"
        with told(path):
            path.mkdir(parents=True, exist_ok=True)
            foreign = not at.exists() and any(not e.name.startswith(".") for e in os.scandir(path))
        if foreign:
            raise BadInput(f"{path} is neither empty nor a run's folder; choose another folder")
        lock = Lock(path)
        try:
            # Only under the lock: another process may have begun the run just now.
            found = manifest
            if at.exists():
                found = manifests.resumed(manifests.read(at), manifest, path)
                _all_there(path, found.pop("finished", None))
            write_whole(at, _json(found))
            with told(path):
                for folder in (path / "shards", path / "images"):
                    folder.mkdir(exist_ok=True)
                for torn in (*path.glob(".*.tmp"), *path.glob("images/.*.tmp")):
                    torn.unlink()  # left by a killed process; nobody else writes under the lock
            return cls(path, found, lock, picture_budget)
        except BaseException:
            lock.close()
            raise

    def stored(self, identity: str) -> str | None:
        """Key under which a cell of the table was filled before this process, errors excepted."""
        key = self._cells.get(bytes.fromhex(identity))
        return None if key is None else key.hex()

    def __len__(self) -> int:
        """How many cells were filled for good before this process."""
        return len(self._cells)

    def add(self, rows: Iterable[Row]) -> None:
        """Append trials in one write; when this returns they outlive the process."""
        block = b"".join(map(shards.encode, rows))
        if not block:
            return
        if self._shard is None:
            number = max((int(shard.stem) for shard in _shards(self.path)), default=0) + 1
            self._shard = Appender(self.path / "shards" / f"{number:06d}.jsonl")
        self._shard.append(block)
        if time.monotonic() - self._synced > _SYNC_EVERY:
            self._shard.sync()
            self._synced = time.monotonic()

    def picture(self, sha256: str, data: bytes) -> None:
        """Keep a picture under its hash, while there is room in the budget."""
        if sha256 in self._pictures or len(data) > self._room:
            return
        write_whole(self.path / "images" / sha256, data, sync=False)
        self._pictures[sha256] = len(data)
        self._room -= len(data)

    def compact(self, change: Callable[[pa.Table], pa.Table] = lambda part: part) -> None:
        """Write `trials.parquet` from the shards, each part `change`d, and the counts into the manifest."""
        if self._shard is not None:
            self._shard.sync()
        files = _shards(self.path)
        order = shards.order(files)
        at = self.path / "trials.parquet"
        tables.write(map(change, tables.tables(order)), at)
        states = pq.read_table(at, columns=["state"])["state"]
        self.manifest["finished"] = manifests.finished(states, _sizes(files))
        write_whole(self.path / "manifest.json", _json(self.manifest))

    def close(self) -> None:
        """Sync, and let others write. The store cannot be used afterwards."""
        if self._shard is not None:
            with contextlib.suppress(BadInput):
                self._shard.sync()
            self._shard.close()
        self._lock.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Opened:
    """A run folder held for changing what stands beside its trials; nobody can ask meanwhile."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        manifests.read(
            self.path / "manifest.json"
        )  # before a lock file is put into a folder that is no run's
        self._lock = Lock(self.path)
        try:
            self.trials, self.manifest = load(self.path)
        except BaseException:
            self._lock.close()
            raise

    def settle(self, trials: pa.Table) -> None:
        """Write the manifest, and `trials.parquet` anew with `trials` where the run has one."""
        # The manifest first: whoever reads the run then makes the columns of what it says.
        write_whole(self.path / "manifest.json", _json(self.manifest))
        if "finished" in self.manifest:
            tables.write([trials], self.path / "trials.parquet")

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.close()


def load(path: str | Path) -> tuple[pa.Table, dict[str, Any]]:
    """Trials and manifest of a run folder, finished or not. Raises `BadInput` if it is none."""
    path = Path(path)
    manifest = manifests.read(path / "manifest.json")
    files = _shards(path)
    finished = manifest.get("finished")
    # The table is trusted only if no shard grew since. A published run may come without shards.
    if finished and (not files or finished["shards"] == _sizes(files)):
        at = path / "trials.parquet"
        try:
            return pq.read_table(at), manifest
        except (OSError, pa.ArrowInvalid) as error:
            if not files:
                raise BadInput(f"{at}: cannot be read ({error}); fetch the run's folder again") from error
    return tables.table(shards.order(files)), manifest


def _all_there(path: Path, finished: dict[str, Any] | None) -> None:
    """Raises `BadInput` if shards of a finished run are gone: a resumed run would lose their trials."""
    sizes = _sizes(_shards(path))
    before: dict[str, int] = finished["shards"] if finished else {}
    gone = [name for name, size in before.items() if sizes.get(name, -1) < size]
    if gone:
        raise BadInput(
            f"{path}: shards/{gone[0]} is missing or cut short, so the run can be read but not resumed; "
            "bring the file back or choose another folder"
        )


def _shards(path: Path) -> list[Path]:
    return sorted((path / "shards").glob("[0-9]*.jsonl"))


def _sizes(files: list[Path]) -> dict[str, int]:
    return {file.name: file.stat().st_size for file in files}


def _json(manifest: dict[str, Any]) -> bytes:
    return (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
