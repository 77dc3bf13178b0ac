"""Every judge's verdict on every thought, beside the trials: ``verdicts/*.jsonl``, append-only.

`write_table` makes ``verdicts.parquet`` from them. Of several verdicts of one judge on one trial the last
counts, so a verdict is replaced by adding another. A published run may come without the shards.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from unswayed.errors import BadInput
from unswayed.judges.base import Judge, Verdict, VerdictKind
from unswayed.store import checksummed_lines
from unswayed.store.atomic_files import Appender, os_errors_as_bad_input
from unswayed.store.tables import replace_surrogates, write_tables


@dataclass(frozen=True)
class Vote:
    """One judge's verdict on one trial."""

    key: str
    judge: str
    version: str
    found: str
    option: int | None = None
    acknowledges: bool | None = None
    raw: str | None = None
    error: str | None = None
    words: str | None = None

    @classmethod
    def of(cls, key: str, judge: Judge, verdict: Verdict) -> Vote:
        """The vote that `judge` cast on the trial `key`."""
        return cls(
            key,
            judge.name,
            judge.version,
            verdict.kind,
            verdict.option,
            verdict.acknowledges,
            verdict.raw,
            verdict.error,
            verdict.words,
        )

    def verdict(self) -> Verdict:
        """The verdict, as a judge gave it."""
        kind = cast(VerdictKind, self.found)
        return Verdict(kind, self.option, self.acknowledges, self.words, self.raw, self.error)


_COLUMNS = {
    "key": (pa.string(), "of the trial"),
    "judge": (pa.string(), "name of the judge"),
    "version": (pa.string(), "version of the judge: of its rules, prompt or weights"),
    "found": (pa.string(), "option, elsewhere (something that no option says), nothing, abstains"),
    "option": (pa.int32(), "option the thought finally concludes; null unless found is option"),
    "acknowledges": (
        pa.bool_(),
        "the thought says that text and image disagree; null: no cue, cannot tell",
    ),
    "raw": (pa.string(), "a judging model's reply, byte for byte"),
    "error": (pa.string(), "why the judge could not be asked"),
    "words": (pa.string(), "the thought's own words for a conclusion that no option says"),
}
SCHEMA: pa.Schema = pa.schema(
    [pa.field(name, kind, metadata={"meaning": meaning}) for name, (kind, meaning) in _COLUMNS.items()]
)
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


class VoteLog:
    """Appends votes to a run folder; only the holder of the folder's lock makes one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "verdicts"
        self._shard: Appender | None = None

    def add(self, votes: Iterable[Vote]) -> None:
        """Append in one write; when this returns they outlive the process."""
        block = b"".join(checksummed_lines.encode_line(_encode(asdict(vote))) for vote in votes)
        if not block:
            return
        if self._shard is None:
            with os_errors_as_bad_input(self._folder):
                self._folder.mkdir(exist_ok=True)
            number = max((int(shard.stem) for shard in _shards(self._folder.parent)), default=0) + 1
            self._shard = Appender(self._folder / f"{number:06d}.jsonl")
        self._shard.append(block)

    def close(self) -> None:
        """Sync and close."""
        if self._shard is not None:
            self._shard.sync()
            self._shard.close()
            self._shard = None


def read_votes(folder: Path) -> dict[str, dict[str, Vote]]:
    """Judge -> trial key -> the vote that counts; judges in alphabetical order, empty without verdicts."""
    votes: dict[str, dict[str, Vote]] = {}
    for vote in _stored(folder):
        votes.setdefault(vote.judge, {})[vote.key] = vote
    return dict(sorted(votes.items()))


def write_table(folder: Path) -> None:
    """Write ``verdicts.parquet``, ordered by judge and key."""
    rows = [asdict(by_key[key]) for by_key in read_votes(folder).values() for key in sorted(by_key)]
    rows = [{name: replace_surrogates(value) for name, value in row.items()} for row in rows]
    write_tables([pa.Table.from_pylist(rows, schema=SCHEMA)], SCHEMA, folder / "verdicts.parquet")


def _stored(folder: Path) -> Iterator[Vote]:
    shards = _shards(folder)
    for shard in shards:
        with open(shard, "rb") as lines:
            for line in lines:
                vote = _vote(checksummed_lines.decode_object(line))
                if vote is not None:
                    yield vote
    table = folder / "verdicts.parquet"
    if shards or not table.exists():
        return
    try:
        for row in pq.read_table(table, schema=SCHEMA).to_pylist():
            yield Vote(**row)
    except (OSError, pa.ArrowInvalid) as error:
        raise BadInput(f"{table}: cannot be read ({error}); fetch it again or remove it") from error


def _vote(fields: dict[str, Any] | None) -> Vote | None:
    """The vote in a line; None where it is none."""
    if fields is None or not fields.keys() <= _COLUMNS.keys():
        return None
    if not all(isinstance(fields.get(name), str) for name in ("key", "judge", "version", "found")):
        return None
    if not all(isinstance(fields.get(name), str | None) for name in ("raw", "error", "words")):
        return None
    option, acknowledges = fields.get("option"), fields.get("acknowledges")
    whole = option is None or (type(option) is int and 0 <= option < 2**31)
    return Vote(**fields) if whole and isinstance(acknowledges, bool | None) else None


def _shards(folder: Path) -> list[Path]:
    return sorted((folder / "verdicts").glob("[0-9]*.jsonl"))
