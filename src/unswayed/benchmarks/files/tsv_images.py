"""Image cells of TSV files: base64, a list of it, the index of another row, or a path.

Nothing is decoded or kept before it is asked for; an image is read anew from its cell each time.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import re
from collections import Counter
from pathlib import Path, PurePosixPath

from unswayed.benchmarks.files.access import DEFAULT, Access, boundary, check_inside
from unswayed.benchmarks.files.limits import MAX_NAME
from unswayed.benchmarks.files.tsv import TsvTable
from unswayed.benchmarks.records import UnusableRow
from unswayed.errors import BadImage, BadInput
from unswayed.question import Image

POINTER = 64
"""An image cell of at most so many characters names another row (VLMEvalKit's rule)."""

_DATA_URI = re.compile(rb"data:[^,]{0,100},")
_BLANKS = b" \t\r\n\x0b\x0c"


class TsvImages:
    """The images of an indexed file. `rows` maps indices to row numbers.

    Methods raise `UnusableRow` for a cell that cannot be understood, and `BadInput` for a path that leads out
    of the file's folder.
    """

    def __init__(self, table: TsvTable, rows: dict[str, int], access: Access = DEFAULT) -> None:
        self._table = table
        self._rows = rows
        self._access = access
        self._folder = table.path.parent
        self._boundary = boundary(self._folder)
        cells = range(len(table)) if "image" in table else ()
        self._sizes = Counter(table.size(row, "image") for row in cells)

    def missing(self, row: int) -> str | None:
        """Why the row has no image; None if it has one."""
        owner = self._owner(row)
        if owner is not None:
            return (
                None if not self._is_list(owner) or self._listed(owner) else "its list of pictures is empty"
            )
        paths = self._paths(row)
        if not paths:
            return "it has no picture"
        missing = [path for path in paths if not os.path.isfile(self._path(path))]
        return f"its picture {missing[0]!r} is not there" if missing else None

    def key(self, row: int) -> object:
        """Equal for rows with the same images; None for a row without any."""
        owner = self._owner(row)
        if owner is None:
            return self._paths(row) or None
        # Only cells of equal size can be equal: the others are not read.
        if self._sizes[self._table.size(owner, "image")] == 1:
            return owner
        return hashlib.sha256(self._table.data(owner, "image")).digest()

    def of(self, row: int) -> tuple[Image, ...]:
        """The row's images, unread. Their `read` raises `BadImage`."""
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
                return decode_base64(table.data(row, "image"), name)
            return decode_base64(self._listed(row)[k].encode(), name)

        return Image(read, name)

    def _file(self, path: str) -> Image:
        def read() -> bytes:
            try:
                return self._path(path).read_bytes()
            except OSError as problem:
                raise BadImage(f"picture {path!r} cannot be read: {problem.strerror}") from problem

        return Image(read, path)

    def _path(self, name: str) -> Path:
        """The file called `name` beside the table; one that a link leads out of the folder is refused."""
        path = self._folder / name
        check_inside(path, self._boundary, self._access)
        return path

    def _owner(self, row: int) -> int | None:
        """The row whose `image` cell holds this row's image; None if that cell is empty."""
        if not self._has_cell(row):
            return None
        if not self._is_pointer(row):
            return row
        index = self._table.text(row, "image")
        owner = self._rows.get(index)
        if owner is None or not self._has_cell(owner) or self._is_pointer(owner):
            raise UnusableRow(
                f"its picture cell {index!r} should be the index of a row that holds the picture (cells of "
                f"up to {POINTER} characters are read so); there is no such row"
            )
        return owner

    def _has_cell(self, row: int) -> bool:
        if "image" not in self._table:
            return False
        # A long cell is not read only to see that it is not empty.
        return self._table.size(row, "image") > POINTER or self._table.text(row, "image") not in ("", "nan")

    def _is_pointer(self, row: int) -> bool:
        quotes = 2
        if self._table.size(row, "image") > POINTER + quotes:
            return False
        return len(self._table.text(row, "image")) <= POINTER and not self._is_list(row)

    def _is_list(self, row: int) -> bool:
        return self._table.head(row, "image", 2).lstrip(b'"').startswith(b"[")

    def _listed(self, row: int) -> list[str]:
        return _parse_list(self._table.data(row, "image").decode(errors="replace").strip())

    def _paths(self, row: int) -> tuple[str, ...]:
        cell = self._table.text(row, "image_path")
        paths = _parse_list(cell) if cell.startswith("[") else [cell] if cell not in ("", "nan") else []
        for path in paths:
            if len(path) > MAX_NAME or "\0" in path:
                raise UnusableRow(f"its image_path is no file name: {path[:60]!r} ({len(path):,} characters)")
            # A foreign file must not make us send other files of this machine to a model.
            if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
                raise BadInput(
                    f"{self._table.location(row)}: the image_path {path!r} leads out of the file's folder; "
                    "put the pictures beside or below the file"
                )
        return tuple(paths)


def _parse_list(cell: str) -> list[str]:
    """The texts of a cell such as ``["…", "…"]``, written by JSON or by Python. Raises `UnusableRow`."""
    for text in (cell, cell.replace("'", '"')):
        try:
            values = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(values, list) and all(isinstance(value, str) for value in values):
            return values
    raise UnusableRow("its picture cell begins with '[' and is no list of texts")


def decode_base64(cell: bytes, name: str) -> bytes:
    """The file that a cell holds in base64, with or without ``data:…,`` before it. Raises `BadImage`."""
    prefix = _DATA_URI.match(cell)
    text = cell[prefix.end() if prefix else 0 :].translate(None, _BLANKS)
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as problem:
        raise BadImage(f"picture {name!r} is not base64 ({problem}); it begins {text[:24]!r}") from problem
