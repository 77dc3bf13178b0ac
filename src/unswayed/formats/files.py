"""Formats as TOML files; the docs page on prompt formats shows one.

::

    name = "mine"
    system = "Think first, then answer."
    suffix = "\\nPut the letter in a box."
    stop = []

    [thought]
    open = "<think>\\n"
    close = "\\n</think>\\n\\n"
    by_template = false
    also = [["<thinking>", "</thinking>"]]
    stopped = "This is my answer."

    [answer]
    open = "\\\\boxed{"
    close = "}"
    also = [["<answer>", "</answer>"]]

    [about]
    models = ["mine-7b"]
    source = "model card of 2026-05-01"
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from unswayed.errors import BadInput
from unswayed.formats.format import STOPPED, Format, Marks

T = TypeVar("T")

_LARGEST = 200_000
_TABLES: dict[str, tuple[str, ...]] = {
    "": ("name", "system", "prefix", "suffix", "stop", "thought", "answer", "about"),
    "thought": ("open", "close", "by_template", "also", "stopped"),
    "answer": ("open", "close", "also"),
    "about": ("models", "source"),
}


def load_format(path: str | Path) -> Format:
    """The format in a TOML file. Raises `BadInput`, naming file and key, for what is none."""
    path = Path(path)
    try:
        if path.stat().st_size > _LARGEST:
            raise BadInput(f"{path}: has more than {_LARGEST:,} bytes; a format is a short TOML file")
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        reason = error.strerror or error
        raise BadInput(f"{path}: cannot be read ({reason}); give a format's name or its TOML file") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: is not UTF-8 text ({error}); save it as UTF-8") from error
    return parse_format(text, str(path), path.stem)


def parse_format(text: str, where: str, name: str) -> Format:
    """The format in a TOML text; `name` is its name where it gives none. Raises `BadInput`."""
    try:
        values = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadInput(f"{where}: is not valid TOML ({error})") from error
    tables = {table: _table(values, table, where) for table in _TABLES}
    top, thought, answer, about = tables[""], tables["thought"], tables["answer"], tables["about"]
    marks = (_text(thought, "open", where, "thought."), _text(thought, "close", where, "thought."))
    given = any(marks)
    try:
        return Format(
            name=_text(top, "name", where) or name,
            system=_text(top, "system", where),
            prefix=_text(top, "prefix", where),
            suffix=_text(top, "suffix", where),
            thought=marks if given else None,
            opened_by_template=_typed(thought, "by_template", bool, False, where, "thought."),
            other_thoughts=_pairs(thought, where, "thought."),
            answer=(_text(answer, "open", where, "answer."), _text(answer, "close", where, "answer.")),
            other_answers=_pairs(answer, where, "answer."),
            stop=_texts(top, "stop", where),
            stopped=_text(thought, "stopped", where, "thought.", STOPPED),
            models=_texts(about, "models", where, "about."),
            source=_text(about, "source", where, "about."),
        )
    except BadInput as problem:
        if str(problem).startswith(where):
            raise
        raise BadInput(f"{where}: {problem}") from problem


def as_toml(format: Format) -> str:
    """The format as a TOML text from which `parse_format` makes the same one."""
    top = {name: getattr(format, name) for name in ("name", "system", "prefix", "suffix")}
    lines = [f"{name} = {_quoted(value)}" for name, value in top.items() if value]
    lines += [f"stop = {_quoted(format.stop)}"] if format.stop else []
    thought: dict[str, Any] = {}
    if format.thought:
        thought = {"open": format.thought[0], "close": format.thought[1]}
    thought |= {"by_template": True} if format.opened_by_template else {}
    thought |= {"also": format.other_thoughts} if format.other_thoughts else {}
    thought |= {"stopped": format.stopped} if format.stopped != STOPPED else {}
    answer: dict[str, Any] = {"open": format.answer[0], "close": format.answer[1]}
    answer |= {"also": format.other_answers} if format.other_answers else {}
    about = {"models": format.models, "source": format.source}
    for name, table in (("thought", thought), ("answer", answer), ("about", about)):
        lines += ["", f"[{name}]", *(f"{key} = {_quoted(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


def _quoted(value: object) -> str:
    """A value in TOML, whose basic strings and arrays are written as in JSON."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _table(values: Mapping[str, Any], table: str, where: str) -> Mapping[str, Any]:
    found = values if not table else values.get(table, {})
    if not isinstance(found, dict):
        raise BadInput(f"{where}: {table} is {found!r}; it is a table, [{table}]")
    if unknown := sorted(set(found) - set(_TABLES[table])):
        name = f"{table}.{unknown[0]}" if table else unknown[0]
        raise BadInput(f"{where}: unknown key {name!r}; there are {', '.join(_TABLES[table])}")
    return found


def _text(table: Mapping[str, Any], key: str, where: str, before: str = "", default: str = "") -> str:
    return _typed(table, key, str, default, where, before)


def _texts(table: Mapping[str, Any], key: str, where: str, before: str = "") -> tuple[str, ...]:
    values = _typed(table, key, list, [], where, before)
    if not all(isinstance(value, str) for value in values):
        raise BadInput(f"{where}: {before}{key} is {values!r}; give a list of texts")
    return tuple(values)


def _pairs(table: Mapping[str, Any], where: str, before: str) -> tuple[Marks, ...]:
    values = _typed(table, "also", list, [], where, before)
    for value in values:
        if not (isinstance(value, list) and len(value) == 2 and all(isinstance(v, str) for v in value)):
            raise BadInput(f"{where}: {before}also holds {value!r}; give pairs, [what opens, what closes]")
    return tuple(cast(Marks, tuple(value)) for value in values)


def _typed(table: Mapping[str, Any], key: str, kind: type[T], default: T, where: str, before: str = "") -> T:
    value = table.get(key, default)
    if not isinstance(value, kind):
        words = {str: "text", bool: "true or false", list: "a list"}
        raise BadInput(f"{where}: {before}{key} is {value!r}; give {words[kind]}")
    return value
