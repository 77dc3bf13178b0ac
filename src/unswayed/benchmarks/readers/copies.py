"""What the index of a row says about its copies: MMBench's circular passes, 3DSRBench's flips."""

from __future__ import annotations

import re

PASS = 1_000_000
"""Circular pass k of question i has the index i + k * PASS (MMBench)."""

_VARIANT = re.compile(r"(?:-flip)?(?:-\d+)?$")


def copy_of(index: str) -> tuple[str, int, bool]:
    """What an index says: the question that the row is a copy of, by how many places its options are rotated,
    and whether its image is mirrored."""
    base = base_index(index)
    if index.isdecimal():
        return base, int(index) // PASS if base != index else 0, False
    variant = index[len(base) :].removeprefix("-flip")
    return base, int(variant[1:] or 0), index.startswith(base + "-flip")


def base_index(index: str) -> str:
    """The index of the question that a row is a circular or flipped copy of; or its own.

    MMBench adds `PASS` for every circular pass, 3DSRBench appends ``-flip``, ``-2`` or ``-flip-2``.
    """
    if index.isdecimal() and len(index) < 16:
        return str(int(index) % PASS) if int(index) >= PASS else index
    return _VARIANT.sub("", index)
