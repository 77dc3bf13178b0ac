"""From stored lines to the trials table, one batch at a time.

The table depends only on the content of the trials: neither on the order in which they came in nor on how
often the run was interrupted.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from unswayed.errors import BadInput
from unswayed.store.atomic_files import os_errors_as_bad_input, sync_folder
from unswayed.store.shards import PositionedTrial, TrialUpdate, trial_identity
from unswayed.store.trial_order import TrialOrder
from unswayed.trial import SCHEMA

BATCH = 2048


def rows_to_table(rows: list[dict[str, Any]]) -> pa.Table:
    """Rows as a table in `SCHEMA`. Lone surrogates, which no table can hold, become U+FFFD.

    Raises `BadInput` where a value is not of its column's type.
    """
    try:
        return pa.Table.from_pylist(rows, schema=SCHEMA)
    except (pa.ArrowException, TypeError, OverflowError) as error:
        raise BadInput(
            f"a stored trial has a value of another type ({error}); unswayed did not write this file: "
            "fetch it again"
        ) from error
    except UnicodeEncodeError:
        clean = [{name: replace_surrogates(value) for name, value in row.items()} for row in rows]
        return pa.Table.from_pylist(clean, schema=SCHEMA)


def replace_surrogates(value: Any) -> Any:
    """`value` with every lone surrogate in its strings replaced by U+FFFD."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list | tuple):
        return [replace_surrogates(item) for item in value]
    return value


def iter_tables(order: TrialOrder) -> Iterator[pa.Table]:
    """The trials in their order, `BATCH` rows at a time."""
    for rows in order.batches(BATCH):
        yield rows_to_table(rows)


def with_new_columns(trials: pa.Table) -> pa.Table:
    """A table of an earlier version with the columns that it lacks, all null."""
    for index, field in enumerate(SCHEMA):
        if field.name not in trials.column_names:
            trials = trials.add_column(index, field, pa.nulls(len(trials), field.type))
    return trials


def read_table(order: TrialOrder) -> pa.Table:
    """The trials in their order, in memory."""
    return pa.concat_tables([SCHEMA.empty_table(), *iter_tables(order)])


def write_trials(parts: Iterable[pa.Table], path: Path) -> None:
    """Write trials atomically to a Parquet file. Holds one part in memory."""
    write_tables(parts, SCHEMA, path)


def write_tables(parts: Iterable[pa.Table], schema: pa.Schema, path: Path) -> None:
    """Write tables of any schema atomically to one Parquet file."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with os_errors_as_bad_input(path):
        try:
            with pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
                for part in parts:
                    writer.write_table(part)
            with open(temporary, "rb") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


class MemoryStore:
    """Keeps the trials of an audit without a run folder, packed as tables."""

    def __init__(self) -> None:
        self._open: dict[str, PositionedTrial] = {}
        self._complete: list[PositionedTrial] = []
        self._positions: list[tuple[int, int, int]] = []
        self._tables: list[pa.Table] = [SCHEMA.empty_table()]

    def stored_key(self, identity: str) -> str | None:
        """None: there is no earlier process."""
        return None

    def open_trial(self, identity: str) -> dict[str, Any] | None:
        """None: there is no earlier process."""
        return None

    def add(self, trials: Iterable[PositionedTrial]) -> None:
        """Keep trials."""
        for row in trials:
            if row.open:
                self._open[trial_identity(row.trial)] = row
            else:
                self._complete.append(row)
        if len(self._complete) >= BATCH:
            self._pack()

    def update(self, updates: Iterable[TrialUpdate]) -> None:
        """Complete open trials."""
        for update in updates:
            row = self._open.pop(update.identity)
            self.add([PositionedTrial(row.position, replace(row.trial, **update.columns))])

    def keep_image(self, sha256: str, data: bytes) -> None:
        """Images are not kept."""

    def table(self) -> pa.Table:
        """All trials by question, condition and sample."""
        self._complete += self._open.values()
        self._open = {}
        self._pack()
        trials = pa.concat_tables(self._tables)
        order = sorted(range(len(self._positions)), key=self._positions.__getitem__)
        return trials.take(pa.array(order, pa.int64()))

    def _pack(self) -> None:
        self._positions += [row.position for row in self._complete]
        self._tables.append(rows_to_table([vars(row.trial) for row in self._complete]))
        self._complete = []
