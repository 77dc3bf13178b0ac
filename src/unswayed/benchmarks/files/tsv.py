"""Byte offsets of the cells of a tab-separated file: one pass over the file, then reads by offset.

A benchmark's images stand in its cells, half a gigabyte of them; so only offsets are kept and a cell is read
when it is wanted. `tsv_scan` defines what a cell is.
"""

from __future__ import annotations

import codecs
import gzip
import itertools
import re
import zlib
from array import array
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from unswayed.benchmarks.files.limits import MAX_COLUMNS, MAX_IMAGE_CELL, MAX_ROWS, MAX_TEXT
from unswayed.benchmarks.files.seekable_file import SeekableFile
from unswayed.benchmarks.files.tsv_scan import TooManyCells, UnclosedQuote, scan_records, unquote
from unswayed.errors import BadInput


class TsvTable:
    """A tab-separated file, plain or gzipped, in UTF-8 with or without a byte order mark.

    Cells are addressed by row (0-based, not counting the header) and column name. Raises `BadInput` if the
    file cannot be read, is not such a table, or exceeds a limit (see `limits`). Cells may be read from
    several threads. The file stays open as long as the table exists, so replacing the file does no harm;
    writing into it does, and is detected (see `changed`).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = SeekableFile(path, self._index)
        except (EOFError, gzip.BadGzipFile, zlib.error) as problem:
            raise BadInput(f"{path} is not a whole gzip file ({problem}); fetch it again") from problem
        except UnclosedQuote as problem:
            raise BadInput(
                f"{path} line {self._file.line_at(problem.args[0])}: a quoted cell begins here and never "
                "ends; close its quote, or fetch the file again if it was cut off"
            ) from problem
        except TooManyCells as problem:
            raise BadInput(
                f"{path} line {self._file.line_at(problem.args[0])}: has more than {MAX_COLUMNS:,} cells; "
                "give a table with fewer columns"
            ) from problem
        except OSError as problem:
            reason = problem.strerror or str(problem)
            raise BadInput(f"cannot read {path}: {reason}; give the path of a TSV file") from problem
        self.sha256 = self._file.sha256
        """Of the table's bytes, unpacked: the same for a file and its gzipped copy."""

    def _index(self, file: SeekableFile, chunks: Iterator[bytes]) -> None:
        self._file = file
        first = next(chunks, b"")
        if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise BadInput(f"{self.path} is in UTF-16; save it as UTF-8")
        skip = len(codecs.BOM_UTF8) if first.startswith(codecs.BOM_UTF8) else 0
        multiline: list[int] = []
        records = scan_records(itertools.chain([first[skip:]], chunks), skip, multiline)
        header = next(records, None)
        if header is None:
            raise BadInput(f"{self.path} is empty; a header and rows are needed")
        self.columns: tuple[str, ...] = tuple(self._text(start, end).strip() for start, end in _spans(header))
        repeated = [name for name, count in Counter(self.columns).items() if count > 1]
        if repeated:
            raise BadInput(f"{self.path}: two columns are called {repeated[0][:100]!r}; rename one")
        self._numbers = {name: k for k, name in enumerate(self.columns)}
        self._offsets = array("Q")
        self._width = len(header)
        multiline.clear()
        for record in records:
            if len(record) != self._width:
                raise BadInput(
                    f"{self.path} line {self._file.line_at(record[0])}: has {len(record) - 1} cells where "
                    f"the header has {self._width - 1}; quote cells that hold tabs or line ends, or fetch "
                    "the file again if it was cut off"
                )
            for cell in dict.fromkeys(multiline):
                self._check_merged(record, cell)
            multiline.clear()
            self._offsets.extend(record)
            if len(self._offsets) > MAX_ROWS * self._width:
                raise BadInput(f"{self.path} has more than {MAX_ROWS:,} rows; split it into several files")

    def _check_merged(self, record: list[int], cell: int) -> None:
        """Raise `BadInput` for a quoted cell that swallowed the rest of its row and the start of another.

        A quote that is opened and not closed ends at the next quote, rows later. If that stands in the same
        column, the merged rows have the right number of cells. Between the quotes every line end then
        separates two rows with the header's number of tabs.
        """
        start = record[cell] + 1 if cell else record[0]
        if record[cell + 1] - start > MAX_IMAGE_CELL:
            return  # refused when it is read
        lines = re.split(rb"\r\n|\r|\n", self._file.bytes(start, record[cell + 1]))
        tabs = [line.count(b"\t") for line in lines]
        tabs_in_row = self._width - 2
        tabs[0] += cell
        tabs[-1] += tabs_in_row - cell
        if tabs_in_row and all(count == tabs_in_row for count in tabs):
            raise BadInput(
                f"{self.path} line {self._file.line_at(start)}: the quote that begins the cell "
                f"{self.columns[cell][:100]!r} closes {len(lines) - 1} lines later and merges "
                f"{len(lines)} rows into one; double the quote and put the cell into quotes, or remove it"
            )

    def __len__(self) -> int:
        """The number of rows, without the header."""
        return len(self._offsets) // self._width

    def __contains__(self, column: object) -> bool:
        return column in self._numbers

    def _span(self, row: int, column: str) -> tuple[int, int]:
        i = self._numbers[column]
        before, end = self._offsets[row * self._width + i : row * self._width + i + 2]
        return (before + 1 if i else before), end

    def size(self, row: int, column: str) -> int:
        """Bytes of a cell in the file, with its quotes; reads nothing."""
        start, end = self._span(row, column)
        return end - start

    def head(self, row: int, column: str, n: int) -> bytes:
        """The first `n` bytes of a cell as they stand in the file."""
        start, end = self._span(row, column)
        return self._file.bytes(start, min(end, start + n))

    def data(self, row: int, column: str) -> bytes:
        """The content of an image cell. Raises `BadInput` if it exceeds `MAX_IMAGE_CELL`."""
        start, end = self._span(row, column)
        self._check_size(start, end, MAX_IMAGE_CELL)
        return unquote(self._file.bytes(start, end))

    def text(self, row: int, column: str) -> str:
        """The content of a text cell, without outer blanks and with LF line ends; "" if there is no such
        column.

        Raises `BadInput` if it exceeds `MAX_TEXT`.
        """
        if column not in self._numbers:
            return ""
        return self._text(*self._span(row, column)).strip()

    def location(self, row: int) -> str:
        """A row for messages, e.g. ``dev.tsv line 12``, counting lines from 1 with the header."""
        return f"{self.path} line {self.line(row)}"

    def changed(self) -> bool:
        """Whether the file was written to since it was indexed, which makes the offsets useless."""
        return self._file.changed()

    def line(self, row: int) -> int:
        """The line, from 1 and counting the header, on which a row begins."""
        return self._file.line_at(self._offsets[row * self._width])

    def _check_size(self, start: int, end: int, limit: int) -> None:
        if end - start > limit:
            raise BadInput(
                f"{self.path} line {self._file.line_at(start)}: a cell has {end - start:,} bytes; at most "
                f"{limit:,} are read"
            )

    def _text(self, start: int, end: int) -> str:
        self._check_size(start, end, MAX_TEXT)
        try:
            text = unquote(self._file.bytes(start, end)).decode()
        except UnicodeDecodeError as problem:
            raise BadInput(
                f"{self.path} line {self._file.line_at(start)}: a cell is not UTF-8 text; save the file as "
                "UTF-8"
            ) from problem
        return text.replace("\r\n", "\n").replace("\r", "\n")


def _spans(record: list[int]) -> Iterator[tuple[int, int]]:
    start = record[0]
    for end in record[1:]:
        yield start, end
        start = end + 1
