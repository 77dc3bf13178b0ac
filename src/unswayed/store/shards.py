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
from unswayed.errors import BadInput
from unswayed.store import checksummed_lines
from unswayed.trial import SCHEMA, STATES, Trial

_TRIAL = b',"trial":'
_UPDATE = b',"update":'
_MANIFEST = b'"manifest":'
_COLUMNS = tuple(SCHEMA.names)
_TEXTS = ("key", "benchmark", "uid", "condition", "question", "model")
_FOREIGN = "a line with a right checksum holds no trial; unswayed did not write this file: fetch it again"
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
    """The trial's fields in a valid line. Raises `BadInput` where they are none of a trial."""
    fields = _part(line, "trial")
    if fields.get("state") not in STATES or not all(isinstance(fields.get(name), str) for name in _TEXTS):
        raise BadInput(_FOREIGN)
    return {name: fields.get(name) for name in _COLUMNS}


def decode_update(line: bytes) -> dict[str, Any]:
    """The columns in the valid line of an update. Raises `BadInput` where there are none."""
    return {name: value for name, value in _part(line, "update").items() if name in _COLUMNS}


def _part(line: bytes, name: str) -> dict[str, Any]:
    part = (checksummed_lines.parse_object(line) or {}).get(name)
    if not isinstance(part, dict):
        raise BadInput(_FOREIGN)
    return part


def read_manifest(shard: Path) -> dict[str, Any] | None:
    """The manifest in the first line of a shard; None without a valid one."""
    with open(shard, "rb") as lines:
        manifest = (checksummed_lines.decode_object(lines.readline()) or {}).get("manifest")
    return manifest if isinstance(manifest, dict) else None


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
    """The header in the body of a line; None for a manifest, and for what no version of unswayed wrote."""
    # In JSON the quotes within a string are escaped, so these marks cannot stand in a model's text.
    if body.startswith(_MANIFEST):
        return None
    if (trial := body.find(_TRIAL)) >= 0:
        fields = checksummed_lines.parse_object(b"{" + body[:trial] + b"}") or {}
        position, final, open_ = fields.get("at"), fields.get("final"), fields.get("open", False)
        if not (isinstance(position, list) and len(position) == 3 and all(map(_is_index, position))):
            return None
        if not (_is_hex(fields.get("id"), 32) and isinstance(final, bool) and isinstance(open_, bool)):
            return None
        if not _is_hex(fields.get("key")):
            return None
        place = (position[0], position[1], position[2])
        return LineHeader(place, fields["id"], final, fields["key"], open_, checksum, offset, length)
    if (update := body.find(_UPDATE)) >= 0:
        fields = checksummed_lines.parse_object(b"{" + body[:update] + b"}") or {}
        if _is_hex(fields.get("id"), 32) and _is_hex(fields.get("of"), 8):
            return UpdateHeader(fields["id"], fields["of"], offset, length)
    return None


def _is_index(value: object) -> bool:
    return isinstance(value, int) and 0 <= value < 2**62


def _is_hex(value: object, digits: int | None = None) -> bool:
    return (
        isinstance(value, str)
        and (len(value) == digits if digits else len(value) % 2 == 0)
        and not value.strip("0123456789abcdef")
    )
