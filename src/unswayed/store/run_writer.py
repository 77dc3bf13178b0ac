"""Writing a run folder: append-only, crash-safe, resumable; by one process, or by one for each part of it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from unswayed.errors import BadInput
from unswayed.store import checksummed_lines, shards, tables
from unswayed.store import manifest as manifests
from unswayed.store.atomic_files import Appender, Lock, os_errors_as_bad_input, write_atomic
from unswayed.store.parts import Part, PartLock, manifest_lock
from unswayed.store.run_folder import damaged_shards, file_sha256, shard_files, shard_sizes, write_manifest
from unswayed.store.shards import PositionedTrial, TrialUpdate, UpdateHeader
from unswayed.store.trial_order import trial_order

IMAGE_BUDGET = 64 * 2**20
_SYNC_SECONDS = 5.0  # a killed process loses nothing, a power cut at most what came in this time


class _OpenTrial(NamedTuple):
    """Where the line of an open trial is; no shard: this process wrote it."""

    checksum: str
    shard: Path | None = None
    offset: int = 0
    length: int = 0


class RunWriter:
    """A run folder held open for writing by this process. Make one with `RunWriter.open`."""

    def __init__(
        self, path: Path, manifest: dict[str, Any], lock: Lock | PartLock, image_budget: int
    ) -> None:
        self.path = path
        self.manifest = manifest
        self._lock = lock
        self._shard: Appender | None = None
        self._synced = time.monotonic()
        self._keys: dict[bytes, bytes] = {}  # identity -> key, as bytes to save memory
        self._open: dict[str, _OpenTrial] = {}  # by identity
        for shard in shard_files(path):
            self._scan(shard)
        self._images = _sizes(path / "images")
        self._image_room = image_budget - sum(self._images.values())

    @classmethod
    def open(
        cls,
        path: str | Path,
        manifest: dict[str, Any],
        *,
        image_budget: int = IMAGE_BUDGET,
        part: Part | None = None,
    ) -> RunWriter:
        """Create the run folder `path`, or continue the run in it.

        `manifest` is a new one (`store.manifest.new_manifest`); `image_budget` is in bytes, for each process.
        With a `part`, other processes may write the other parts meanwhile. Raises
        `RunChanged` when the run was begun with other settings, and `BadInput` when the folder cannot
        be written, is not a run folder, or is being written by another process.
        """
        path = Path(path)
        manifest_path = path / manifests.FILE
        with os_errors_as_bad_input(path):
            path.mkdir(parents=True, exist_ok=True)
            filled = any(not name.startswith(".") for name in os.listdir(path))
            foreign = filled and not manifest_path.exists()  # in this order: another part may just begin
        if foreign:
            raise BadInput(f"{path} is neither empty nor a run folder; choose another folder")
        lock = Lock(path) if part is None else PartLock(path, part)
        try:
            with manifest_lock(path):
                # Only under the lock: another process may have begun the run just now.
                if manifest_path.exists():
                    manifest = manifests.resume(manifests.read(manifest_path), manifest, path)
                    _check_shards_complete(path, manifest.pop("finished", None))
                if part is not None:
                    manifest["sessions"][-1]["part"] = str(part)
                write_manifest(path, manifest)
            with os_errors_as_bad_input(path):
                for folder in (path / "shards", path / "images"):
                    folder.mkdir(exist_ok=True)
                if part is None:
                    for torn in (*path.glob(".*.tmp"), *path.glob("images/.*.tmp")):
                        torn.unlink()  # left by a killed process; nobody else writes now
            return cls(path, manifest, lock, image_budget)
        except BaseException:
            lock.close()
            raise

    def _scan(self, shard: Path) -> None:
        for header in shards.headers(shard):
            if isinstance(header, UpdateHeader):
                if header.id in self._open and self._open[header.id].checksum == header.of:
                    del self._open[header.id]
            elif header.final:
                self._keys[bytes.fromhex(header.id)] = bytes.fromhex(header.key)
                self._open.pop(header.id, None)
                if header.open:
                    self._open[header.id] = _OpenTrial(header.checksum, shard, header.offset, header.length)

    def stored_key(self, identity: str) -> str | None:
        """Key of the trial of this identity that an earlier process stored, except errors."""
        key = self._keys.get(bytes.fromhex(identity))
        return None if key is None else key.hex()

    def open_trial(self, identity: str) -> dict[str, Any] | None:
        """The fields of a stored trial whose letters or verdict are missing; None for other trials."""
        trial = self._open.get(identity)
        if trial is None or trial.shard is None:
            return None
        with open(trial.shard, "rb") as file:
            file.seek(trial.offset)
            return shards.decode(file.read(trial.length))

    def __len__(self) -> int:
        """Number of trials that earlier processes stored, except errors."""
        return len(self._keys)

    def add(self, trials: Iterable[PositionedTrial]) -> None:
        """Append trials in one write; when this returns they outlive the process."""
        lines = []
        for row in trials:
            lines.append(shards.encode(row))
            if row.open:
                checksum = checksummed_lines.checksum(lines[-1])
                self._open[shards.trial_identity(row.trial)] = _OpenTrial(checksum)
        self._append(b"".join(lines))

    def update(self, updates: Iterable[TrialUpdate]) -> None:
        """Append the missing columns of open trials in one write, as `add` does."""
        updates = list(updates)
        lines = (shards.encode_update(update, self._open[update.identity].checksum) for update in updates)
        self._append(b"".join(lines))
        for update in updates:
            del self._open[update.identity]

    def _append(self, block: bytes) -> None:
        if not block:
            return
        if self._shard is None:
            self._shard = _new_shard(self.path)
            self._shard.append(shards.encode_manifest(self.manifest))
        self._shard.append(block)
        if time.monotonic() - self._synced > _SYNC_SECONDS:
            self._shard.sync()
            self._synced = time.monotonic()

    def keep_image(self, sha256: str, data: bytes) -> None:
        """Keep an image under its hash, while the budget lasts."""
        if sha256 in self._images or len(data) > self._image_room:
            return
        write_atomic(self.path / "images" / sha256, data, sync=False)
        self._images[sha256] = len(data)
        self._image_room -= len(data)

    def finish_last(
        self, total: int | None, transform: Callable[[pa.Table], pa.Table] = lambda part: part
    ) -> bool:
        """`finish`, where all other parts have ended and `total` trials are stored; whether it did.

        Call nothing but `close` afterwards.
        """
        assert isinstance(self._lock, PartLock)
        if self._shard is not None:
            self._shard.sync()
        if not self._lock.become_exclusive():
            return False
        order = trial_order(shard_files(self.path))
        if total is None or len(order) < total or order.open.any():
            return False
        self.manifest = manifests.read(self.path / manifests.FILE)  # the other parts' sessions stand there
        self.finish(transform)
        return True

    def finish(self, transform: Callable[[pa.Table], pa.Table] = lambda part: part) -> None:
        """Write `trials.parquet`, its parts `transform`ed, and the counts into the manifest."""
        if self._shard is not None:
            self._shard.sync()
        files = shard_files(self.path)
        table_path = self.path / "trials.parquet"
        tables.write_trials(map(transform, tables.iter_tables(trial_order(files))), table_path)
        states = pq.read_table(table_path, columns=["state"])["state"]
        self.manifest["finished"] = manifests.completion_entry(
            states, shard_sizes(files), file_sha256(table_path)
        )
        write_manifest(self.path, self.manifest)

    def close(self) -> None:
        """Sync, and release the lock. The writer cannot be used afterwards."""
        if self._shard is not None:
            with contextlib.suppress(BadInput):
                self._shard.sync()
            self._shard.close()
        self._lock.close()

    def __enter__(self) -> RunWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _sizes(folder: Path) -> dict[str, int]:
    """Bytes by name; without temporary files, which another part may rename meanwhile."""
    names = [name for name in os.listdir(folder) if not name.startswith(".")]
    return {name: (folder / name).stat().st_size for name in names}


def _new_shard(path: Path) -> Appender:
    """The next free shard of a run folder; another part may take a number at the same time."""
    while True:
        number = max((int(shard.stem) for shard in shard_files(path)), default=0) + 1
        try:
            return Appender(path / "shards" / f"{number:06d}.jsonl")
        except BadInput as error:
            if not isinstance(error.__cause__, FileExistsError):
                raise


def _check_shards_complete(path: Path, finished: dict[str, Any] | None) -> None:
    """Raises `BadInput` if shards of a finished run are gone: a resumed run would lose their trials."""
    lost = [
        clause
        for clause in (damaged_shards(path, finished) if finished else ())
        if clause.endswith("missing") or "cut short" in clause
    ]
    if lost:
        raise BadInput(
            f"{path}: {lost[0]}, so the run can be read but not resumed; bring the file back, or restore "
            f"what is left: unswayed repair {path}"
        )
