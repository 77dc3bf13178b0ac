"""Rows of JSON files: one list, or one value a line (JSONL). Errors name the line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from unswayed.benchmarks.files.limits import MAX_JSON
from unswayed.benchmarks.files.local import FileEntry
from unswayed.errors import BadInput


def read_values(entry: FileEntry) -> list[Any]:
    """The values of a JSON list, or of a JSONL file, in order.

    Raises `BadInput`, with the line, for a file that is neither.
    """
    text = _text(entry)
    if text.lstrip().startswith("["):
        try:
            values = json.loads(text)
        except ValueError as problem:
            # JSONL whose lines are lists also begins with a bracket.
            if getattr(problem, "msg", "") != "Extra data":
                raise BadInput(f"{entry.location} is no JSON: {problem}; fetch it again") from problem
        except RecursionError as problem:
            raise BadInput(f"{entry.location} is nested too deeply to be read") from problem
        else:
            return list(values)
    values = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                values.append(json.loads(line))
            except (ValueError, RecursionError) as problem:
                raise BadInput(f"{entry.location} line {number} is no JSON: {problem}") from problem
    return values


def read_objects(entry: FileEntry) -> list[Mapping[str, Any]]:
    """As `read_values`, where each value must be an object. Raises `BadInput` for one that is not."""
    values = read_values(entry)
    for number, value in enumerate(values, 1):
        if not isinstance(value, dict):
            raise BadInput(
                f"{entry.location} row {number}: an object with names is needed, not {str(value)[:60]!r}"
            )
    return values


def read_object(entry: FileEntry) -> Mapping[str, Any]:
    """The one object that the file holds, over any number of lines. Raises `BadInput`."""
    try:
        value = json.loads(_text(entry))
    except (ValueError, RecursionError) as problem:
        raise BadInput(f"{entry.location} is no JSON: {problem}; fetch it again") from problem
    if not isinstance(value, dict):
        raise BadInput(f"{entry.location}: an object with names is needed, not {str(value)[:60]!r}")
    return value


def _text(entry: FileEntry) -> str:
    data = b"" if entry.path and entry.path.stat().st_size > MAX_JSON else entry.read()
    size = entry.path.stat().st_size if entry.path else len(data)
    if size > MAX_JSON:
        raise BadInput(f"{entry.location} has {size:,} bytes; JSON files of at most {MAX_JSON:,} are read")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise BadInput(f"{entry.location} is not UTF-8 text: {problem}; save it as UTF-8") from problem
