"""One JSON object per line, with a checksum in front, so that a torn or damaged line is detected.

A line is ``{"crc32":"...",...}``: the checksum (CRC-32, 8 hexadecimal digits) covers all bytes behind it,
except the newline. Libraries for JSON lines (jsonlines, orjson) have no checksum; record formats that have
one (TFRecord, LMDB, SQLite) are binary, so a run could no longer be read with a text editor or `jq`.
"""

from __future__ import annotations

import json
import zlib
from typing import Any

_PREFIX = b'{"crc32":"'
_BODY_START = len(_PREFIX) + 8  # the checksum covers the bytes from here on


def encode_line(value: str) -> bytes:
    """The line, newline included, of a non-empty JSON object given as ASCII text."""
    body = f'",{value[1:]}'.encode("ascii")
    return b"%s%08x%s\n" % (_PREFIX, zlib.crc32(body), body)


def decode_line(line: bytes) -> bytes | None:
    """The object's bytes without the first brace and the checksum; None if the line is torn or damaged."""
    body = line[_BODY_START:-1]
    if not line.startswith(_PREFIX) or not line.endswith(b"\n"):
        return None
    return body[2:] if line[len(_PREFIX) : _BODY_START] == b"%08x" % zlib.crc32(body) else None


def decode_object(line: bytes) -> dict[str, Any] | None:
    """The object in a line, without its checksum; None if the line is torn, damaged or no JSON object.

    The checksum protects from accidents only: whoever wrote the file can give any line a right one.
    """
    body = decode_line(line)
    return None if body is None else parse_object(b"{" + body)


def parse_object(data: bytes) -> dict[str, Any] | None:
    """The JSON object in `data`; None if there is none."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def checksum(line: bytes) -> str:
    """The checksum in a valid line: 8 hexadecimal digits."""
    return line[len(_PREFIX) : _BODY_START].decode("ascii")
