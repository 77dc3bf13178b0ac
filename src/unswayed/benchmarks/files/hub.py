"""Data sets of the Hugging Face hub: fetched once into the hub's own cache, and read from there.

Needs the extra ``hub``. The cache follows ``HF_HUB_CACHE`` and ``HF_HOME``; with ``HF_HUB_OFFLINE=1`` nothing
is fetched. Revisions are pinned, so a benchmark stays the same; offline, any cached revision is taken.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unswayed.errors import BadInput, MissingExtra


@dataclass(frozen=True)
class HubSource:
    """Files of one data set."""

    repo: str
    files: tuple[str, ...]
    """Patterns; ``{split}`` stands for the split."""
    revision: str | None = None
    """Commit; None: the newest."""
    streams: bool = False
    """Whether its reader needs only the sampled rows, so that large files can be read remotely."""

    def patterns(self, split: str) -> list[str]:
        """What to fetch for a split."""
        return [pattern.replace("{split}", split) for pattern in self.files]


def snapshot(source: HubSource, split: str, name: str) -> Path:
    """The folder of the files, fetched if they are not in the cache and the network may be used.

    Raises `BadInput`, with the command that fetches them, where they are not available; `MissingExtra`.
    """
    try:
        import huggingface_hub
    except ImportError as problem:
        raise MissingExtra(
            f"{name} is read from the hub, which needs the extra 'hub' (pip install 'unswayed[hub]'); "
            "or give its files with --data"
        ) from problem
    patterns = source.patterns(split)
    reason = "HF_HUB_OFFLINE is set"
    if not offline():
        try:
            return Path(_download(huggingface_hub, source, patterns, source.revision, False))
        except Exception as problem:  # the hub's client raises its own, requests', httpx' and OS errors
            reason = f"the hub cannot be reached or refuses ({one_line(problem)})"
    for revision in dict.fromkeys((source.revision, None)):
        folder = cached_snapshot(source, patterns, revision)
        if folder and any(path.is_file() for pattern in patterns for path in _glob(folder, pattern)):
            return folder
    raise BadInput(_remedy(source, patterns, name, reason))


def cached_snapshot(source: HubSource, patterns: list[str], revision: str | None) -> Path | None:
    """The folder of a revision in the cache, complete or not; None: it is not there."""
    import huggingface_hub

    try:
        return Path(_download(huggingface_hub, source, patterns, revision, True))
    except Exception:  # whatever the client raises for a cache without it
        return None


def offline() -> bool:
    """Whether the network must not be used (the hub's client looks at this only when it is imported)."""
    return os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")


def endpoint() -> str | None:
    """Another hub than the public one, from the environment as it is now."""
    return os.environ.get("HF_ENDPOINT") or None


def _download(client: Any, source: HubSource, patterns: list[str], revision: str | None, local: bool) -> str:
    return str(
        client.snapshot_download(
            source.repo,
            repo_type="dataset",
            revision=revision,
            allow_patterns=patterns,
            cache_dir=_cache_dir(),
            endpoint=endpoint(),
            local_files_only=local,
        )
    )


def _cache_dir() -> Path:
    """The hub's cache, from the environment as it is now (its client looks only when it is imported)."""
    if path := os.environ.get("HF_HUB_CACHE"):
        return Path(path).expanduser()
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface"
    return Path(home).expanduser() / "hub"


def _glob(folder: Path, pattern: str) -> list[Path]:
    # In the hub's patterns * matches slashes too.
    from fnmatch import fnmatchcase

    return [p for p in folder.rglob("*") if fnmatchcase(p.relative_to(folder).as_posix(), pattern)]


def _remedy(source: HubSource, patterns: list[str], name: str, reason: str) -> str:
    include = " ".join(f"--include '{pattern}'" for pattern in patterns)
    revision = f" --revision {source.revision}" if source.revision else ""
    return (
        f"{name} is not in the hub's cache {_cache_dir()}, and {reason}; on a machine with network run "
        f"`hf download {source.repo} --repo-type dataset{revision} {include}`, then copy the cache "
        "or give the folder with --data"
    )


def one_line(problem: Exception) -> str:
    """An error of the client on one line."""
    return f"{type(problem).__name__}: {' '.join(str(problem).split())[:160]}"
