"""One JSON object a line, with a checksum in front, so that a torn or damaged line is seen.

``{"crc32":"…",…}``: the checksum is over all bytes behind it, the newline excepted.
"""

from __future__ import annotations

import zlib

_CRC = b'{"crc32":"'
_BODY = len(_CRC) + 8  # where the bytes begin that the checksum is over


def seal(value: str) -> bytes:
    """The line of a non-empty JSON object, given as ASCII text, its newline included."""
    body = f'",{value[1:]}'.encode("ascii")
    return b"%s%08x%s\n" % (_CRC, zlib.crc32(body), body)


def body(line: bytes) -> bytes | None:
    """What stands behind the checksum, without the object's first brace; None unless the line is whole."""
    rest = line[_BODY:-1]
    if not line.startswith(_CRC) or not line.endswith(b"\n"):
        return None
    return rest[2:] if line[len(_CRC) : _BODY] == b"%08x" % zlib.crc32(rest) else None
