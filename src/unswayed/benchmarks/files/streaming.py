"""Large files of the hub, read remotely: the texts, and the images of the sampled rows.

A split is read so if it is larger than `LARGE`, not in the cache, and wanted in part (with a limit); anything
else is fetched whole, once, by `hub`. Of a parquet file its text columns and the row groups with sampled rows
are transferred; of a file that is a single row group, its images up to the last sampled row. Only the
sampled rows are stored.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from unswayed.benchmarks.files import download
from unswayed.benchmarks.files.access import DEFAULT
from unswayed.benchmarks.files.hub import (
    HubSource,
    cached_snapshot,
    endpoint,
    offline,
    one_line,
)
from unswayed.benchmarks.files.local import FileEntry, LocalFiles
from unswayed.benchmarks.files.remote import RemoteFile
from unswayed.errors import BadInput

LARGE = 1 << 30
"""Bytes of a split's files beyond which they are read remotely."""
BLOCK = 1 << 18
"""Bytes that are transferred ahead of those wanted."""


class HubFiles(LocalFiles):
    """Files that stay on the hub: rows can be read there, single images cannot."""

    def __init__(self, name: str, files: Mapping[str, RemoteFile], version: str) -> None:
        self.path = Path(name)
        self.root, self.single = self.path, None
        self.access = DEFAULT
        self.version = version
        """Changes with the files."""
        self._remote = files

    def match(self, *patterns: str) -> list[FileEntry]:
        """As `LocalFiles.match`."""
        for pattern in patterns:
            matches = sorted(name for name in self._remote if fnmatchcase(name, pattern))
            if matches:
                return [
                    FileEntry(name, _refuse_whole(self._remote[name]), remote=self._remote[name])
                    for name in matches
                ]
        return []

    @property
    def _loose(self) -> dict[str, FileEntry]:
        return {}


def open_streamed(source: HubSource, split: str) -> HubFiles | None:
    """The split's files on the hub; None where they should be fetched, or are in the cache already.

    Never raises: where the listing fails, `hub.snapshot` reports what is wrong.
    """
    if not source.streams or not source.revision or offline():
        return None
    try:
        from huggingface_hub import HfFileSystem

        hub = HfFileSystem(endpoint=endpoint())
        root = f"datasets/{source.repo}@{source.revision}"
        listing: Any = hub.find(root, detail=True)
    except Exception:  # no client, no network, no such data set
        return None
    patterns = source.patterns(split)
    sizes = {}
    for path, details in listing.items():
        name = path.removeprefix("datasets/").removeprefix(source.repo).partition("/")[2]
        if any(fnmatchcase(name, pattern) for pattern in patterns):
            sizes[name] = int(details["size"])
    if not sizes or sum(sizes.values()) <= LARGE or not all(name.endswith(".parquet") for name in sizes):
        return None
    folder = cached_snapshot(source, patterns, source.revision)
    if folder and all((folder / name).is_file() for name in sizes):
        return None
    files = {name: _remote_file(hub, f"{root}/{name}") for name in sorted(sizes)}
    identity = json.dumps([source.repo, source.revision, sorted(sizes.items())])
    version = hashlib.sha256(identity.encode()).hexdigest()
    return HubFiles(f"{source.repo}@{source.revision}", files, version)


def _remote_file(hub: Any, path: str) -> RemoteFile:
    def open_file() -> _OSErrorFile:
        try:
            return _OSErrorFile(hub.open(path, "rb", block_size=BLOCK, cache_type="readahead"))
        except Exception as problem:  # the client's own errors, and those of its transport
            raise OSError(one_line(problem)) from problem

    return RemoteFile(path, open_file, download.cache_dir().parent / "rows")


def _refuse_whole(file: RemoteFile) -> Callable[[], bytes]:
    def read() -> bytes:
        raise BadInput(f"{file} is read in pieces; fetch it and give it with --data")

    return read


class _OSErrorFile:
    """A file whose every failure is an `OSError` with a message of one line, as pyarrow expects."""

    def __init__(self, file: Any) -> None:
        self._file = file

    closed = property(lambda self: self._file.closed)

    def read(self, size: int = -1) -> bytes:
        try:
            return bytes(self._file.read(size))
        except Exception as problem:  # the network, and the client's own errors
            raise OSError(f"the hub broke off: {one_line(problem)}") from problem

    def seek(self, offset: int, whence: int = 0) -> int:
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self._file.close()
