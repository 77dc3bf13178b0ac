"""Restores a damaged run folder from what is left of its manifest, its shards and its table.

Nothing is deleted: trials that only the table holds are appended to a new shard, a missing manifest comes
from the first line of the newest shard. What is lost everywhere is asked again when the audit is resumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from unswayed.errors import BadInput
from unswayed.store import manifest as manifests
from unswayed.store import shards, tables
from unswayed.store.atomic_files import Appender, Lock
from unswayed.store.run_folder import (
    file_sha256,
    read_checked_table,
    shard_files,
    shard_sizes,
    write_manifest,
)
from unswayed.store.shards import PositionedTrial, UpdateHeader
from unswayed.store.trial_order import trial_order
from unswayed.trial import SCHEMA, Trial
from unswayed.trial_keys import identity


@dataclass(frozen=True)
class RepairResult:
    """What was restored."""

    trials: int
    """Trials that the run holds now."""
    recovered: int
    """Trials that only the table held, and that are in the shards again."""
    missing: int | None
    """Trials of a finished run that are lost; None: it was not finished, or nobody knows."""
    damaged_lines: int
    """Torn or damaged lines in the shards."""
    manifest_restored: bool


def repair(path: str | Path) -> RepairResult:
    """Restore the run in the folder `path`.

    Raises `BadInput` where the folder holds neither a manifest nor a shard that names one, or where another
    process writes to it.
    """
    path = Path(path)
    files = shard_files(path)
    if not files and not (path / manifests.FILE).exists():
        raise BadInput(f"{path} is not a run folder; give the folder of a run")
    lock = Lock(path)
    try:
        manifest, restored = _manifest(path, files)
        damaged_lines = sum(map(shards.count_invalid_lines, files))
        finished = manifest.pop("finished", None)
        table, _ = read_checked_table(path, finished or {"trials": -1})
        recovered = _append_missing(path, files, manifest, table) if table is not None else 0
        files = shard_files(path)
        order = trial_order(files)
        complete = finished is not None and len(order) >= finished["trials"] and not order.open.any()
        if complete:
            file = path / "trials.parquet"
            tables.write_trials(tables.iter_tables(order), file)
            states = tables.read_table(order)["state"]
            manifest["finished"] = manifests.completion_entry(states, shard_sizes(files), file_sha256(file))
        write_manifest(path, manifest)
        missing = None if finished is None else max(0, finished["trials"] - len(order))
        return RepairResult(len(order), recovered, missing, damaged_lines, restored)
    finally:
        lock.close()


def _manifest(path: Path, files: list[Path]) -> tuple[dict[str, Any], bool]:
    """The manifest, and whether it was restored from a shard."""
    try:
        return manifests.read(path / manifests.FILE), False
    except BadInput as error:
        for shard in reversed(files):
            manifest = shards.read_manifest(shard)
            if manifest is not None:
                return manifest, True
        raise BadInput(
            f"{error}. None of the run's shards holds a copy of its manifest (versions before 0.2 wrote none)"
        ) from error


def _append_missing(path: Path, files: list[Path], manifest: Mapping[str, Any], table: pa.Table) -> int:
    """Append the trials that only the table holds to a new shard; returns how many."""
    complete = _complete_trials(files)
    conditions = {name: index for index, name in enumerate(manifest["asks"].get("conditions", ()))}
    questions: dict[tuple[str, str], int] = {}
    missing = []
    for row in table.select(SCHEMA.names).to_pylist():
        number = questions.setdefault((row["benchmark"], row["uid"]), len(questions))
        name = identity(row["benchmark"], row["uid"], row["condition"], row["sample"])
        if name in complete or row["state"] == "error":
            continue
        position = (number, conditions.get(row["condition"], len(conditions)), row["sample"])
        missing.append(shards.encode(PositionedTrial(position, Trial(**row))))
    if missing:
        number = max((int(shard.stem) for shard in files), default=0) + 1
        (path / "shards").mkdir(exist_ok=True)
        shard = Appender(path / "shards" / f"{number:06d}.jsonl")
        try:
            shard.append(shards.encode_manifest(manifest) + b"".join(missing))
            shard.sync()
        finally:
            shard.close()
    return len(missing)


def _complete_trials(files: list[Path]) -> set[str]:
    """Identities of the trials in the shards, without errors and without those whose letters are missing."""
    complete: set[str] = set()
    open_lines: dict[str, str] = {}  # checksum of the trial's line by identity
    for shard in files:
        for header in shards.headers(shard):
            if isinstance(header, UpdateHeader):
                if open_lines.get(header.id) == header.of:
                    complete.add(header.id)
            elif header.open:
                open_lines[header.id] = header.checksum
            elif header.final:
                complete.add(header.id)
    return complete
