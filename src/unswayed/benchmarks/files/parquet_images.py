"""Image cells of parquet files: bytes, {bytes, path}, base64, a name, or a list of these.

A short text names another row that holds the image (MMBench's circular copies), or a file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from unswayed.benchmarks.files.local import LocalFiles
from unswayed.benchmarks.files.parquet import ParquetTable
from unswayed.benchmarks.files.tsv_images import POINTER, decode_base64
from unswayed.errors import BadImage
from unswayed.question import Image

Key = tuple[str, str]
"""("embedded", hash of the image) or ("named", the text of the cell)."""


class ParquetImages:
    """The images of one column. `rows` maps indices to row numbers, where a cell may name another row.

    The constructor reads the column once, in bounded memory, and hashes the images; of a remote table only
    the rows that are asked for are read.
    """

    def __init__(
        self, table: ParquetTable, column: str, files: LocalFiles, rows: Mapping[str, int] | None = None
    ) -> None:
        self._table = table
        self._column = column
        self._files = files
        self._rows = rows or {}
        cells = () if table.is_remote else table.cells(column)
        self._keys = {row: tuple(map(_key, _pieces(cell))) for row, cell in enumerate(cells)}

    def missing(self, row: int) -> str | None:
        """Why the row has no image; None if it has one."""
        if not self._at(row):
            return "it has no picture"
        for kind, name in self._at(row):
            if kind == "named" and self._owner(name) is None and self._files.image(name) is None:
                return f"its picture {name[:60]!r} is neither a row nor a file that is there"
        return None

    def key(self, row: int) -> object:
        """Equal for rows with the same images; None for a row without any."""
        return self.keys(row) or None

    def keys(self, row: int) -> tuple[Key, ...]:
        """One for each image of the row, equal for equal images."""
        keys: list[Key] = []
        for key in self._at(row):
            owner = self._owner(key[1]) if key[0] == "named" else None
            keys += self._at(owner) if owner is not None else (key,)
        return tuple(keys)

    def of(self, row: int) -> tuple[Image, ...]:
        """The row's images, unread. Their `read` raises `BadImage`."""
        images: list[Image] = []
        for number, (kind, name) in enumerate(self._at(row)):
            owner = self._owner(name) if kind == "named" else None
            if owner is not None:
                images += self.of(owner)
            elif kind == "named":
                images.append(self._files.image(name) or missing_image(name))
            else:
                images.append(self._embedded(row, number))
        return tuple(images)

    def _at(self, row: int) -> tuple[Key, ...]:
        if row not in self._keys:
            self._keys[row] = tuple(map(_key, _pieces(self._table.cell(row, self._column))))
        return self._keys[row]

    def _owner(self, name: str) -> int | None:
        owner = self._rows.get(name)
        # The named row must hold the image itself, and not name a third one.
        return owner if owner is not None and all(k == "embedded" for k, _ in self._at(owner)) else None

    def _embedded(self, row: int, number: int) -> Image:
        name = self._table.location(row)

        def read() -> bytes:
            piece = _pieces(self._table.cell(row, self._column))[number]
            return piece if isinstance(piece, bytes) else decode_base64(piece.encode(), name)

        return Image(read, name)


def missing_image(name: str, folder: object = "its folder") -> Image:
    """An image that the rows name and that is not there; its `read` raises `BadImage` with the remedy."""

    def read() -> bytes:
        raise BadImage(f"picture {name!r} is not in {folder}; put it there")

    return Image(read, name)


def _pieces(cell: Any) -> list[bytes | str]:
    """The images in a cell, as bytes, or as text: base64, or a name."""
    if cell is None or cell in ("", "nan", b""):
        return []
    if isinstance(cell, bytes | str):
        return [cell]
    if isinstance(cell, Mapping):
        return _pieces(cell.get("bytes")) or _pieces(cell.get("path"))
    if isinstance(cell, list):
        return [piece for item in cell for piece in _pieces(item)]
    return [str(cell)]  # an index written as a number


def _key(piece: bytes | str) -> Key:
    if isinstance(piece, str) and len(piece) <= POINTER:
        return "named", piece
    data = piece if isinstance(piece, bytes) else piece.encode()
    return "embedded", hashlib.blake2b(data, digest_size=16).hexdigest()
