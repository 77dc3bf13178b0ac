"""What the picture cells of a TSV file mean: base64, a list of it, another row, or a path.

Nothing is decoded or kept before it is asked for; a picture is read anew from its cell each time.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections import Counter
from pathlib import PurePosixPath

from unswayed.benchmarks.files.tsv import Table
from unswayed.errors import BadImage, BadInput
from unswayed.question import Image

POINTER = 64
"""A picture cell of at most so many characters names another row (VLMEvalKit's rule)."""

_DATA_URI = re.compile(rb"data:[^,]{0,100},")


class Pictures:
    """The pictures of an indexed file. `rows` gives a row's number by its index.

    Methods raise `BadInput`, naming file and line, for a cell that can mean nothing.
    """

    def __init__(self, table: Table, rows: dict[str, int]) -> None:
        self._table = table
        self._rows = rows
        cells = range(len(table)) if "image" in table else ()
        self._sizes = Counter(table.size(row, "image") for row in cells)

    def missing(self, row: int) -> str | None:
        """Why the row has no picture, or None if it has one."""
        owner = self._owner(row)
        if owner is not None:
            return (
                None if not self._is_list(owner) or self._listed(owner) else "its list of pictures is empty"
            )
        paths = self._paths(row)
        if not paths:
            return "it has no picture"
        lost = [path for path in paths if not (self._table.path.parent / path).is_file()]
        return f"its picture {lost[0]!r} is not there" if lost else None

    def key(self, row: int) -> object:
        """Equal for rows that show the same pictures; None for a row without any."""
        owner = self._owner(row)
        if owner is None:
            return self._paths(row) or None
        # Only a cell of a size that another has too can be the same: the others are not read.
        if self._sizes[self._table.size(owner, "image")] == 1:
            return owner
        return hashlib.sha256(self._table.data(owner, "image")).digest()

    def of(self, row: int) -> tuple[Image, ...]:
        """The row's pictures, unread. Their `read` raises `BadImage`."""
        owner = self._owner(row)
        if owner is None:
            return tuple(self._file(path) for path in self._paths(row))
        count = len(self._listed(owner)) if self._is_list(owner) else 1
        return tuple(self._cell(owner, k) for k in range(count))

    def _cell(self, row: int, k: int) -> Image:
        table = self._table
        name = f"{table.path.name} index {table.text(row, 'index')}"

        def read() -> bytes:
            if table.changed():
                raise BadImage(f"picture {name!r}: {table.path} was written to after it was read; start anew")
            if not self._is_list(row):
                return decoded(table.data(row, "image"), name)
            return decoded(self._listed(row)[k].encode(), name)

        return Image(read, name)

    def _file(self, path: str) -> Image:
        def read() -> bytes:
            try:
                return (self._table.path.parent / path).read_bytes()
            except OSError as problem:
                raise BadImage(f"picture {path!r} cannot be read: {problem.strerror}") from problem

        return Image(read, path)

    def _owner(self, row: int) -> int | None:
        """The row whose `image` cell holds this row's picture; None if that cell is empty."""
        if not self._has_cell(row):
            return None
        if not self._is_pointer(row):
            return row
        index = self._table.text(row, "image")
        owner = self._rows.get(index)
        if owner is None or not self._has_cell(owner) or self._is_pointer(owner):
            raise BadInput(
                f"{self._table.where(row)}: the picture cell {index!r} should be the index of a row that "
                f"holds the picture (cells of up to {POINTER} characters are read so); there is no such row"
            )
        return owner

    def _has_cell(self, row: int) -> bool:
        if "image" not in self._table:
            return False
        # A long cell is not read only to learn that it is not empty.
        return self._table.size(row, "image") > POINTER or self._table.text(row, "image") not in ("", "nan")

    def _is_pointer(self, row: int) -> bool:
        quotes = 2
        if self._table.size(row, "image") > POINTER + quotes:
            return False
        return len(self._table.text(row, "image")) <= POINTER and not self._is_list(row)

    def _is_list(self, row: int) -> bool:
        return self._table.head(row, "image", 2).lstrip(b'"').startswith(b"[")

    def _listed(self, row: int) -> list[str]:
        return self._list(row, self._table.text(row, "image"))

    def _list(self, row: int, cell: str) -> list[str]:
        """A cell such as ``["…", "…"]``, written by JSON or by Python."""
        for text in (cell, cell.replace("'", '"')):
            try:
                found = json.loads(text)
            except (ValueError, RecursionError):
                continue
            if isinstance(found, list) and all(isinstance(item, str) for item in found):
                return found
        raise BadInput(f"{self._table.where(row)}: the picture cell begins with '[' and is no list of texts")

    def _paths(self, row: int) -> tuple[str, ...]:
        cell = self._table.text(row, "image_path")
        paths = self._list(row, cell) if cell.startswith("[") else [cell] if cell not in ("", "nan") else []
        for path in paths:
            # A file from elsewhere must not make us send other files of this machine to a model.
            if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
                raise BadInput(
                    f"{self._table.where(row)}: the image_path {path!r} leads out of the file's folder; "
                    "put the pictures beside or below the file"
                )
        return tuple(paths)


def decoded(cell: bytes, name: str) -> bytes:
    """The file that a cell holds in base64, with or without ``data:…,`` before it. Raises `BadImage`."""
    found = _DATA_URI.match(cell)
    text = b"".join(cell[found.end() if found else 0 :].split())
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as problem:
        raise BadImage(f"picture {name!r} is not base64 ({problem}); it begins {text[:24]!r}") from problem
