"""From stored lines to the trials table, a batch at a time.

The table depends only on what the trials hold: neither on the order in which they came in nor on
how often the run was interrupted.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from unswayed.store.atomic_files import sync_folder, told
from unswayed.store.shards import Order, Row
from unswayed.trial import SCHEMA

BATCH = 2048


def arrow(rows: list[dict[str, Any]]) -> pa.Table:
    """Rows as a table in `SCHEMA`. Lone surrogates, which no table can hold, become U+FFFD."""
    try:
        return pa.Table.from_pylist(rows, schema=SCHEMA)
    except UnicodeEncodeError:
        return pa.Table.from_pylist([{k: clean(v) for k, v in row.items()} for row in rows], schema=SCHEMA)


def clean(value: Any) -> Any:
    """`value` with every lone surrogate in its strings replaced by U+FFFD."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list | tuple):
        return [clean(v) for v in value]
    return value


def tables(order: Order) -> Iterator[pa.Table]:
    """The trials in their order, `BATCH` rows at a time."""
    for rows in order.rows(BATCH):
        yield arrow(rows)


def table(order: Order) -> pa.Table:
    """The trials in their order, in memory."""
    return pa.concat_tables([SCHEMA.empty_table(), *tables(order)])


def write(parts: Iterable[pa.Table], path: Path) -> None:
    """Write trials to a Parquet file that appears whole. Holds one part in memory."""
    write_tables(parts, SCHEMA, path)


def write_tables(parts: Iterable[pa.Table], schema: pa.Schema, path: Path) -> None:
    """The same for any schema."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with told(path):
        try:
            with pq.ParquetWriter(temporary, schema, compression="zstd") as out:
                for part in parts:
                    out.write_table(part)
            with open(temporary, "rb") as done:
                os.fsync(done.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


class Memory:
    """Where the trials of an audit without a run folder are kept: in table form, not as objects."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._at: list[tuple[int, int, int]] = []
        self._tables: list[pa.Table] = [SCHEMA.empty_table()]

    def stored(self, identity: str) -> str | None:
        """Nothing was here before."""
        return None

    def add(self, rows: list[Row]) -> None:
        self._rows += rows
        if len(self._rows) >= BATCH:
            self._pack()

    def picture(self, sha256: str, data: bytes) -> None:
        """Pictures are not kept."""

    def table(self) -> pa.Table:
        """All trials by question, condition and sample."""
        self._pack()
        whole = pa.concat_tables(self._tables)
        places = sorted(range(len(self._at)), key=self._at.__getitem__)
        return whole.take(pa.array(places, pa.int64()))

    def _pack(self) -> None:
        self._at += [row.at for row in self._rows]
        self._tables.append(arrow([vars(row.trial) for row in self._rows]))
        self._rows = []
