"""Cells of tab-separated text, as byte offsets: one pass over pieces of any size.

Cells are those of Python's `csv` module (dialect `excel-tab`): they may be quoted, and quoted cells may hold
tabs, line ends and doubled quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from unswayed.benchmarks.files.limits import MAX_COLUMNS

_LINE_ENDS = re.compile(rb"[\r\n]*")
_TAB, _QUOTE = b'\t"'


class UnclosedQuote(ValueError):
    """A quote is opened and never closed; `args[0]` is its offset."""


class TooManyCells(ValueError):
    """A record has more than `MAX_COLUMNS` cells; `args[0]` is its offset."""


def scan_records(
    chunks: Iterable[bytes], at: int = 0, multiline: list[int] | None = None
) -> Iterator[list[int]]:
    """The records of a tab-separated file that comes in pieces; `at` is the first piece's offset.

    Yields for each record ``[start, end of cell 0, end of cell 1, …]``, offsets in bytes: cell 0 is ``[start,
    end 0)``, cell i is ``[end i-1 + 1, end i)``. Blank lines are no records. `multiline` collects the numbers
    of those cells of the yielded record that are quoted over a line end; empty it after each record. Raises
    `UnclosedQuote` and `TooManyCells`.
    """
    record = [at]
    cell_start, quoted, closed = True, False, False
    opened = at
    for chunk in chunks:
        i = 0
        next_ends = [-1, -1, -1]
        while i < len(chunk):
            if quoted:
                end = chunk.find(b'"', i)
                stop = len(chunk) if end < 0 else end
                if multiline is not None and (
                    chunk.find(b"\n", i, stop) >= 0 or chunk.find(b"\r", i, stop) >= 0
                ):
                    multiline.append(len(record) - 1)
                if end < 0:
                    break
                i = end + 1
                quoted, closed = False, True
            elif closed and chunk[i] == _QUOTE:  # a doubled quote: the cell goes on
                i += 1
                quoted, closed = True, False
            elif cell_start and chunk[i] == _QUOTE:
                opened = at + i
                i += 1
                cell_start, quoted = False, True
            else:
                cell_start = closed = False
                end = _cell_end(chunk, i, next_ends)
                if end == len(chunk):
                    break
                record.append(at + end)
                if len(record) > MAX_COLUMNS + 1:
                    raise TooManyCells(record[0])
                i = end + 1
                cell_start = True
                if chunk[i - 1] != _TAB:
                    if record[-1] > record[0]:  # else a blank line, or what is between CR and LF
                        yield record
                    match = _LINE_ENDS.match(chunk, i)  # a million blank lines cost one step
                    i = match.end() if match else i
                    record = [at + i]
        at += len(chunk)
    if quoted:
        raise UnclosedQuote(opened)
    if at > record[0]:
        yield [*record, at]


def _cell_end(chunk: bytes, i: int, next_ends: list[int]) -> int:
    """Where the unquoted text at `i` ends: the next tab, CR or LF, or the chunk's end.

    `next_ends` caches the next of each, so that no byte is looked at more than three times. (A regular
    expression does the same in one line and takes ten times as long.)
    """
    for k, byte in enumerate((b"\t", b"\r", b"\n")):
        if next_ends[k] < i:
            hit = chunk.find(byte, i)
            next_ends[k] = len(chunk) if hit < 0 else hit
    return min(next_ends)


def unquote(raw: bytes) -> bytes:
    """The content of the cell `raw`, given as it stands in the file."""
    if not raw.startswith(b'"'):
        return raw
    end = raw.find(b'"', 1)
    while end >= 0 and raw[end + 1 : end + 2] == b'"':
        end = raw.find(b'"', end + 2)
    end = len(raw) if end < 0 else end
    return raw[1:end].replace(b'""', b'"') + raw[end + 1 :]
