"""The form of a stored trial: one line of JSON with a checksum, in an append-only shard.

A line is ``{"crc32":"…","at":[q,c,s],"id":"…","final":…,"key":"…","trial":{…}}`` (see `lines`). A
torn or damaged line is left out; its trial is asked again. Each process writes a shard of its own, so
a torn end is never continued. What decides order and duplicates stands in front of the trial, so that a
scan need not parse the trial.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from unswayed import trial_keys
from unswayed.store import checksummed_lines as sealed
from unswayed.trial import Trial

_TRIAL = b',"trial":'
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


class Row(NamedTuple):
    """A trial and its place in the table."""

    at: tuple[int, int, int]
    """Position of the question, of the condition, and the sample index."""
    trial: Trial


def encode(row: Row) -> bytes:
    """The line of one trial, its newline included."""
    t = row.trial
    head = {
        "at": row.at,
        "id": trial_keys.identity(t.benchmark, t.uid, t.condition, t.sample),
        "final": t.state != "error",
        "key": t.key,
    }
    return sealed.seal(f'{_encode(head)[:-1]},"trial":{_encode(vars(t))}}}')


def decode(line: bytes) -> dict[str, Any]:
    """The trial's fields in a line that `heads` found whole."""
    found: dict[str, Any] = json.loads(line)["trial"]
    return found


class Head(NamedTuple):
    """What stands in front of a stored trial, and where its line is."""

    at: tuple[int, int, int]
    id: str
    final: bool
    key: str
    offset: int
    length: int


def heads(shard: Path) -> Iterator[Head]:
    """Heads of all whole lines of a shard, in order; anything else is passed over."""
    with open(shard, "rb") as lines:
        yield from whole(lines)


def whole(lines: Iterable[bytes]) -> Iterator[Head]:
    """Heads of those among `lines` (with their newlines) that end and fit their checksum."""
    offset = 0
    for line in lines:
        body = sealed.body(line)
        if body is not None:
            head = json.loads(b"{" + body[: body.index(_TRIAL)] + b"}")
            yield Head(tuple(head["at"]), head["id"], head["final"], head["key"], offset, len(line))
        offset += len(line)


@dataclass(frozen=True)
class Order:
    """Which lines make the table, in its order: question, condition, sample."""

    shards: list[Path]
    places: np.ndarray[Any, np.dtype[np.int64]]
    """(n, 3): number of the shard, offset, length in bytes."""

    def __len__(self) -> int:
        return len(self.places)

    def rows(self, batch: int) -> Iterator[list[dict[str, Any]]]:
        """The trials' fields, `batch` at a time."""
        files = [open(shard, "rb") for shard in self.shards]  # noqa: SIM115
        try:
            for begin in range(0, len(self.places), batch):
                found = []
                for shard, offset, length in self.places[begin : begin + batch].tolist():
                    files[shard].seek(offset)
                    found.append(decode(files[shard].read(length)))
                yield found
        finally:
            for file in files:
                file.close()


def order(shards: Iterable[Path]) -> Order:
    """Scan all shards; of several lines for one cell the last final one wins, else the last.

    Needs some 200 bytes of memory a line, whatever the trials hold.
    """
    shards = list(shards)
    found: list[np.ndarray[Any, np.dtype[np.int64]]] = []
    block: list[tuple[int, ...]] = []
    for number, shard in enumerate(shards):
        for head in heads(shard):
            cell = int(head.id[:16], 16) - (1 << 63)
            block.append((cell, head.final, number, head.offset, head.length, *head.at))
            if len(block) == 8192:
                found.append(np.array(block, np.int64))
                block = []
    found.append(np.array(block, np.int64).reshape(-1, 8))
    lines = np.concatenate(found)
    # Lines of one cell together, the one that wins last.
    lines = lines[np.lexsort((lines[:, 3], lines[:, 2], lines[:, 1], lines[:, 0]))]
    last = np.ones(len(lines), bool)
    last[:-1] = lines[1:, 0] != lines[:-1, 0]
    lines = lines[last]
    lines = lines[np.lexsort((lines[:, 0], lines[:, 7], lines[:, 6], lines[:, 5]))]
    return Order(shards, lines[:, 2:5])
