"""Where the files of a benchmark lie: a folder or file of the user's, or a snapshot of the hub.

Rows and pictures are looked for in the folder, then in the archives that lie there. A picture that a
row names is found by the end of its path, so that it does not matter what the folder is called.
What is not listed is never opened: a name from a file of rows cannot lead out of the place.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path, PurePosixPath

from unswayed.benchmarks.files import archives
from unswayed.benchmarks.files.remote import Far
from unswayed.benchmarks.records import LeftOut
from unswayed.errors import BadImage, BadInput
from unswayed.question import Image

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".jfif", ".avif")


@dataclass(frozen=True)
class Entry:
    """One file of a place."""

    name: str
    """Path within the folder or archive, with slashes."""
    read: Callable[[], bytes]
    path: Path | None = None
    """None: it is a member of an archive, or far."""
    far: Far | None = None
    """Where it lies, if not on this machine."""

    @property
    def where(self) -> str:
        """The file in words, for messages."""
        return str(self.path or self.name)


class Place:
    """The files in `path`: a folder, an archive, or one file (its pictures lie beside it)."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise BadInput(f"cannot read {path}: no such file or folder; give the benchmark's with --data")
        self.path = path
        self.only = None if path.is_dir() else path
        self.root = path if path.is_dir() else path.parent

    def files(self, *patterns: str) -> list[Entry]:
        """Files whose name, or path in the place, fits the first of the patterns that fits any.

        Where the user gave one file, that file, if its ending is that of a pattern.
        """
        if self.only is not None and not _is_archive(self.only):
            endings = {PurePosixPath(pattern).suffix.lower() for pattern in patterns}
            same = PurePosixPath(self.only.name.removesuffix(".gz")).suffix.lower() in endings
            return [self._entry(self.only, self.only.name)] if same else []
        for entries in (self._loose, self._packed):
            for pattern in patterns:
                found = [entry for entry in entries.values() if _fits(entry.name, pattern)]
                if found:
                    return found
        return []

    def picture(self, wanted: str) -> Image | None:
        """The picture that a row calls `wanted`, unread; None if there is none.

        Its name must agree, the ending (jpg, png) may differ; of several the one is taken whose path
        agrees furthest from its end. Raises `LeftOut` if two agree equally.
        """
        parts = [part for part in PurePosixPath(wanted.replace("\\", "/")).parts if part not in ("/", "..")]
        if not parts:
            return None
        for entries in (self._loose_pictures, self._packed_pictures):
            near = entries.get(_stem(parts[-1]), [])
            if not near:
                continue
            ranked = sorted(near, key=lambda entry: _agreement(entry.name, parts), reverse=True)
            best = _agreement(ranked[0].name, parts)
            if len(ranked) > 1 and _agreement(ranked[1].name, parts) == best:
                names = " and ".join(sorted(entry.name for entry in ranked[:2]))
                raise LeftOut(f"two files could be its picture {wanted!r}: {names}")
            return Image(ranked[0].read, wanted)
        return None

    @cached_property
    def _loose(self) -> dict[str, Entry]:
        if self.only is not None and _is_archive(self.only):
            return {}
        found = {}
        for folder, inner, names in os.walk(self.root):
            inner[:] = sorted(name for name in inner if not name.startswith("."))
            for name in sorted(names):
                path = Path(folder) / name
                relative = path.relative_to(self.root).as_posix()
                found[relative] = self._entry(path, relative)
        return found

    @cached_property
    def _packed(self) -> dict[str, Entry]:
        if self.only is not None and _is_archive(self.only):
            packed = [self.only]
        else:
            packed = [entry.path for entry in self._loose.values() if entry.path and _is_archive(entry.path)]
        return {
            f"{path.name}/{name}": Entry(name, read)
            for path in packed
            for name, read in archives.members(path).items()
        }

    @cached_property
    def _loose_pictures(self) -> dict[str, list[Entry]]:
        return _by_stem(self._loose.values())

    @cached_property
    def _packed_pictures(self) -> dict[str, list[Entry]]:
        return _by_stem(self._packed.values())

    def _entry(self, path: Path, name: str) -> Entry:
        def read() -> bytes:
            try:
                return path.read_bytes()
            except OSError as problem:
                raise BadImage(f"{name!r} cannot be read: {problem.strerror}") from problem

        return Entry(name, read, path)


def _is_archive(path: Path) -> bool:
    return path.name.lower().endswith(archives.SUFFIXES)


def _fits(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(PurePosixPath(name).name, pattern)


def _stem(name: str) -> str:
    return PurePosixPath(name).stem.casefold()


def _by_stem(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.name.lower().endswith(PICTURES):
            found.setdefault(_stem(entry.name), []).append(entry)
    return found


def _agreement(name: str, wanted: list[str]) -> tuple[bool, int]:
    """How well a file's path agrees with the wanted one: its own name first, then folders from the end."""
    have = PurePosixPath(name).parts
    folders = 0
    for a, b in zip(reversed(have[:-1]), reversed(wanted[:-1]), strict=False):
        if a != b:
            break
        folders += 1
    return have[-1] == wanted[-1], folders
