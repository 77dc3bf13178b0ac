"""The lines of a shard: trials, later additions to them, and the manifest they belong to.

Every line is a JSON object with a checksum (see `checksummed_lines`). A torn or damaged line is ignored;
its trial is asked again. Each process writes its own shard, so a torn end is never continued.

::

    {"crc32":"…","manifest":{…}}                                              first line of a shard
    {"crc32":"…","at":[q,c,s],"id":"…","final":…,"key":"…","open":…,"trial":{…}}   a trial
    {"crc32":"…","id":"…","of":"…","update":{…}}                              columns added to a trial

A trial is stored as soon as its answer is there, ``open`` while its letters and its verdict are missing.
They come as an update, which names the checksum of the line that it completes. The fields that decide order
and duplicates stand before the trial, so that a scan need not parse the trial.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from unswayed import trial_keys
from unswayed.store import checksummed_lines
from unswayed.trial import Trial

_TRIAL = b',"trial":'
_UPDATE = b',"update":'
_MANIFEST = b'"manifest":'
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


class PositionedTrial(NamedTuple):
    """A trial and its position in the table."""

    position: tuple[int, int, int]
    """Index of the question, index of the condition, and the sample index."""
    trial: Trial
    open: bool = False
    """Its letters or its verdict come later, as a `TrialUpdate`."""


class TrialUpdate(NamedTuple):
    """Columns that complete a stored trial."""

    identity: str
    """See `trial_keys.identity`."""
    columns: Mapping[str, Any]


class LineHeader(NamedTuple):
    """The fields before a stored trial, and the location of its line."""

    position: tuple[int, int, int]
    id: str
    """Identity of the trial, see `trial_keys.identity`."""
    final: bool
    """False: an error, which is asked again when the run is resumed."""
    key: str
    open: bool
    checksum: str
    """Of the line: 8 hexadecimal digits."""
    offset: int
    """Of the line in its shard, in bytes."""
    length: int
    """Of the line, in bytes."""


class UpdateHeader(NamedTuple):
    """The fields before an update, and the location of its line."""

    id: str
    of: str
    """Checksum of the trial's line."""
    offset: int
    length: int


def trial_identity(trial: Trial) -> str:
    """See `trial_keys.identity`."""
    return trial_keys.identity(trial.benchmark, trial.uid, trial.condition, trial.sample)


def encode(row: PositionedTrial) -> bytes:
    """The line of one trial, its newline included."""
    header = {
        "at": row.position,
        "id": trial_identity(row.trial),
        "final": row.trial.state != "error",
        "key": row.trial.key,
        **({"open": True} if row.open else {}),
    }
    return checksummed_lines.encode_line(f'{_encode(header)[:-1]},"trial":{_encode(vars(row.trial))}}}')


def encode_update(update: TrialUpdate, of: str) -> bytes:
    """The line of one update to the trial whose line has the checksum `of`."""
    header = {"id": update.identity, "of": of}
    return checksummed_lines.encode_line(f'{_encode(header)[:-1]},"update":{_encode(dict(update.columns))}}}')


def encode_manifest(manifest: Mapping[str, Any]) -> bytes:
    """The first line of a shard."""
    return checksummed_lines.encode_line(_encode({"manifest": dict(manifest)}))


def decode(line: bytes) -> dict[str, Any]:
    """The trial's fields in a valid line."""
    fields: dict[str, Any] = json.loads(line)["trial"]
    return fields


def decode_update(line: bytes) -> dict[str, Any]:
    """The columns in the valid line of an update."""
    columns: dict[str, Any] = json.loads(line)["update"]
    return columns


def read_manifest(shard: Path) -> dict[str, Any] | None:
    """The manifest in the first line of a shard; None without a valid one."""
    with open(shard, "rb") as lines:
        body = checksummed_lines.decode_line(lines.readline())
    if body is None or not body.startswith(_MANIFEST):
        return None
    manifest: dict[str, Any] = json.loads(b"{" + body)["manifest"]
    return manifest


def headers(shard: Path) -> Iterator[LineHeader | UpdateHeader]:
    """Headers of all valid trials and updates of a shard, in order; other lines are ignored."""
    with open(shard, "rb") as lines:
        yield from valid_headers(lines)


def valid_headers(lines: Iterable[bytes]) -> Iterator[LineHeader | UpdateHeader]:
    """Headers of those `lines` (newlines included) that are complete and match their checksum."""
    offset = 0
    for line in lines:
        body = checksummed_lines.decode_line(line)
        if body is not None:
            header = _header(body, checksummed_lines.checksum(line), offset, len(line))
            if header is not None:
                yield header
        offset += len(line)


def count_invalid_lines(shard: Path) -> int:
    """How many lines of a shard are torn or damaged."""
    with open(shard, "rb") as lines:
        return sum(checksummed_lines.decode_line(line) is None for line in lines)


def _header(body: bytes, checksum: str, offset: int, length: int) -> LineHeader | UpdateHeader | None:
    # In JSON the quotes within a string are escaped, so these marks cannot stand in a model's text.
    if body.startswith(_MANIFEST):
        return None
    if (trial := body.find(_TRIAL)) >= 0:
        fields = json.loads(b"{" + body[:trial] + b"}")
        return LineHeader(
            tuple(fields["at"]),
            fields["id"],
            fields["final"],
            fields["key"],
            fields.get("open", False),
            checksum,
            offset,
            length,
        )
    if (update := body.find(_UPDATE)) >= 0:
        fields = json.loads(b"{" + body[:update] + b"}")
        return UpdateHeader(fields["id"], fields["of"], offset, length)
    return None
