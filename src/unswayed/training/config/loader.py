"""From a TOML file, and settings on the command line, to a typed `Config`.

Decided here: an unknown field is refused with the nearest known one; nothing is converted but an
integer to a float; what an arm's name brings stands below what the file says, and that below ``--set``. An
arm named by ``--set`` goes over the file with all that it brings: who asks for it means it.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from unswayed.errors import BadInput
from unswayed.training.config.grpo import ARMS, Config

C = TypeVar("C")
Flat = dict[str, Any]
"""Settings by dotted name: ``grpo.lr``."""


def load(path: str | Path, changes: Sequence[str] = ()) -> Config:
    """The config in a TOML file, with ``key=value`` changes. Raises `BadInput` for whatever is wrong."""
    return make(tables(path), changes, where=str(path))


def tables(path: str | Path) -> dict[str, Any]:
    """What stands in a TOML file. Raises `BadInput` where there is none."""
    path = Path(path)
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BadInput(
            f"{path}: cannot be read ({error.strerror}); give the path of a config file"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: is not TOML: {error}") from error


def make(found: Mapping[str, Any], changes: Sequence[str] = (), *, where: str = "config") -> Config:
    """A config from the tables of a file and ``key=value`` changes, laid over what the arm brings."""
    return typed(Config, found, changes, where=where, arms=ARMS)


def typed(
    kind: type[C],
    found: Mapping[str, Any],
    changes: Sequence[str] = (),
    *,
    where: str = "config",
    arms: Mapping[str, Mapping[str, Any]] = {},
) -> C:
    """The settings that a dataclass of tables documents, checked; `arms` bring settings by name."""
    given, asked = flat(found, kind=kind), dict(map(parse, changes))
    kinds = known(kind)
    for name in given | asked:
        if name not in kinds:
            raise BadInput(f"{where}: unknown setting {name!r}{_meant(name, kinds)}")
    brought = arms.get(str((given | asked).get("arm", "")), {})
    settings = {**given, **brought, **asked} if "arm" in asked else {**brought, **given, **asked}
    checked = {name: _check(name, kinds[name], value, where) for name, value in settings.items()}
    try:
        config: C = _build(kind, checked, "")
        return config
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from error


def parse(change: str) -> tuple[str, Any]:
    """``grpo.lr=1e-5`` as name and value; a value that is no TOML is a string."""
    name, sign, text = change.partition("=")
    name, text = name.strip(), text.strip()
    if not sign or not name:
        raise BadInput(f"--set {change!r}: write it as key=value, e.g. grpo.lr=1e-5")
    try:
        return name, tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return name, text


def known(kind: type = Config, before: str = "") -> dict[str, Any]:
    """Every setting's dotted name and type."""
    hints = get_type_hints(kind)
    out: dict[str, Any] = {}
    for item in fields(kind):
        hint = hints[item.name]
        if is_dataclass(hint) and isinstance(hint, type):
            out |= known(hint, f"{before}{item.name}.")
        else:
            out[before + item.name] = hint
    return out


def as_dict(config: Any) -> dict[str, Any]:
    """All settings as tables, fit for JSON."""
    return dict(json.loads(json.dumps(asdict(config))))


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """``grpo.lr: 1e-05, now 1e-06`` for every setting that differs."""
    a, b = flat(old), flat(new)
    return [f"{k}: {a.get(k)!r}, now {b.get(k)!r}" for k in sorted(a | b) if a.get(k) != b.get(k)]


def changed(begun: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """`difference` of the settings that a folder was begun with and those of now, as far as it matters.

    What there was no setting for then was as it is by default; the guard decides when a run ends, not
    what it learns.
    """
    default = flat(as_dict(Config()))
    old, new = flat(begun), flat(now)
    old |= {name: default[name] for name in new if name in default and name not in old}
    return difference(*({k: v for k, v in e.items() if not k.startswith("guard.")} for e in (old, new)))


def flat(found: Mapping[str, Any], before: str = "", kind: type = Config) -> Flat:
    """Tables as settings by dotted name; a name that is dotted already stays as it is."""
    out: Flat = {}
    for name, value in found.items():
        if isinstance(value, Mapping):
            out |= flat(value, f"{before}{name}.", kind) or {f"{before}{name}": {}}
        else:
            out[before + name] = value
    # An empty table says nothing, if it is one that exists.
    return {k: v for k, v in out.items() if not (v == {} and k in tops(kind))}


def tops(kind: type = Config) -> set[str]:
    """Names of a config's tables."""
    return {name.split(".")[0] for name in known(kind) if "." in name}


def _check(name: str, hint: Any, value: Any, where: str) -> Any:
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise BadInput(f"{where}: {name} is {value!r}; give one of {', '.join(map(str, get_args(hint)))}")
        return value
    if get_origin(hint) is tuple:
        if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
            raise BadInput(f"{where}: {name} is {value!r}; give a list of strings")
        return tuple(value)
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        raise BadInput(f"{where}: {name} is {value!r}; give {_WORDS[hint]}")
    return value


_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def _build(kind: Any, settings: Flat, before: str) -> Any:
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for item in fields(kind):
        name = before + item.name
        if is_dataclass(hints[item.name]):
            values[item.name] = _build(hints[item.name], settings, name + ".")
        elif name in settings:
            values[item.name] = settings[name]
    return kind(**values)


def _meant(name: str, kinds: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name, kinds, n=1, cutoff=0.5)
    if not close:  # the right name in the wrong table, or without one
        last = name.rsplit(".", 1)[-1]
        close = [k for k in kinds if k.rsplit(".", 1)[-1] == last]
    return f"; did you mean {close[0]!r}?" if close else "; see the training page of the docs for all"
