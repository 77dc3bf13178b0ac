"""Which processes hold the lock of a folder; asked of the kernel, so that looking disturbs nobody."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

_LOCKS = Path("/proc/locks")


@dataclass(frozen=True)
class Holder:
    """A process that writes to a folder."""

    pid: int
    alone: bool
    """False: it shares the folder with the writers of other parts."""


def lock_holders(folder: Path) -> tuple[Holder, ...] | None:
    """The processes of this machine that hold ``folder/.lock``, by id.

    None where the kernel does not tell.
    """
    try:
        stat = os.stat(folder / ".lock")
        lines = _LOCKS.read_text("ascii").splitlines()
    except OSError:
        return () if _LOCKS.exists() else None
    device = f"{os.major(stat.st_dev):02x}:{os.minor(stat.st_dev):02x}:{stat.st_ino}"
    holders = set()
    for line in lines:
        fields = line.replace("->", "").split()
        # 1: FLOCK ADVISORY WRITE 4711 fe:00:1234 0 EOF; the id is 0 or -1 in another process namespace
        if len(fields) < 6 or fields[1] != "FLOCK" or "->" in line:
            continue
        pid = int(fields[4])
        same = fields[5] == device or (fields[5].endswith(f":{stat.st_ino}") and _has_open(pid, stat))
        if same:
            holders.add(Holder(pid, fields[3] == "WRITE"))
    return tuple(sorted(holders, key=lambda holder: holder.pid))


def last_writer(folder: Path) -> int | None:
    """The id that the last process to write alone left in the lock; it may have ended."""
    try:
        return int((folder / ".lock").read_text("ascii")[:20])
    except (OSError, ValueError):
        return None


def _has_open(pid: int, stat: os.stat_result) -> bool:
    """Whether a process has the file open. Some file systems name another device in the list of locks."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                if os.path.samestat(entry.stat(), stat):
                    return True
    return False
