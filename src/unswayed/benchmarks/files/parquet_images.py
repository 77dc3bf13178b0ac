"""What the picture cells of a parquet file mean: bytes, {bytes, path}, base64, a name, or a list of these.

A short text names another row that holds the picture (MMBench's circular copies), or a file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from unswayed.benchmarks.files.local import Place
from unswayed.benchmarks.files.parquet import Parquet
from unswayed.benchmarks.files.tsv_images import POINTER, decoded
from unswayed.errors import BadImage
from unswayed.question import Image

Key = tuple[str, str]
"""("embedded", hash of the picture) or ("named", what the cell says)."""


class ParquetPictures:
    """The pictures of one column. `rows` gives a row's number by its index, where rows may name rows.

    Making one reads the column once, in bounded memory; of a table that lies elsewhere (`Parquet.far`)
    only the rows that are asked for are read.
    """

    def __init__(
        self, table: Parquet, column: str, place: Place, rows: Mapping[str, int] | None = None
    ) -> None:
        self._table = table
        self._column = column
        self._place = place
        self._rows = rows or {}
        cells = () if table.far else table.cells(column)
        self._known = {row: tuple(map(_key, _pieces(cell))) for row, cell in enumerate(cells)}

    def missing(self, row: int) -> str | None:
        """Why the row has no picture, or None if it has."""
        if not self._at(row):
            return "it has no picture"
        for kind, said in self._at(row):
            if kind == "named" and self._owner(said) is None and self._place.picture(said) is None:
                return f"its picture {said[:60]!r} is neither a row nor a file that is there"
        return None

    def key(self, row: int) -> object:
        """Equal for rows that show the same pictures; None for a row without any."""
        return self.keys(row) or None

    def keys(self, row: int) -> tuple[Key, ...]:
        """One for each picture of the row, equal for equal pictures."""
        found: list[Key] = []
        for key in self._at(row):
            owner = self._owner(key[1]) if key[0] == "named" else None
            found += self._at(owner) if owner is not None else (key,)
        return tuple(found)

    def of(self, row: int) -> tuple[Image, ...]:
        """The row's pictures, unread. Their `read` raises `BadImage`."""
        found: list[Image] = []
        for number, (kind, said) in enumerate(self._at(row)):
            owner = self._owner(said) if kind == "named" else None
            if owner is not None:
                found += self.of(owner)
            elif kind == "named":
                found.append(self._place.picture(said) or absent(said))
            else:
                found.append(self._embedded(row, number))
        return tuple(found)

    def _at(self, row: int) -> tuple[Key, ...]:
        if row not in self._known:
            self._known[row] = tuple(map(_key, _pieces(self._table.cell(row, self._column))))
        return self._known[row]

    def _owner(self, said: str) -> int | None:
        owner = self._rows.get(said)
        # A row that names a row that names a row is no picture.
        return owner if owner is not None and all(k == "embedded" for k, _ in self._at(owner)) else None

    def _embedded(self, row: int, number: int) -> Image:
        name = self._table.where(row)

        def read() -> bytes:
            piece = _pieces(self._table.cell(row, self._column))[number]
            return piece if isinstance(piece, bytes) else decoded(piece.encode(), name)

        return Image(read, name)


def absent(said: str, folder: object = "its place") -> Image:
    """A picture that the rows name and that is not at hand; its `read` raises `BadImage` with the remedy."""

    def read() -> bytes:
        raise BadImage(f"picture {said!r} is not in {folder}; put it there")

    return Image(read, said)


def _pieces(cell: Any) -> list[bytes | str]:
    """The pictures in a cell, as bytes, or as text: base64, or a name."""
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
