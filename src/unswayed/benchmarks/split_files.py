"""Which of a place's files a reader takes: those of its split, and never a guess between several."""

from __future__ import annotations

import re
from pathlib import Path

from unswayed.benchmarks.files.local import Entry
from unswayed.benchmarks.files.parquet import Parquet
from unswayed.benchmarks.records import Asked
from unswayed.errors import BadInput


def found(asked: Asked, *patterns: str) -> list[Entry]:
    """Files that fit the first pattern that fits any, those of the split if their names tell splits apart.

    A name tells a split if it is a word in it (``data/val-00000-of-00001.parquet``, ``SAT_static.parquet``).
    Where the user named no split and there is only one, that is taken. Raises `BadInput` for a split
    that is not there; an empty list means that no file fits.
    """
    files = asked.place.files(*patterns)
    splits = {file.name: _split(file.name) for file in files}
    there = {split for split in splits.values() if split}
    wanted = _LONG.get(asked.split, asked.split)
    if wanted in there:
        return [file for file in files if splits[file.name] == wanted]
    if (len(there) == 1 and not asked.named) or not there:
        return files
    names = ", ".join(sorted(there))
    raise BadInput(f"{asked.name}: {asked.place.path} has no split {asked.split!r}; splits there: {names}")


def one(asked: Asked, *patterns: str) -> Entry | None:
    """As `found`, where one file is wanted. Raises `BadInput` for several."""
    files = found(asked, *patterns)
    if len(files) > 1:
        names = ", ".join(sorted(file.name for file in files)[:6])
        raise BadInput(
            f"{asked.name}: which file of {asked.place.path} is meant? Give one with --data: {names}"
        )
    return files[0] if files else None


def nothing(asked: Asked, wanted: str) -> BadInput:
    """The error for a place without the files."""
    return BadInput(f"cannot read {asked.place.path} as {asked.name}: it holds no {wanted}")


def loose(entry: Entry) -> Path:
    """Where a file lies. Raises `BadInput` for one inside an archive, which must be a file of its own."""
    if entry.path is None:
        raise BadInput(f"{entry.name} lies inside an archive; unpack it to read it")
    return entry.path


def parquet(entries: list[Entry]) -> Parquet | None:
    """The table in these files; None for no files. Raises `BadInput` as `loose`."""
    return Parquet([entry.far or loose(entry) for entry in entries]) if entries else None


_SPLITS = ("train", "static", "validation", "val", "test", "dev", "testmini")
_LONG = {"val": "validation"}
_WORD = re.compile(rf"(?:^|[^a-zA-Z0-9])({'|'.join(_SPLITS)})(?=$|[^a-zA-Z])", re.IGNORECASE)


def _split(name: str) -> str | None:
    words = _WORD.findall(name)
    return _LONG.get(words[-1].lower(), words[-1].lower()) if words else None
