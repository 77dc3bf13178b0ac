"""A file that lies elsewhere and is read in pieces; the cells that were read of it are kept on this machine.

A run that is resumed, and the asking after the reading, find them there. A file of the cache is called
after the hash of the far file's name and of the cell's place in it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Far:
    """One such file."""

    name: str
    """Where it lies, with its revision: as said in messages, and what kept cells are known by."""
    open: Callable[[], Any]
    """A seekable binary file, which raises `OSError` for whatever goes wrong."""
    home: Path
    """The folder in which cells are kept."""

    def __str__(self) -> str:
        return self.name

    def kept(self, place: str) -> tuple[Any] | None:
        """The cell at `place`, alone in a tuple; None if it is not kept, or not whole."""
        try:
            digest, said = self._path(place).read_bytes().split(b"\n", 1)
            if hashlib.sha256(said).hexdigest().encode() != digest:
                return None
            return (_value(json.loads(said)),)
        except (OSError, ValueError):
            return None

    def keep(self, place: str, cell: Any) -> None:
        """Keep a cell: text, bytes, null, structs and lists of these; anything else is not kept."""
        from unswayed.benchmarks.files.download import (
            keep,  # here: fetch needs what is to be imported after this
        )

        try:
            said = json.dumps(_plain(cell)).encode()
        except TypeError:
            return
        keep(hashlib.sha256(said).hexdigest().encode() + b"\n" + said, self._path(place))

    def _path(self, place: str) -> Path:
        return self.home / hashlib.sha256(f"{self.name}/{place}".encode()).hexdigest()


def _plain(cell: Any) -> Any:
    """Bytes as an object of their own kind, for JSON knows none."""
    if isinstance(cell, bytes):
        return {"base64": base64.b64encode(cell).decode()}
    if isinstance(cell, dict):
        return {"struct": [[key, _plain(value)] for key, value in cell.items()]}
    if isinstance(cell, list):
        return [_plain(item) for item in cell]
    return cell


def _value(said: Any) -> Any:
    if isinstance(said, list):
        return [_value(item) for item in said]
    if isinstance(said, dict):
        if "base64" in said:
            return base64.b64decode(said["base64"])
        return {key: _value(value) for key, value in said["struct"]}
    return said
