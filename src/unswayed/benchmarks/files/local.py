"""Files of a benchmark on this machine: a folder or file of the user's, or a snapshot of the hub.

Rows and images are looked for in the folder, then in the archives in it. An image that a row names is found
by the end of its path, so the folder may have any name. Only listed files are opened: a name in a row cannot
lead out of the folder, and neither can a symbolic link (see `access`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path, PurePosixPath

from unswayed.benchmarks.files import archives
from unswayed.benchmarks.files.access import DEFAULT, Access, boundary, check_inside
from unswayed.benchmarks.files.remote import RemoteFile
from unswayed.benchmarks.records import UnusableRow
from unswayed.errors import BadImage, BadInput
from unswayed.question import Image

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".jfif", ".avif")


@dataclass(frozen=True)
class FileEntry:
    """One file: loose, in an archive, or remote."""

    name: str
    """Path within the folder or archive, with slashes."""
    read: Callable[[], bytes]
    path: Path | None = None
    """None: it is in an archive, or remote."""
    remote: RemoteFile | None = None
    """None: it is on this machine."""

    @property
    def location(self) -> str:
        """The file, for messages."""
        return str(self.path or self.name)


class LocalFiles:
    """The files in `path`: a folder, an archive, or one file (its images lie beside it)."""

    def __init__(self, path: Path, access: Access = DEFAULT) -> None:
        if not path.exists():
            raise BadInput(f"cannot read {path}: no such file or folder; give the benchmark's with --data")
        self.path = path
        self.access = access
        self.single = None if path.is_dir() else path
        """The one file that the user gave; None: a folder."""
        self.root = path if path.is_dir() else path.parent

    def match(self, *patterns: str) -> list[FileEntry]:
        """Files whose name, or path in the folder, matches the first of the patterns that matches any.

        Where the user gave one file, that file, if its suffix is that of a pattern. Raises `BadInput` for a
        link that leads out of the folder.
        """
        if self.single is not None and not _is_archive(self.single):
            suffixes = {PurePosixPath(pattern).suffix.lower() for pattern in patterns}
            fits = PurePosixPath(self.single.name.removesuffix(".gz")).suffix.lower() in suffixes
            return [self._entry(self.single, self.single.name)] if fits else []
        for entries in (self._loose, self._packed):
            for pattern in patterns:
                matches = [entry for entry in entries.values() if _matches(entry.name, pattern)]
                if matches:
                    for entry in matches:
                        self._check(entry)
                    return matches
        return []

    def image(self, wanted: str) -> Image | None:
        """The image that a row calls `wanted`, unread; None if there is none.

        Its name must agree, the suffix (jpg, png) may differ; of several the one is taken whose path
        agrees furthest from its end. Raises `UnusableRow` if two agree equally, `BadInput` as `match`.
        """
        parts = [part for part in PurePosixPath(wanted.replace("\\", "/")).parts if part not in ("/", "..")]
        if not parts:
            return None
        for entries in (self._loose_images, self._packed_images):
            candidates = entries.get(_stem(parts[-1]), [])
            if not candidates:
                continue
            ranked = sorted(candidates, key=lambda entry: _agreement(entry.name, parts), reverse=True)
            best = _agreement(ranked[0].name, parts)
            if len(ranked) > 1 and _agreement(ranked[1].name, parts) == best:
                names = " and ".join(sorted(entry.name for entry in ranked[:2]))
                raise UnusableRow(f"two files could be its picture {wanted!r}: {names}")
            self._check(ranked[0])
            return Image(ranked[0].read, wanted)
        return None

    @cached_property
    def _boundary(self) -> Path:
        return boundary(self.root)

    def _check(self, entry: FileEntry) -> None:
        # Folders are not followed below, so only the file itself can be a link.
        if entry.path is not None and entry.path != self.single:
            if self.access.outside_links or not entry.path.is_symlink():
                return
            check_inside(entry.path, self._boundary, self.access)

    @cached_property
    def _loose(self) -> dict[str, FileEntry]:
        if self.single is not None and _is_archive(self.single):
            return {}
        entries = {}
        follow, visited = self.access.outside_links, {self.root.resolve()}
        for folder, subfolders, names in os.walk(self.root, followlinks=follow):
            subfolders[:] = [
                name
                for name in sorted(subfolders)
                if not name.startswith(".") and not (follow and _seen_before(Path(folder) / name, visited))
            ]
            for name in sorted(names):
                path = Path(folder) / name
                relative = path.relative_to(self.root).as_posix()
                entries[relative] = self._entry(path, relative)
        return entries

    @cached_property
    def _packed(self) -> dict[str, FileEntry]:
        if self.single is not None and _is_archive(self.single):
            packed = [self.single]
        else:
            inside = [entry for entry in self._loose.values() if entry.path and _is_archive(entry.path)]
            for entry in inside:
                self._check(entry)
            packed = [entry.path for entry in inside if entry.path]
        return {
            f"{path.name}/{name}": FileEntry(name, read)
            for path in packed
            for name, read in archives.members(path).items()
        }

    @cached_property
    def _loose_images(self) -> dict[str, list[FileEntry]]:
        return _images_by_stem(self._loose.values())

    @cached_property
    def _packed_images(self) -> dict[str, list[FileEntry]]:
        return _images_by_stem(self._packed.values())

    def _entry(self, path: Path, name: str) -> FileEntry:
        def read() -> bytes:
            try:
                if not path.is_file():  # a pipe would block for ever
                    raise BadImage(f"{name!r} cannot be read: it is no regular file")
                return path.read_bytes()
            except OSError as problem:
                raise BadImage(f"{name!r} cannot be read: {problem.strerror}") from problem

        return FileEntry(name, read, path)


def _seen_before(folder: Path, visited: set[Path]) -> bool:
    """Whether a folder was listed under another name: links can form a loop."""
    real = folder.resolve()
    seen = real in visited
    visited.add(real)
    return seen


def _is_archive(path: Path) -> bool:
    return path.name.lower().endswith(archives.SUFFIXES)


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(PurePosixPath(name).name, pattern)


def _stem(name: str) -> str:
    return PurePosixPath(name).stem.casefold()


def _images_by_stem(entries: Iterable[FileEntry]) -> dict[str, list[FileEntry]]:
    by_stem: dict[str, list[FileEntry]] = {}
    for entry in entries:
        if entry.name.lower().endswith(IMAGE_SUFFIXES):
            by_stem.setdefault(_stem(entry.name), []).append(entry)
    return by_stem


def _agreement(name: str, wanted: list[str]) -> tuple[bool, int]:
    """How well a file's path agrees with the wanted one: its own name first, then folders from the end."""
    path = PurePosixPath(name).parts
    folders = 0
    for a, b in zip(reversed(path[:-1]), reversed(wanted[:-1]), strict=False):
        if a != b:
            break
        folders += 1
    return path[-1] == wanted[-1], folders
