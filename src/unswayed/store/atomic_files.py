"""Atomic writes, append-only files and a lock. Every `OSError` becomes a `BadInput` with path and remedy."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from unswayed.errors import BadInput

_REMEDY = {
    errno.ENOSPC: "free some space, then run the same command again to resume",
    errno.EDQUOT: "free some space, then run the same command again to resume",
    errno.EROFS: "choose a folder that can be written to",
    errno.EACCES: "choose a folder that can be written to",
    errno.EPERM: "choose a folder that can be written to",
    errno.ENOTDIR: "choose a folder; a part of this path is a file",
    errno.EEXIST: "choose a folder; this path is a file",
}


@contextlib.contextmanager
def os_errors_as_bad_input(path: Path) -> Iterator[None]:
    """Turn an `OSError` on `path` into a `BadInput` with the remedy."""
    try:
        yield
    except OSError as error:
        remedy = _REMEDY.get(error.errno or 0, "what was stored before is intact")
        raise BadInput(f"cannot write {path}: {error.strerror or error}; {remedy}") from error


def write_atomic(path: Path, data: bytes, *, sync: bool = True) -> None:
    """Replace `path` by `data` atomically: a reader sees the old file or the new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with os_errors_as_bad_input(path):
        try:
            with open(temporary, "wb") as file:
                file.write(data)
                if sync:
                    file.flush()
                    os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        if sync:
            sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` survive a power cut."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class Appender:
    """An append-only file. Always a new file, so that a torn end is never continued."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        with os_errors_as_bad_input(path):
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)

    def append(self, block: bytes) -> None:
        """Write `block` whole; on failure the file is truncated to its size before."""
        with os_errors_as_bad_input(self.path):
            try:
                unwritten = memoryview(block)
                while unwritten:
                    unwritten = unwritten[os.write(self._fd, unwritten) :]
            except OSError:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._fd, self.size)
                raise
        self.size += len(block)

    def sync(self) -> None:
        with os_errors_as_bad_input(self.path):
            os.fsync(self._fd)

    def close(self) -> None:
        os.close(self._fd)


class Lock:
    """Exclusive lock on a run folder; the operating system releases it when the process dies."""

    def __init__(self, folder: Path) -> None:
        path = folder / ".lock"
        with os_errors_as_bad_input(path):
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._fd, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            raise BadInput(
                f"run folder {folder} is being written by another process (id {holder}); "
                "wait for it or choose another folder"
            ) from error
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, str(os.getpid()).encode(), 0)

    def close(self) -> None:
        os.close(self._fd)
