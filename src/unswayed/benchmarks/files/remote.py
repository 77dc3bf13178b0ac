"""A file that lies elsewhere and is read in pieces; the cells that were read of it are cached on this
machine.

A resumed run, and the audit after loading, find them there. The name of a file in the cache is the hash of
the remote file's name and of the cell's position in it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unswayed.benchmarks.files.download import write_atomically


@dataclass(frozen=True)
class RemoteFile:
    """One remote file."""

    name: str
    """Its address with its revision, for messages; cached cells are found by it."""
    open: Callable[[], Any]
    """Returns a seekable binary file, which raises `OSError` for whatever goes wrong."""
    cache: Path
    """The folder of cached cells."""

    def __str__(self) -> str:
        return self.name

    def cached(self, position: str) -> tuple[Any] | None:
        """The cell at `position`, alone in a tuple; None if it is not cached, or damaged."""
        try:
            digest, text = self._path(position).read_bytes().split(b"\n", 1)
            if hashlib.sha256(text).hexdigest().encode() != digest:
                return None
            return (_from_json(json.loads(text)),)
        except (OSError, ValueError):
            return None

    def cache_cell(self, position: str, cell: Any) -> None:
        """Cache a cell: text, bytes, null, structs and lists of these; anything else is not cached."""
        try:
            text = json.dumps(_to_json(cell)).encode()
        except TypeError:
            return
        write_atomically(hashlib.sha256(text).hexdigest().encode() + b"\n" + text, self._path(position))

    def _path(self, position: str) -> Path:
        return self.cache / hashlib.sha256(f"{self.name}/{position}".encode()).hexdigest()


def _to_json(cell: Any) -> Any:
    """JSON has no bytes, so they become an object of their own kind."""
    if isinstance(cell, bytes):
        return {"base64": base64.b64encode(cell).decode()}
    if isinstance(cell, dict):
        return {"struct": [[key, _to_json(value)] for key, value in cell.items()]}
    if isinstance(cell, list):
        return [_to_json(item) for item in cell]
    return cell


def _from_json(value: Any) -> Any:
    if isinstance(value, list):
        return [_from_json(item) for item in value]
    if isinstance(value, dict):
        if "base64" in value:
            return base64.b64decode(value["base64"])
        return {key: _from_json(item) for key, item in value["struct"]}
    return value
