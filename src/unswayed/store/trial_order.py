"""Which lines of the shards make the trials table, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unswayed.errors import BadInput
from unswayed.store import shards as shard_lines
from unswayed.store.shards import LineHeader

_Lines = np.ndarray[Any, np.dtype[np.int64]]
_BLOCK = 8192
# Columns of a scanned trial's line.
_ID, _FINAL, _SHARD, _OFFSET, _LENGTH, _QUESTION, _CONDITION, _SAMPLE, _CHECKSUM, _OPEN = range(10)


@dataclass(frozen=True)
class TrialOrder:
    """The lines that make the table, ordered by question, condition and sample."""

    shards: list[Path]
    locations: _Lines
    """(n, 6): shard index, offset, length in bytes of the trial's line; the same of its update, length 0
    where it has none."""
    open: np.ndarray[Any, np.dtype[np.bool_]]
    """(n,): whether letters or verdict are missing still."""

    def __len__(self) -> int:
        return len(self.locations)

    def batches(self, size: int) -> Iterator[list[dict[str, Any]]]:
        """The trials' fields, `size` trials at a time."""
        files = [open(shard, "rb") for shard in self.shards]  # noqa: SIM115

        def line(shard: int, offset: int, length: int) -> bytes:
            files[shard].seek(offset)
            return files[shard].read(length)

        try:
            for start in range(0, len(self.locations), size):
                batch = []
                for location in self.locations[start : start + size].tolist():
                    try:
                        fields = shard_lines.decode(line(*location[:3]))
                        if location[5]:
                            fields |= shard_lines.decode_update(line(*location[3:]))
                    except BadInput as error:
                        raise BadInput(f"{self.shards[location[0]]} byte {location[1]}: {error}") from error
                    batch.append(fields)
                yield batch
        finally:
            for file in files:
                file.close()


def trial_order(shards: Iterable[Path]) -> TrialOrder:
    """Scan all shards. Of several lines for one trial the last final one wins, else the last.

    Needs about 250 bytes of memory per line, whatever the trials hold.
    """
    shards = list(shards)
    trials, updates = _Blocks(10), _Blocks(5)
    for number, shard in enumerate(shards):
        for header in shard_lines.headers(shard):
            identity = int(header.id[:16], 16) - (1 << 63)
            if isinstance(header, LineHeader):
                place = (number, header.offset, header.length)
                more = (int(header.checksum, 16), header.open)
                trials.add((identity, header.final, *place, *header.position, *more))
            else:
                updates.add((identity, int(header.of, 16), number, header.offset, header.length))
    lines = trials.array()
    # Lines of one trial together, the one that wins last.
    lines = lines[np.lexsort((lines[:, _OFFSET], lines[:, _SHARD], lines[:, _FINAL], lines[:, _ID]))]
    last = np.ones(len(lines), bool)
    last[:-1] = lines[1:, _ID] != lines[:-1, _ID]
    lines = lines[last]
    positions = (lines[:, _ID], lines[:, _SAMPLE], lines[:, _CONDITION], lines[:, _QUESTION])
    lines = lines[np.lexsort(positions)]
    of_updates = _latest_updates(lines, updates.array())
    locations = np.concatenate([lines[:, _SHARD : _LENGTH + 1], of_updates], axis=1)
    return TrialOrder(shards, locations, (lines[:, _OPEN] != 0) & (of_updates[:, 2] == 0))


def _latest_updates(lines: _Lines, updates: _Lines) -> _Lines:
    """(n, 3): shard index, offset and length of the last update of each line; zeros where it has none."""
    places = np.zeros((len(lines), 3), np.int64)
    if not len(updates) or not len(lines):
        return places
    keys = _mix(updates[:, 0], updates[:, 1])
    order = np.lexsort((updates[:, 3], updates[:, 2], keys))
    keys, updates = keys[order], updates[order]
    wanted = _mix(lines[:, _ID], lines[:, _CHECKSUM])
    index = np.searchsorted(keys, wanted, side="right") - 1
    known = (index >= 0) & (keys[index] == wanted)
    places[known] = updates[index[known], 2:]
    return places


def _mix(identity: _Lines, checksum: _Lines) -> _Lines:
    """One 64-bit key from a random identity and the checksum of a line."""
    mixed: _Lines = identity ^ (checksum << 31)
    return mixed


class _Blocks:
    """Rows of integers, collected in arrays to save memory."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._arrays: list[_Lines] = []
        self._rows: list[tuple[int, ...]] = []

    def add(self, row: tuple[int, ...]) -> None:
        self._rows.append(row)
        if len(self._rows) == _BLOCK:
            self._arrays.append(np.array(self._rows, np.int64))
            self._rows = []

    def array(self) -> _Lines:
        return np.concatenate([*self._arrays, np.array(self._rows, np.int64).reshape(-1, self._width)])
