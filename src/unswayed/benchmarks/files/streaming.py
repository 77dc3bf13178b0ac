"""Large files of the hub, read where they lie: the texts, and the pictures of the rows that were drawn.

Only what is larger than `LARGE`, not in the cache, and wanted in part (with a limit) is read so; anything
else is fetched whole, once, by `hub`. Of a parquet file its texts and the row groups with drawn rows are
transferred; of one that is a single row group, its pictures up to the last row drawn. Nothing but what
was drawn is stored.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from unswayed.benchmarks.files import download
from unswayed.benchmarks.files.hub import (
    Hub,
    cached,
    endpoint,
    line,
    offline,
)
from unswayed.benchmarks.files.local import Entry, Place
from unswayed.benchmarks.files.remote import Far
from unswayed.errors import BadInput

LARGE = 1 << 30
"""Bytes of a split's files beyond which they are read where they lie."""
BLOCK = 1 << 18
"""Bytes that are transferred beyond those wanted, for the next reading."""


class Remote(Place):
    """A place whose files are far: rows can be read there, loose pictures cannot."""

    def __init__(self, name: str, files: Mapping[str, Far], version: str) -> None:
        self.path = Path(name)
        self.root, self.only = self.path, None
        self.version = version
        """Changes with the files."""
        self._far = files

    def files(self, *patterns: str) -> list[Entry]:
        """As `Place.files`."""
        for pattern in patterns:
            found = [name for name in self._far if fnmatchcase(name, pattern)]
            if found:
                return [Entry(name, _whole(self._far[name]), far=self._far[name]) for name in sorted(found)]
        return []

    @property
    def _loose(self) -> dict[str, Entry]:
        return {}


def streamed(source: Hub, split: str) -> Remote | None:
    """The split's files where they lie; None where they are to be fetched, or are there already.

    Never raises: what cannot be listed is left to `hub.snapshot`, which says what is wrong.
    """
    if not source.streams or not source.revision or offline():
        return None
    try:
        from huggingface_hub import HfFileSystem

        hub = HfFileSystem(endpoint=endpoint())
        root = f"datasets/{source.repo}@{source.revision}"
        listed: Any = hub.find(root, detail=True)
    except Exception:  # no client, no network, no such data set
        return None
    patterns = source.patterns(split)
    sizes = {}
    for path, about in listed.items():
        name = path.removeprefix("datasets/").removeprefix(source.repo).partition("/")[2]
        if any(fnmatchcase(name, pattern) for pattern in patterns):
            sizes[name] = int(about["size"])
    if not sizes or sum(sizes.values()) <= LARGE or not all(name.endswith(".parquet") for name in sizes):
        return None
    folder = cached(source, patterns, source.revision)
    if folder and all((folder / name).is_file() for name in sizes):
        return None
    files = {name: _far(hub, f"{root}/{name}") for name in sorted(sizes)}
    said = json.dumps([source.repo, source.revision, sorted(sizes.items())])
    return Remote(f"{source.repo}@{source.revision}", files, hashlib.sha256(said.encode()).hexdigest())


def _far(hub: Any, path: str) -> Far:
    def opened() -> _Told:
        try:
            return _Told(hub.open(path, "rb", block_size=BLOCK, cache_type="readahead"))
        except Exception as problem:  # the client's own, and those of what it speaks through
            raise OSError(line(problem)) from problem

    return Far(path, opened, download.cache().parent / "rows")


def _whole(far: Far) -> Any:
    def read() -> bytes:
        raise BadInput(f"{far} is read in pieces; fetch it and give it with --data")

    return read


class _Told:
    """A file whose every trouble is an `OSError` with one line of words."""

    def __init__(self, file: Any) -> None:
        self._file = file

    closed = property(lambda self: self._file.closed)

    def read(self, size: int = -1) -> bytes:
        try:
            return bytes(self._file.read(size))
        except Exception as problem:  # network, and whatever the client makes of it
            raise OSError(f"the hub broke off: {line(problem)}") from problem

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
