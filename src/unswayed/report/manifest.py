"""A run's manifest, or any JSON object, as rows of text of bounded length."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from unswayed.formatting import clip, visible

MAX_ROWS = 300
"""Largest number of rows shown."""


def manifest_sections(manifest: Mapping[str, Any]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Sections of (path, text) rows, one per top-level key; scalar values come first."""
    plain = [(clip(str(k), 200), _scalar(v)) for k, v in manifest.items() if not isinstance(v, dict | list)]
    left = MAX_ROWS - len(plain)
    if plain:
        yield "run", plain[:MAX_ROWS]
    for key, value in manifest.items():
        if not isinstance(value, dict | list) or left <= 0:
            continue
        rows = list(_flat(value, "", 0))
        more = [("…", f"{len(rows) - left} more entries are in the manifest")] if len(rows) > left else []
        yield clip(str(key), 200), rows[:left] + more
        left -= len(rows)


def _flat(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]]:
    simple = isinstance(value, list | tuple) and all(not isinstance(v, dict | list | tuple) for v in value)
    if isinstance(value, dict) and value and depth < 8:
        for key, inner in value.items():
            yield from _flat(inner, f"{path} · {clip(str(key), 200)}".removeprefix(" · "), depth + 1)
    elif isinstance(value, list | tuple) and value and not simple and depth < 8:
        for i, inner in enumerate(value):
            yield from _flat(inner, f"{path} · {i}".removeprefix(" · "), depth + 1)
    elif simple:
        yield path, clip("\n".join(_scalar(v) for v in value)) or "none"
    else:
        yield path, _scalar(value)


def _scalar(value: Any) -> str:
    if value is None or value == "" or value == {}:
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return clip(value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False))


def format_name(manifest: Mapping[str, Any]) -> str:
    """The name of the run's prompt format, for display; ``common`` where the manifest names none."""
    asks = manifest.get("asks")
    format = asks.get("format") if isinstance(asks, dict) else None
    name = format.get("name") if isinstance(format, dict) else None
    return visible(clip(str(name), 60)) if name else "common"
