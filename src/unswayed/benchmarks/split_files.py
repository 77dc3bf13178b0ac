"""Which files a reader takes: those of its split. Where several could be meant, it asks instead of
guessing."""

from __future__ import annotations

import re
from pathlib import Path

from unswayed.benchmarks.catalogue_entry import ReadRequest
from unswayed.benchmarks.files.local import FileEntry
from unswayed.benchmarks.files.parquet import ParquetTable
from unswayed.errors import BadInput


def split_files(request: ReadRequest, *patterns: str) -> list[FileEntry]:
    """Files that match the first pattern that matches any; those of the split, if names tell splits apart.

    A name tells its split by a word in it (``data/val-00000-of-00001.parquet``, ``SAT_static.parquet``).
    Where the user named no split and there is only one, that one is taken. Raises `BadInput` for a split
    that is not there; an empty list means that no file matches.
    """
    files = request.files.match(*patterns)
    split_of = {file.name: _split_in(file.name) for file in files}
    available = {split for split in split_of.values() if split}
    wanted = _LONG_NAMES.get(request.split, request.split)
    if wanted in available:
        return [file for file in files if split_of[file.name] == wanted]
    if (len(available) == 1 and not request.split_given) or not available:
        return files
    names = ", ".join(sorted(available))
    raise BadInput(
        f"{request.name}: {request.files.path} has no split {request.split!r}; splits there: {names}"
    )


def single_file(request: ReadRequest, *patterns: str) -> FileEntry | None:
    """As `split_files`, where one file is wanted. Raises `BadInput` for several."""
    files = split_files(request, *patterns)
    if len(files) > 1:
        names = ", ".join(sorted(file.name for file in files)[:6])
        raise BadInput(
            f"{request.name}: which file of {request.files.path} is meant? Give one with --data: {names}"
        )
    return files[0] if files else None


def missing_files(request: ReadRequest, wanted: str) -> BadInput:
    """The error for a folder or file that does not hold what the reader needs."""
    return BadInput(f"cannot read {request.files.path} as {request.name}: it holds no {wanted}")


def local_path(file: FileEntry) -> Path:
    """The path of a file that is not in an archive. Raises `BadInput` for one that is."""
    if file.path is None:
        raise BadInput(f"{file.name} lies inside an archive; unpack it to read it")
    return file.path


def open_parquet(files: list[FileEntry]) -> ParquetTable | None:
    """The table in these files; None for an empty list. Raises `BadInput` as `local_path`."""
    return ParquetTable([file.remote or local_path(file) for file in files]) if files else None


_SPLITS = ("train", "static", "validation", "val", "test", "dev", "testmini")
_LONG_NAMES = {"val": "validation"}
_WORD = re.compile(rf"(?:^|[^a-zA-Z0-9])({'|'.join(_SPLITS)})(?=$|[^a-zA-Z])", re.IGNORECASE)


def _split_in(name: str) -> str | None:
    words = _WORD.findall(name)
    return _LONG_NAMES.get(words[-1].lower(), words[-1].lower()) if words else None
