"""Files inside archives, read one at a time and never unpacked into folders.

A plain tar is read by offset. A gzipped tar has no offsets, so it is unpacked once into a nameless temporary
file. Names of members are untrusted: they serve as keys and are never made into paths.
"""

from __future__ import annotations

import gzip
import os
import tarfile
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from unswayed.benchmarks.files.limits import MAX_MEMBER, MAX_MEMBERS, check_expansion, unpack_gzip
from unswayed.errors import BadImage, BadInput

SUFFIXES = (".tar", ".tar.gz", ".tgz", ".zip")

Members = dict[str, Callable[[], bytes]]
"""For each member's name a function that reads it."""


def members(path: Path) -> Members:
    """The readers of the archive's files. Raises `BadInput` if it is damaged or exceeds a limit."""
    try:
        return _zip(path) if path.name.lower().endswith(".zip") else _tar(path)
    except (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, EOFError, zlib.error) as problem:
        raise BadInput(f"{path} is not a whole archive ({problem}); fetch it again") from problem
    except OSError as problem:
        raise BadInput(f"cannot read {path}: {problem.strerror or problem}") from problem


class _OpenFile:
    """An open file that is read by offset, from several threads, until the last reader is gone."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        if path.name.lower().endswith(".tar"):
            self.fd = os.open(path, os.O_RDONLY)
        else:
            with path.open("rb") as packed, tempfile.TemporaryFile() as plain:
                for chunk in unpack_gzip(packed, path):
                    plain.write(chunk)
                plain.flush()
                self.fd = os.dup(plain.fileno())
        weakref.finalize(self, os.close, self.fd)
        self._before = self._stamp()

    def _stamp(self) -> tuple[int, int]:
        now = os.fstat(self.fd)
        return now.st_size, now.st_mtime_ns

    def read(self, start: int, size: int) -> bytes:
        if size > MAX_MEMBER:
            raise BadImage(f"{self.name}: a member of {size} bytes is too large to be read")
        if self._stamp() != self._before:
            raise BadImage(f"{self.name} was written to after it was read; start anew")
        return os.pread(self.fd, size, start)


def _tar(path: Path) -> Members:
    source = _OpenFile(path)
    os.lseek(source.fd, 0, os.SEEK_SET)
    readers: Members = {}
    with os.fdopen(os.dup(source.fd), "rb") as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
        for member in tar:
            if member.isreg() and not member.issparse():
                readers[member.name] = _member_reader(source, member.offset_data, member.size)
                _check_count(path, len(readers))
            tar.members = []  # type: ignore[attr-defined]  # else tarfile keeps every header it has seen
    return readers


def _member_reader(source: _OpenFile, start: int, size: int) -> Callable[[], bytes]:
    return lambda: source.read(start, size)


def _zip(path: Path) -> Members:
    archive = zipfile.ZipFile(path)

    def reader(info: zipfile.ZipInfo) -> Callable[[], bytes]:
        def read() -> bytes:
            if info.file_size > MAX_MEMBER:
                raise BadImage(f"{path}: a member of {info.file_size} bytes is too large to be read")
            check_expansion(f"{path}, member {info.filename[:100]!r},", info.compress_size, info.file_size)
            try:
                return archive.read(info)
            except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as problem:
                raise BadImage(f"{path}: a member cannot be unpacked ({problem})") from problem

        return read

    infos = [info for info in archive.infolist() if not info.is_dir()]
    _check_count(path, len(infos))
    return {info.filename: reader(info) for info in infos}


def _check_count(path: Path, count: int) -> None:
    if count > MAX_MEMBERS:
        raise BadInput(f"{path} holds more than {MAX_MEMBERS:,} files; split it into several archives")
