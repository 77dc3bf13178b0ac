"""A file that is read once from its start, then by byte offset; a gzipped one is unpacked on the way."""

from __future__ import annotations

import hashlib
import os
import tempfile
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from unswayed.benchmarks.files.limits import unpack_gzip

CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"


class SeekableFile:
    """The bytes of a file, plain or gzipped, from the first to the last and then by offset.

    The file stays open as long as the object exists, so replacing the file does no harm; writing into it
    does, and is detected (see `changed`). Bytes may be read from several threads.
    """

    def __init__(self, path: Path, read: Callable[[SeekableFile, Iterator[bytes]], None]) -> None:
        """Open `path` and call `read` with this object and the unpacked bytes in pieces of `CHUNK`.

        Raises `OSError`, and what gzip raises for a file that is not whole.
        """
        self.path = path
        self._line_mark = (0, 1)
        digest = hashlib.sha256()
        with path.open("rb") as source:
            self._fd, chunks = _unpacked(source, path)
            weakref.finalize(self, os.close, self._fd)
            read(self, _tee(chunks, digest.update))
            self._before = self._stamp()
        self.sha256 = digest.hexdigest()
        """Of the unpacked bytes: the same for a file and its gzipped copy."""

    def bytes(self, start: int, end: int) -> bytes:
        """The bytes from `start` up to `end`."""
        return os.pread(self._fd, end - start, start)

    def changed(self) -> bool:
        """Whether the file was written to since it was read, which makes offsets useless."""
        return self._stamp() != self._before

    def line_at(self, offset: int) -> int:
        """The line, from 1, of a byte. Calls with ascending offsets read the file once."""
        at, line = self._line_mark if self._line_mark[0] <= offset else (0, 1)
        last = b""
        for start in range(at, offset, CHUNK):
            chunk = self.bytes(start, min(start + CHUNK, offset))
            line += chunk.count(b"\n") + chunk.count(b"\r") - chunk.count(b"\r\n")
            line -= last == b"\r" and chunk.startswith(b"\n")
            last = chunk[-1:]
        self._line_mark = (offset, line)
        return line

    def _stamp(self) -> tuple[int, int]:
        now = os.fstat(self._fd)
        return now.st_size, now.st_mtime_ns


def _unpacked(source: BinaryIO, path: Path) -> tuple[int, Iterator[bytes]]:
    """A descriptor (the caller closes it) of the unpacked bytes, and the bytes in pieces.

    A gzipped file is unpacked into a nameless temporary file while the pieces are taken.
    """
    packed = source.read(len(_GZIP)) == _GZIP
    source.seek(0)
    if not packed:
        return os.dup(source.fileno()), iter(lambda: source.read(CHUNK), b"")
    with tempfile.TemporaryFile() as unpacked:
        fd = os.dup(unpacked.fileno())
    return fd, _tee(unpack_gzip(source, path), lambda chunk: _write_all(fd, chunk))


def _write_all(fd: int, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(fd, rest) :]


def _tee(chunks: Iterator[bytes], consume: Callable[[bytes], object]) -> Iterator[bytes]:
    for chunk in chunks:
        consume(chunk)
        yield chunk
