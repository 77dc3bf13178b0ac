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

import hashlib
import json
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from unswayed.errors import BadInput
from unswayed.store import manifest as manifests
from unswayed.store import tables
from unswayed.store.atomic_files import Lock, write_atomic
from unswayed.store.trial_order import trial_order
from unswayed.trial import SCHEMA


def load(path: str | Path) -> tuple[pa.Table, dict[str, Any]]:
    """Trials and manifest of a run folder, finished or not.

    The table and the shards of a finished run are compared with the counts and checksums in its manifest.
    Where they differ, the source with more trials is used, with a warning. Raises `BadInput` where the
    folder is no run folder, or holds no readable trials although its manifest counts some.
    """
    path = Path(path)
    manifest = manifests.read(path / manifests.FILE)
    finished = manifest.get("finished")
    if not finished:
        return tables.read_table(trial_order(shard_files(path))), manifest
    table, problem = read_checked_table(path, finished)
    damaged = damaged_shards(path, finished)
    if table is not None and not problem and (not damaged or not shard_files(path)):
        return table, manifest  # a published run may come without its shards
    trials = tables.read_table(trial_order(shard_files(path)))
    source = "the shards hold"
    if table is not None and len(table) >= len(trials):
        trials, source = table, "trials.parquet holds"
    if not len(trials) and finished["trials"]:
        raise BadInput(
            f"{path}: {'; '.join(filter(None, (problem, *damaged)))}, so none of its {finished['trials']:,} "
            "trials can be read; fetch the run folder again"
        )
    warnings.warn(
        f"{path} is damaged: {'; '.join(filter(None, (problem, *damaged)))}; {source} {len(trials):,} of "
        f"{finished['trials']:,} trials. To restore what is left: unswayed repair {path}",
        stacklevel=2,
    )
    return trials, manifest


def read_checked_table(path: Path, finished: Mapping[str, Any]) -> tuple[pa.Table | None, str]:
    """The table of a finished run, None where it cannot be read; and its problem, empty where it has none."""
    file = path / "trials.parquet"
    try:
        # A buffer of Arrow's own, no `bytes`: a thread of the scanner may release it after Python has ended,
        # and to release a Python object then aborts the process (seen: exit code 134 instead of 2).
        with pa.OSFile(str(file)) as opened:
            data = opened.read_buffer()
        table = tables.with_new_columns(pq.read_table(pa.BufferReader(data)))
    except FileNotFoundError:
        return None, "trials.parquet is missing"
    except (OSError, pa.ArrowException) as error:
        return None, f"trials.parquet cannot be read ({error})"
    if not set(SCHEMA.names) <= set(table.column_names):
        return None, "trials.parquet is no table of trials"
    if len(table) != finished["trials"]:
        return (
            table,
            f"trials.parquet holds {len(table):,} trials, the manifest counts {finished['trials']:,}",
        )
    if finished.get("table_sha256") not in (None, hashlib.sha256(data).hexdigest()):
        return table, "trials.parquet is not the one that the manifest describes"
    return table, ""


def damaged_shards(path: Path, finished: Mapping[str, Any]) -> list[str]:
    """What differs between the shards and the sizes in the manifest of a finished run, a clause each."""
    sizes, recorded = shard_sizes(shard_files(path)), finished["shards"]
    clauses = []
    for name in sorted({*sizes, *recorded}):
        if name not in sizes:
            clauses.append(f"shards/{name} is missing")
        elif name not in recorded:
            clauses.append(f"shards/{name} is not in the manifest")
        elif sizes[name] < recorded[name]:
            clauses.append(f"shards/{name} is cut short ({sizes[name]:,} of {recorded[name]:,} bytes)")
        elif sizes[name] > recorded[name]:
            clauses.append(f"shards/{name} has grown")
    return clauses


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
        # The manifest first: readers compute the judge's columns from what it says. Without the hash, for
        # this process may be killed before the table is there.
        self.manifest.get("finished", {}).pop("table_sha256", None)
        write_manifest(self.path, self.manifest)
        if "finished" in self.manifest:
            tables.write_trials([trials], self.path / "trials.parquet")
            self.manifest["finished"]["table_sha256"] = file_sha256(self.path / "trials.parquet")
            write_manifest(self.path, self.manifest)

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


def file_sha256(path: Path) -> str:
    """Of a file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def stored_image(folder: Path, sha256: str) -> bytes | None:
    """An image that the run stored; None where it exceeded the run's size budget."""
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        return None
    try:
        return (folder / "images" / sha256).read_bytes()
    except OSError:
        return None
