"""Where each cell of a tab-separated file lies: one pass over the bytes, then reads by offset.

A benchmark's pictures stand in its cells, half a gigabyte of them; so only offsets are kept and a
cell is read when it is wanted. What counts as a cell is what Python's `csv` module would say
(dialect `excel-tab`): cells may be quoted, quoted cells may hold tabs, line ends and doubled quotes.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import itertools
import os
import re
import tempfile
import weakref
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from unswayed.errors import BadInput

CHUNK = 1 << 20
GZIP = b"\x1f\x8b"
_QUOTED = re.compile(rb'"([^"]*(?:""[^"]*)*)"?(.*)', re.DOTALL)
_TAB, _QUOTE = b'\t"'


class Unclosed(ValueError):
    """A quote is opened and never closed; `args[0]` is its offset."""


def scan(chunks: Iterable[bytes], at: int = 0) -> Iterator[list[int]]:
    """The records of a tab-separated file that comes in pieces; `at` is the first piece's offset.

    Yields for each record ``[start, end of cell 0, end of cell 1, …]``, offsets in bytes: cell 0 is
    ``[start, end 0)``, cell i is ``[end i-1 + 1, end i)``. Blank lines are no records. Raises
    `Unclosed`.
    """
    record = [at]
    fresh, quoted, closed = True, False, False
    opened = at
    for chunk in chunks:
        i = 0
        ahead = [-1, -1, -1]
        while i < len(chunk):
            if quoted:
                i = chunk.find(b'"', i) + 1
                if not i:
                    break
                quoted, closed = False, True
            elif closed and chunk[i] == _QUOTE:  # a doubled quote: the cell goes on
                i += 1
                quoted, closed = True, False
            elif fresh and chunk[i] == _QUOTE:
                opened = at + i
                i += 1
                fresh, quoted = False, True
            else:
                fresh = closed = False
                end = _end(chunk, i, ahead)
                if end == len(chunk):
                    break
                record.append(at + end)
                i = end + 1
                fresh = True
                if chunk[i - 1] != _TAB:
                    if record[-1] > record[0]:  # else a blank line, or what is between CR and LF
                        yield record
                    record = [at + i]
        at += len(chunk)
    if quoted:
        raise Unclosed(opened)
    if at > record[0]:
        yield [*record, at]


def _end(chunk: bytes, i: int, ahead: list[int]) -> int:
    """Where the unquoted text at `i` ends: the next tab, CR or LF, or the chunk's end.

    `ahead` remembers the next of each, so that no byte is looked at more than three times. (A regular
    expression says the same in a line and takes ten times as long.)
    """
    for k, byte in enumerate((b"\t", b"\r", b"\n")):
        if ahead[k] < i:
            found = chunk.find(byte, i)
            ahead[k] = len(chunk) if found < 0 else found
    return min(ahead)


def unquoted(raw: bytes) -> bytes:
    """What the cell `raw`, as it stands in the file, says."""
    if not raw.startswith(b'"'):
        return raw
    found = _QUOTED.fullmatch(raw)
    assert found is not None, "every text that begins with a quote matches"
    return found[1].replace(b'""', b'"') + found[2]


class Table:
    """A tab-separated file, plain or gzipped, in UTF-8 with or without a byte order mark.

    Cells are addressed by row (0-based, not counting the header) and column name. Raises `BadInput`
    if the file cannot be read or is not such a table. Cells may be read from several threads. The
    file stays open as long as the table lives, so replacing it does no harm; writing into it does,
    and is noticed (see `changed`).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mark = (0, 1)
        digest = hashlib.sha256()
        try:
            with path.open("rb") as source:
                self._fd, chunks = _plain_bytes(source)
                weakref.finalize(self, os.close, self._fd)
                self._index(_watched(chunks, digest.update))
                self._before = self._stamp()
        except (EOFError, gzip.BadGzipFile, zlib.error) as problem:
            raise BadInput(f"{path} is not a whole gzip file ({problem}); fetch it again") from problem
        except Unclosed as problem:
            raise BadInput(
                f"{path} line {self.line_at(problem.args[0])}: a quoted cell begins here and never ends; "
                "close its quote, or fetch the file again if it was cut off"
            ) from problem
        except OSError as problem:
            reason = problem.strerror or str(problem)
            raise BadInput(f"cannot read {path}: {reason}; give the path of a TSV file") from problem
        self.sha256 = digest.hexdigest()
        """Of the table's bytes, unpacked: the same for a file and its gzipped copy."""

    def _index(self, chunks: Iterator[bytes]) -> None:
        first = next(chunks, b"")
        if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise BadInput(f"{self.path} is in UTF-16; save it as UTF-8")
        skip = len(codecs.BOM_UTF8) if first.startswith(codecs.BOM_UTF8) else 0
        records = scan(itertools.chain([first[skip:]], chunks), skip)
        header = next(records, None)
        if header is None:
            raise BadInput(f"{self.path} is empty; a header and rows are needed")
        self.columns: tuple[str, ...] = tuple(self._text(start, end).strip() for start, end in _spans(header))
        for name in self.columns:
            if self.columns.count(name) > 1:
                raise BadInput(f"{self.path}: two columns are called {name!r}; rename one")
        self._places = array("Q")
        self._width = len(header)
        for record in records:
            if len(record) != self._width:
                raise BadInput(
                    f"{self.path} line {self.line_at(record[0])}: has {len(record) - 1} cells where the "
                    f"header has {self._width - 1}; quote cells that hold tabs or line ends, or fetch the "
                    "file again if it was cut off"
                )
            self._places.extend(record)

    def __len__(self) -> int:
        """How many rows there are, the header not counted."""
        return len(self._places) // self._width

    def __contains__(self, column: object) -> bool:
        return column in self.columns

    def _span(self, row: int, column: str) -> tuple[int, int]:
        i = self.columns.index(column)
        before, end = self._places[row * self._width + i : row * self._width + i + 2]
        return (before + 1 if i else before), end

    def size(self, row: int, column: str) -> int:
        """Bytes that a cell takes in the file, quotes included; costs no reading."""
        start, end = self._span(row, column)
        return end - start

    def head(self, row: int, column: str, n: int) -> bytes:
        """The first `n` bytes of a cell as they stand in the file."""
        start, end = self._span(row, column)
        return self._bytes(start, min(end, start + n))

    def data(self, row: int, column: str) -> bytes:
        """What a cell says, as bytes."""
        return unquoted(self._bytes(*self._span(row, column)))

    def text(self, row: int, column: str) -> str:
        """What a cell says, without outer blanks and with LF line ends; "" where there is no such column."""
        if column not in self.columns:
            return ""
        return self._text(*self._span(row, column)).strip()

    def where(self, row: int) -> str:
        """A row's place in words, e.g. ``dev.tsv line 12``, counting lines from 1 with the header."""
        return f"{self.path} line {self.line(row)}"

    def changed(self) -> bool:
        """Whether the file was written to since it was indexed, so that offsets mean nothing any more."""
        return self._stamp() != self._before

    def line(self, row: int) -> int:
        """The line, from 1 and counting the header, on which a row begins."""
        return self.line_at(self._places[row * self._width])

    def line_at(self, offset: int) -> int:
        """The line, from 1, on which a byte lies. Asked in ascending order it reads the file once."""
        at, line = self._mark if self._mark[0] <= offset else (0, 1)
        last = b""
        for start in range(at, offset, CHUNK):
            chunk = self._bytes(start, min(start + CHUNK, offset))
            line += chunk.count(b"\n") + chunk.count(b"\r") - chunk.count(b"\r\n")
            line -= last == b"\r" and chunk.startswith(b"\n")
            last = chunk[-1:]
        self._mark = (offset, line)
        return line

    def _stamp(self) -> tuple[int, int]:
        now = os.fstat(self._fd)
        return now.st_size, now.st_mtime_ns

    def _bytes(self, start: int, end: int) -> bytes:
        return os.pread(self._fd, end - start, start)

    def _text(self, start: int, end: int) -> str:
        try:
            text = unquoted(self._bytes(start, end)).decode()
        except UnicodeDecodeError as problem:
            raise BadInput(
                f"{self.path} line {self.line_at(start)}: a cell is not UTF-8 text; save the file as UTF-8"
            ) from problem
        return text.replace("\r\n", "\n").replace("\r", "\n")


def _spans(record: list[int]) -> Iterator[tuple[int, int]]:
    start = record[0]
    for end in record[1:]:
        yield start, end
        start = end + 1


def _plain_bytes(source: BinaryIO) -> tuple[int, Iterator[bytes]]:
    """A descriptor (the caller's to close) of the unpacked bytes, and the bytes in pieces.

    A gzipped file is unpacked into a nameless temporary file while the pieces are taken.
    """
    packed = source.read(len(GZIP)) == GZIP
    source.seek(0)
    if not packed:
        return os.dup(source.fileno()), iter(lambda: source.read(CHUNK), b"")
    with tempfile.TemporaryFile() as unpacked:
        fd = os.dup(unpacked.fileno())
    return fd, _unpack(source, fd)


def _unpack(source: BinaryIO, fd: int) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=source) as stream:
        while chunk := stream.read(CHUNK):
            rest = memoryview(chunk)
            while rest:
                rest = rest[os.write(fd, rest) :]
            yield chunk


def _watched(chunks: Iterator[bytes], see: Callable[[bytes], object]) -> Iterator[bytes]:
    for chunk in chunks:
        see(chunk)
        yield chunk
