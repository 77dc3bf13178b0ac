"""Rows of parquet files with images in their cells: texts are read at once, images when needed.

Only the text columns are kept in memory. A column of images is read forward in batches of a few megabytes, so
that neither a file of 5 GB nor a single row group of that size enters memory.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from unswayed.benchmarks.files.limits import MAX_ROWS, MAX_TEXTS
from unswayed.benchmarks.files.remote import RemoteFile
from unswayed.errors import BadInput

BATCH = 4 << 20
"""Unpacked bytes of images that are read at once; at least one page of the file (writers put up to
1,024 rows into one)."""
IMAGE_COLUMNS = ("image", "images", "image_bytes", "bytes", "image_base64", "jpg", "png")
"""Names of columns that hold images even where their type is text (base64)."""


class ParquetTable:
    """One table in one or several files (shards, in the given order).

    Raises `BadInput` if a file cannot be read, the files have different columns, or there are too many rows.
    """

    def __init__(self, paths: Sequence[Path | RemoteFile]) -> None:
        self.path = paths[0]
        self.paths = tuple(paths)
        self.is_remote = not isinstance(paths[0], Path)
        """Whether it lies elsewhere: then only the cells that are asked for are read, and they are cached."""
        self._files = [_open_parquet(path) for path in paths]
        schemas = [file.schema_arrow for file in self._files]
        first_file: dict[tuple[str, ...], Path | RemoteFile] = {}
        for path, schema in zip(paths, schemas, strict=True):
            first_file.setdefault(tuple(schema.names), path)
        if len(first_file) > 1:
            listed = "; ".join(f"{path} ({', '.join(names)[:120]})" for names, path in first_file.items())
            raise BadInput(
                "these files have different columns: they are two data sets, or one in two forms; "
                f"give one of them, or its folder, with --data: {listed}"
            )
        self.columns: tuple[str, ...] = tuple(schemas[0].names)
        self.image_columns = tuple(
            field.name for field in schemas[0] if field.name in IMAGE_COLUMNS or _binary(field.type)
        )
        self._ends = list(accumulate(file.metadata.num_rows for file in self._files))
        if self._ends[-1] > MAX_ROWS:
            raise BadInput(f"{self.path} has {self._ends[-1]:,} rows; at most {MAX_ROWS:,} are read")
        texts = [name for name in self.columns if name not in self.image_columns]
        self.rows: list[dict[str, Any]] = []
        """The cells of all columns that hold no images."""
        size = 0
        for path, file in zip(paths, self._files, strict=True):
            try:
                if not texts:
                    self.rows += [{}] * file.metadata.num_rows
                    continue
                for batch in _text_batches(file, texts, self.is_remote):
                    size += batch.nbytes
                    if size > MAX_TEXTS:
                        raise BadInput(f"{path} has more than {MAX_TEXTS:,} bytes of text; split it")
                    self.rows += batch.to_pylist()
            except (pa.ArrowException, OSError) as problem:
                raise BadInput(
                    f"{path} is damaged, or cannot be reached ({problem}); fetch it again"
                ) from problem
        self._cursors: dict[str, _Cursor] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, column: object) -> bool:
        return column in self.columns

    def location(self, row: int) -> str:
        """A row for messages: its file, and its number there from 1."""
        file = bisect_right(self._ends, row)
        return f"{self.paths[file]} row {row - (self._ends[file - 1] if file else 0) + 1}"

    def line(self, row: int) -> int:
        """The row's number, from 1, over all files."""
        return row + 1

    def text(self, row: int, column: str) -> str:
        """A cell as text without outer blanks; "" where it is null, NaN, or there is no such column."""
        value = self.rows[row].get(column)
        if value is None or value != value:
            return ""
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # a number column with gaps comes as floating point
        return str(value).strip()

    def cell(self, row: int, column: str) -> Any:
        """A cell of any column, read now. Reading rows in ascending order costs one pass in all.

        Raises `BadInput` if the file is damaged there.
        """
        if column not in self.image_columns:
            return self.rows[row].get(column)
        file = bisect_right(self._ends, row)
        path, name = self.paths[file], f"{column}/{row - (self._ends[file - 1] if file else 0)}"
        with self._lock:
            if isinstance(path, RemoteFile) and (cached := path.cached(name)) is not None:
                return cached[0]
            cursor = self._cursors.setdefault(column, _Cursor(self._files, self._ends, column))
            try:
                value = cursor.read(row)
            except (pa.ArrowException, OSError) as problem:
                remedy = (
                    "try again, or give the file with --data" if self.is_remote else "fetch the file again"
                )
                raise BadInput(f"{self.location(row)} cannot be read ({problem}); {remedy}") from problem
            if isinstance(path, RemoteFile):
                path.cache_cell(name, value)
        return value

    def cells(self, column: str) -> Iterator[Any]:
        """All cells of a column, in one pass."""
        for row in range(len(self)):
            yield self.cell(row, column)


class _Cursor:
    """Reads one column forward, a batch at a time; going back restarts its row group."""

    def __init__(self, files: Sequence[Any], ends: Sequence[int], column: str) -> None:
        self._files = files
        self._column = column
        # (file, row group in it), over all files.
        self._groups = [(f, g) for f, file in enumerate(files) for g in range(file.num_row_groups)]
        sizes = [files[f].metadata.row_group(g).num_rows for f, g in self._groups]
        self._ends = list(accumulate(sizes))
        self._sizes = sizes
        self._group = -1
        self._start = 0
        self._batch: Any = ()
        self._batches: Iterator[Any] = iter(())

    def read(self, row: int) -> Any:
        group = bisect_right(self._ends, row)
        if group != self._group or row < self._start:
            self._open(group)
        while row >= self._start + len(self._batch):
            self._start += len(self._batch)
            self._batch = next(self._batches).column(0)
        return self._batch[row - self._start].as_py()

    def _open(self, group: int) -> None:
        file, number = self._groups[group]
        group_metadata = self._files[file].metadata.row_group(number)
        parts = (group_metadata.column(k) for k in range(group_metadata.num_columns))
        size = sum(
            part.total_uncompressed_size
            for part in parts
            if part.path_in_schema.split(".")[0] == self._column
        )
        rows = max(1, min(group_metadata.num_rows, BATCH * group_metadata.num_rows // max(size, 1)))
        self._batches = self._files[file].iter_batches(
            batch_size=rows, row_groups=[number], columns=[self._column], use_threads=False
        )
        self._group, self._batch = group, ()
        self._start = self._ends[group] - self._sizes[group]


def _open_parquet(path: Path | RemoteFile) -> Any:
    try:
        # Buffered and not ahead: else a whole column of a row group is read to get its first page.
        if isinstance(path, Path):
            return pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False)
        return pq.ParquetFile(path.open(), buffer_size=4 << 20, pre_buffer=False)  # every read is a request
    except (pa.ArrowException, OSError) as problem:
        raise BadInput(f"cannot read {path} as parquet: {problem}; fetch it again") from problem


def _text_batches(file: Any, columns: list[str], is_remote: bool) -> Iterator[Any]:
    """The text columns in batches: a small file can repeat a long text a million times.

    Of a remote file they come at once, because every batch would be a request.
    """
    if is_remote:
        yield file.read(columns=columns)
    else:
        yield from file.iter_batches(batch_size=256, columns=columns, use_threads=False)


def _binary(kind: Any) -> bool:
    """Whether a column holds bytes: alone, in a struct, or in a list."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _binary(kind.value_type)
    if pa.types.is_struct(kind):
        return any(_binary(kind.field(k).type) for k in range(kind.num_fields))
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
