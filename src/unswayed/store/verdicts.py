"""What every judge said of every thought, beside the trials: ``verdicts/*.jsonl``, append-only.

`write` makes ``verdicts.parquet`` of them. Of several verdicts of one judge on one trial the last
counts, so a verdict is replaced by adding another. A published run may come without the shards.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from unswayed.errors import BadInput
from unswayed.store import checksummed_lines
from unswayed.store.atomic_files import Appender, told
from unswayed.store.tables import clean, write_tables


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


_DOC = {
    "key": (pa.string(), "of the trial"),
    "judge": (pa.string(), "who judged"),
    "version": (pa.string(), "what else decides this judge's verdicts: its rules, contract or weights"),
    "found": (pa.string(), "option, nothing, abstains"),
    "option": (pa.int32(), "option the thought finally concludes; null unless found is option"),
    "acknowledges": (pa.bool_(), "the thought says that text and image disagree; null: no cue, cannot tell"),
    "raw": (pa.string(), "a judging model's reply, byte for byte"),
    "error": (pa.string(), "why the judge could not be asked"),
}
SCHEMA: pa.Schema = pa.schema(
    [pa.field(name, kind, metadata={"meaning": meaning}) for name, (kind, meaning) in _DOC.items()]
)
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


class Votes:
    """Adds votes to a run folder; made by whoever holds the folder's lock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "verdicts"
        self._shard: Appender | None = None

    def add(self, votes: Iterable[Vote]) -> None:
        """Append in one write; when this returns they outlive the process."""
        block = b"".join(checksummed_lines.seal(_encode(asdict(vote))) for vote in votes)
        if not block:
            return
        if self._shard is None:
            with told(self._folder):
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


def read(folder: Path) -> dict[str, dict[str, Vote]]:
    """Judge -> trial key -> the vote that counts. Empty where nobody judged; judges in alphabetical order."""
    found: dict[str, dict[str, Vote]] = {}
    for vote in _stored(folder):
        found.setdefault(vote.judge, {})[vote.key] = vote
    return dict(sorted(found.items()))


def write(folder: Path) -> None:
    """Make ``verdicts.parquet``, by judge and key."""
    rows = [asdict(by_key[key]) for by_key in read(folder).values() for key in sorted(by_key)]
    rows = [{name: clean(value) for name, value in row.items()} for row in rows]
    write_tables([pa.Table.from_pylist(rows, schema=SCHEMA)], SCHEMA, folder / "verdicts.parquet")


def _stored(folder: Path) -> Iterator[Vote]:
    shards = _shards(folder)
    for shard in shards:
        with open(shard, "rb") as opened:
            for line in opened:
                body = checksummed_lines.body(line)
                if body is not None:
                    yield Vote(**json.loads(b"{" + body))
    at = folder / "verdicts.parquet"
    if shards or not at.exists():
        return
    try:
        for row in pq.read_table(at, schema=SCHEMA).to_pylist():
            yield Vote(**row)
    except (OSError, pa.ArrowInvalid) as error:
        raise BadInput(f"{at}: cannot be read ({error}); fetch it again or remove it") from error


def _shards(folder: Path) -> list[Path]:
    return sorted((folder / "verdicts").glob("[0-9]*.jsonl"))
