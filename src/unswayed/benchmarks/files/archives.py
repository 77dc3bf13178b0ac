"""Files inside archives, read one at a time and never unpacked to disk.

A plain tar is read by offset. A gzipped tar has no offsets, so it is unpacked once into a nameless
temporary file. Names of members are hostile: they serve as keys and are never made into paths.
"""

from __future__ import annotations

import gzip
import os
import shutil
import tarfile
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from unswayed.errors import BadImage, BadInput

SUFFIXES = (".tar", ".tar.gz", ".tgz", ".zip")
MAX_MEMBER = 1 << 30
"""Bytes; a larger member is not read (a small archive can hold gigabytes of nothing)."""

Members = dict[str, Callable[[], bytes]]


def members(path: Path) -> Members:
    """What reads each file of the archive, by its name there. Raises `BadInput` if it is damaged."""
    try:
        return _zip(path) if path.name.lower().endswith(".zip") else _tar(path)
    except (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, EOFError, zlib.error) as problem:
        raise BadInput(f"{path} is not a whole archive ({problem}); fetch it again") from problem
    except OSError as problem:
        raise BadInput(f"cannot read {path}: {problem.strerror or problem}") from problem


class _Bytes:
    """An open file that is read by offset, from several threads, as long as someone holds it."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        if path.name.lower().endswith(".tar"):
            self.fd = os.open(path, os.O_RDONLY)
        else:
            with gzip.open(path) as packed, tempfile.TemporaryFile() as plain:
                shutil.copyfileobj(packed, plain, 1 << 20)
                plain.flush()
                self.fd = os.dup(plain.fileno())
        weakref.finalize(self, os.close, self.fd)
        self._before = self._stamp()

    def _stamp(self) -> tuple[int, int]:
        now = os.fstat(self.fd)
        return now.st_size, now.st_mtime_ns

    def part(self, start: int, size: int) -> bytes:
        if size > MAX_MEMBER:
            raise BadImage(f"{self.name}: a member of {size} bytes is too large to be read")
        if self._stamp() != self._before:
            raise BadImage(f"{self.name} was written to after it was read; start anew")
        return os.pread(self.fd, size, start)


def _tar(path: Path) -> Members:
    source = _Bytes(path)
    os.lseek(source.fd, 0, os.SEEK_SET)
    found: Members = {}
    with os.fdopen(os.dup(source.fd), "rb") as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
        for member in tar:
            if member.isreg() and not member.issparse():
                found[member.name] = _reader(source, member.offset_data, member.size)
            tar.members = []  # type: ignore[attr-defined]  # else tarfile keeps every header it has seen
    return found


def _reader(source: _Bytes, start: int, size: int) -> Callable[[], bytes]:
    return lambda: source.part(start, size)


def _zip(path: Path) -> Members:
    archive = zipfile.ZipFile(path)

    def reader(info: zipfile.ZipInfo) -> Callable[[], bytes]:
        def read() -> bytes:
            if info.file_size > MAX_MEMBER:
                raise BadImage(f"{path}: a member of {info.file_size} bytes is too large to be read")
            try:
                return archive.read(info)
            except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as problem:
                raise BadImage(f"{path}: a member cannot be unpacked ({problem})") from problem

        return read

    return {info.filename: reader(info) for info in archive.infolist() if not info.is_dir()}
