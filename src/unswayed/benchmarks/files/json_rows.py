"""Rows out of JSON files: one list, or one value a line. What cannot be right is named by its line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from unswayed.benchmarks.files.local import Entry
from unswayed.errors import BadInput


def values(entry: Entry) -> list[Any]:
    """The values of a JSON list, or of a file with one JSON value a line (JSONL), in order.

    Raises `BadInput`, with the line, for a file that is neither.
    """
    text = _text(entry)
    if text.lstrip().startswith("["):
        try:
            found = json.loads(text)
        except ValueError as problem:
            # JSONL whose lines are lists also begins with a bracket.
            if getattr(problem, "msg", "") != "Extra data":
                raise BadInput(f"{entry.where} is no JSON: {problem}; fetch it again") from problem
        except RecursionError as problem:
            raise BadInput(f"{entry.where} is nested too deeply to be read") from problem
        else:
            return list(found)
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                found.append(json.loads(line))
            except (ValueError, RecursionError) as problem:
                raise BadInput(f"{entry.where} line {number} is no JSON: {problem}") from problem
    return found


def objects(entry: Entry) -> list[Mapping[str, Any]]:
    """As `values`, where each must be an object with names."""
    found = values(entry)
    for number, value in enumerate(found, 1):
        if not isinstance(value, dict):
            raise BadInput(
                f"{entry.where} row {number}: an object with names is needed, not {str(value)[:60]!r}"
            )
    return found


def single(entry: Entry) -> Mapping[str, Any]:
    """The one object that the whole file is, over any number of lines."""
    try:
        found = json.loads(_text(entry))
    except (ValueError, RecursionError) as problem:
        raise BadInput(f"{entry.where} is no JSON: {problem}; fetch it again") from problem
    if not isinstance(found, dict):
        raise BadInput(f"{entry.where}: an object with names is needed, not {str(found)[:60]!r}")
    return found


def _text(entry: Entry) -> str:
    try:
        return entry.read().decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise BadInput(f"{entry.where} is not UTF-8 text: {problem}; save it as UTF-8") from problem
