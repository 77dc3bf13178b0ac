"""How much a foreign file may cost: limits on size, count and expansion, each with one clear error.

The largest published benchmarks stay far below every limit; a file that exceeds one is damaged or hostile.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from unswayed.errors import BadInput

MAX_MEMBER = 1 << 30
"""Bytes of one file in an archive."""
MAX_MEMBERS = 5_000_000
"""Files in one archive."""
EXPANSION = 100
"""How many times its packed size a file may have unpacked, if that is more than `FREE_EXPANSION`."""
FREE_EXPANSION = 256 << 20
"""Unpacked bytes up to which any ratio is accepted."""
MAX_COLUMNS = 4096
"""Columns of a TSV file."""
MAX_ROWS = 2_000_000
"""Rows of a TSV or Parquet file."""
MAX_TEXT = 4 << 20
"""Bytes of one text cell of a TSV file."""
MAX_IMAGE_CELL = 128 << 20
"""Bytes of one image cell of a TSV file (base64)."""
MAX_TEXTS = 2 << 30
"""Bytes of all text cells of a Parquet file."""
MAX_JSON = 512 << 20
"""Bytes of a JSON file."""
MAX_NAME = 1024
"""Characters of an image's path in a row."""

_CHUNK = 1 << 20


def check_expansion(name: str, packed: int, unpacked: int) -> None:
    """Raise `BadInput` if `unpacked` bytes are too many for a file of `packed` bytes."""
    if unpacked > max(FREE_EXPANSION, EXPANSION * packed):
        raise BadInput(
            f"{name} unpacks to more than {EXPANSION} times its {packed:,} bytes (at least {unpacked:,}): it "
            "looks like a decompression bomb; unpack it yourself if you trust it"
        )


def unpack_gzip(source: BinaryIO, path: Path) -> Iterator[bytes]:
    """The unpacked bytes of a gzip file, in pieces of at most 1 MiB.

    Raises `BadInput` as `check_expansion`; `gzip.BadGzipFile`, `EOFError` or `zlib.error` for a damaged file.
    """
    packed, unpacked = path.stat().st_size, 0
    with gzip.GzipFile(fileobj=source) as stream:
        while chunk := stream.read(_CHUNK):
            unpacked += len(chunk)
            check_expansion(str(path), packed, unpacked)
            yield chunk
