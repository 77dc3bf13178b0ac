"""Reading a run folder, and changing what stands beside its trials.

::

    manifest.json     what is asked, of which model, with which exact strings; counts once finished
    shards/*.jsonl    every trial as it came in, one file per process
    trials.parquet    the same trials as a table, once finished
    verdicts/         the judges' verdicts on the thoughts (see `verdicts`)
    images/<sha256>   images that were sent, up to a budget

A process killed at any instant leaves whole lines and at most one torn line. A stored trial is never
asked again and never stands twice in the table.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from unswayed.errors import BadInput
from unswayed.store import manifest as manifests
from unswayed.store import tables
from unswayed.store.atomic_files import Lock, write_atomic
from unswayed.store.trial_order import trial_order


def load(path: str | Path) -> tuple[pa.Table, dict[str, Any]]:
    """Trials and manifest of a run folder, finished or not. Raises `BadInput` if it is none."""
    path = Path(path)
    manifest = manifests.read(path / manifests.FILE)
    files = shard_files(path)
    finished = manifest.get("finished")
    # The table is trusted only if no shard grew since. A published run may come without shards.
    if finished and (not files or finished["shards"] == shard_sizes(files)):
        table_path = path / "trials.parquet"
        try:
            return tables.with_new_columns(pq.read_table(table_path)), manifest
        except (OSError, pa.ArrowInvalid) as error:
            if not files:
                raise BadInput(
                    f"{table_path}: cannot be read ({error}); fetch the run's folder again"
                ) from error
    return tables.read_table(trial_order(files)), manifest


class RunEditor:
    """A run folder locked for changes beside its trials; no audit can write to it meanwhile."""

    def __init__(self, path: str | Path) -> None:
        """Raises `BadInput` if `path` is no run folder, or another process writes to it."""
        self.path = Path(path)
        manifests.read(self.path / manifests.FILE)  # before a lock file is put into a foreign folder
        self._lock = Lock(self.path)
        try:
            self.trials, self.manifest = load(self.path)
        except BaseException:
            self._lock.close()
            raise

    def save(self, trials: pa.Table) -> None:
        """Write the manifest, and `trials` as the new `trials.parquet` where the run has a table."""
        # The manifest first: readers compute the judge's columns from what it says.
        write_manifest(self.path, self.manifest)
        if "finished" in self.manifest:
            tables.write_trials([trials], self.path / "trials.parquet")

    def __enter__(self) -> RunEditor:
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.close()


def write_manifest(path: Path, manifest: dict[str, Any]) -> None:
    """Replace the manifest of the run folder `path`."""
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    write_atomic(path / manifests.FILE, text.encode("utf-8", "backslashreplace"))


def shard_files(path: Path) -> list[Path]:
    """The shards of a run folder, in the order in which they were begun."""
    return sorted((path / "shards").glob("[0-9]*.jsonl"))


def shard_sizes(files: list[Path]) -> dict[str, int]:
    """Size in bytes by file name."""
    return {file.name: file.stat().st_size for file in files}
