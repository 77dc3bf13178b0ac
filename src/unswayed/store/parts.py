"""One run asked by several processes: each asks its part of the questions and writes its own shards.

Every writer holds a shared lock on the folder and an exclusive one on its part; the shards are merged by the
identity of their trials, as those of one process after the other are. A process that writes alone (an audit
without a part, a judge, a repair) needs the folder's exclusive lock, so it waits until no part is written.
The locks are `flock`: also on network file systems that implement it (NFS since Linux 2.6.12; check yours).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from unswayed.errors import BadInput
from unswayed.store.atomic_files import os_errors_as_bad_input

_PATIENCE = 1.0  # seconds; a part that ends looks for a moment, alone, whether it was the last


@dataclass(frozen=True)
class Part:
    """The `index`-th (from 1) of `count` parts: every `count`-th question."""

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count <= 10_000:
            raise BadInput(f"part {self} is none; give one from 1/N to N/N, such as 2/8 (N: at most 10,000)")

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> Part:
        """The part in a text such as ``2/8``. Raises `BadInput`."""
        match = re.fullmatch(r"(\d{1,5})/(\d{1,5})", text.strip())
        if match is None:
            raise BadInput(f"part {text!r} is none; give one from 1/N to N/N, such as 2/8")
        return cls(int(match[1]), int(match[2]))

    def owns(self, number: int) -> bool:
        """Whether the question with this 0-based number is asked by this part."""
        return number % self.count == self.index - 1

    def size(self, questions: int) -> int:
        """How many of so many questions this part asks."""
        return len(range(self.index - 1, questions, self.count))


class PartLock:
    """The folder's lock, shared with other parts, and the lock of one part."""

    def __init__(self, folder: Path, part: Part) -> None:
        """Raises `BadInput` where the folder is written by one process alone, or the part by another."""
        self._fds: list[int] = []
        try:
            self._folder_fd = self._lock(
                folder / ".lock",
                fcntl.LOCK_SH,
                f"run folder {folder} is being written by another process alone",
            )
            name = f".lock.part-{part.index}-of-{part.count}"
            self._lock(
                folder / name, fcntl.LOCK_EX, f"part {part} of {folder} is being written by another process"
            )
        except BaseException:
            self.close()
            raise

    def _lock(self, path: Path, kind: int, problem: str) -> int:
        with os_errors_as_bad_input(path):
            fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        self._fds.append(fd)
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(fd, kind | fcntl.LOCK_NB)
                return fd
            except OSError as error:
                if time.monotonic() > until:
                    raise BadInput(f"{problem}; wait for it or choose another") from error
            time.sleep(0.05)

    def become_exclusive(self) -> bool:
        """Give up the shared lock for the exclusive one; False where another part is still written.

        Of several parts that end, the last to give up its shared lock can get the exclusive one.
        """
        try:
            fcntl.flock(self._folder_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            fcntl.flock(self._folder_fd, fcntl.LOCK_UN)
            return False
        return True

    def close(self) -> None:
        while self._fds:
            os.close(self._fds.pop())


@contextlib.contextmanager
def manifest_lock(folder: Path) -> Iterator[None]:
    """One process at a time reads and replaces the manifest; the others wait."""
    path = folder / ".lock.manifest"
    with os_errors_as_bad_input(path):
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
