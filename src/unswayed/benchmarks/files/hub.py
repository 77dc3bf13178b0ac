"""Data sets of the Hugging Face hub: fetched once into its cache, and read from there.

Needs the extra ``hub``. The cache is the hub's own (``HF_HUB_CACHE``, ``HF_HOME``), and with
``HF_HUB_OFFLINE=1`` nothing is fetched. Revisions are pinned, so that a benchmark is the same
tomorrow; offline, any revision that is in the cache will do.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unswayed.errors import BadInput, MissingExtra


@dataclass(frozen=True)
class Hub:
    """Files of one data set."""

    repo: str
    files: tuple[str, ...]
    """Patterns; ``{split}`` stands for the split."""
    revision: str | None = None
    """Commit; None: the newest."""
    streams: bool = False
    """Whether its reader can do with the rows drawn, so that large files are read where they lie."""

    def patterns(self, split: str) -> list[str]:
        """What to fetch for a split."""
        return [pattern.replace("{split}", split) for pattern in self.files]


def snapshot(source: Hub, split: str, name: str) -> Path:
    """The folder of the files, fetched if they are not in the cache and the hub may be asked.

    Raises `BadInput`, saying what to fetch and how, where they cannot be had; `MissingExtra`.
    """
    try:
        import huggingface_hub
    except ImportError as problem:
        raise MissingExtra(
            f"{name} is read from the hub, which needs the extra 'hub' (pip install 'unswayed[hub]'); "
            "or give its files with --data"
        ) from problem
    patterns = source.patterns(split)
    why = "HF_HUB_OFFLINE is set"
    if not offline():
        try:
            return Path(_fetch(huggingface_hub, source, patterns, source.revision, False))
        except Exception as problem:  # the hub's client raises its own, requests', httpx' and OS errors
            why = f"the hub cannot be reached or refuses ({line(problem)})"
    for revision in dict.fromkeys((source.revision, None)):
        folder = cached(source, patterns, revision)
        if folder and any(path.is_file() for pattern in patterns for path in _globbed(folder, pattern)):
            return folder
    raise BadInput(_remedy(source, patterns, name, why))


def cached(source: Hub, patterns: list[str], revision: str | None) -> Path | None:
    """The folder of a revision in the cache, whole or in part; None: it is not there."""
    import huggingface_hub

    try:
        return Path(_fetch(huggingface_hub, source, patterns, revision, True))
    except Exception:  # whatever the client says of a cache without it
        return None


def offline() -> bool:
    """Whether nothing may be fetched (the hub's client looks only when it is imported)."""
    return os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")


def endpoint() -> str | None:
    """Another hub than the public one, as the environment says now."""
    return os.environ.get("HF_ENDPOINT") or None


def _fetch(hub: Any, source: Hub, patterns: list[str], revision: str | None, local: bool) -> str:
    return str(
        hub.snapshot_download(
            source.repo,
            repo_type="dataset",
            revision=revision,
            allow_patterns=patterns,
            cache_dir=_cache(),
            endpoint=endpoint(),
            local_files_only=local,
        )
    )


def _cache() -> Path:
    """The hub's cache as the environment says now (its client looks only when it is imported)."""
    if given := os.environ.get("HF_HUB_CACHE"):
        return Path(given).expanduser()
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface"
    return Path(home).expanduser() / "hub"


def _globbed(folder: Path, pattern: str) -> list[Path]:
    # The hub's patterns let * cross folders.
    from fnmatch import fnmatchcase

    return [p for p in folder.rglob("*") if fnmatchcase(p.relative_to(folder).as_posix(), pattern)]


def _remedy(source: Hub, patterns: list[str], name: str, why: str) -> str:
    include = " ".join(f"--include '{pattern}'" for pattern in patterns)
    revision = f" --revision {source.revision}" if source.revision else ""
    return (
        f"{name} is not in the hub's cache {_cache()}, and {why}; on a machine with network run "
        f"`hf download {source.repo} --repo-type dataset{revision} {include}`, then copy the cache "
        "or give the folder with --data"
    )


def line(problem: Exception) -> str:
    """An error of the client's on one line."""
    return f"{type(problem).__name__}: {' '.join(str(problem).split())[:160]}"
