"""Loads typed configs from TOML files and ``--set key=value`` options.

One order of precedence everywhere (`unswayed train`, `sft` and `study`): the settings of the named arm lie
lowest, the file above them, ``--set`` on top. A file may override the arm that it names itself. Where the arm
is named elsewhere (``--set arm=X``, or a study's `arms`), a file that contradicts it is refused, so that a
run labelled X is X; the contradicting value can be given explicitly, by ``--set`` or in the arm's own table.

Unknown settings are refused with the nearest known name. Types are strict: the only conversion is from an
integer to a float. `msgspec` checks the types and builds the dataclasses.
"""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from unswayed.errors import BadInput, MissingExtra
from unswayed.training.config.arms import ARMS, DEFINING
from unswayed.training.config.grpo import GrpoConfig

C = TypeVar("C")
Flat = dict[str, Any]
"""Settings by dotted name: ``grpo.lr``."""


def load_config(path: str | Path, changes: Sequence[str] = ()) -> GrpoConfig:
    """The GRPO config in a TOML file, with ``key=value`` changes. Raises `BadInput`."""
    return build_config(read_toml(path), changes, source=str(path))


def read_toml(path: str | Path) -> dict[str, Any]:
    """The tables of a TOML file. Raises `BadInput` where it cannot be read or parsed."""
    path = Path(path)
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BadInput(
            f"{path}: cannot be read ({error.strerror}); give the path of a config file"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: is not valid TOML: {error}") from error


def build_config(
    settings: Mapping[str, Any], changes: Sequence[str] = (), *, source: str = "config"
) -> GrpoConfig:
    """A GRPO config from the tables of a file and ``key=value`` changes, above the settings of its arm.

    `source` is named in errors. Raises `BadInput`.
    """
    from_file, from_options = flatten(settings), dict(map(parse_change, changes))
    arm = str((from_file | from_options).get("arm", ""))
    if arm in ARMS and from_options.get("arm", from_file.get("arm")) != from_file.get("arm"):
        check_arm(arm, from_file, above=from_options, source=source, remedy="give it by --set as well")
    return build(GrpoConfig, {**ARMS.get(arm, {}), **from_file, **from_options}, source=source)


def check_arm(arm: str, lower: Flat, *, above: Flat, source: str, remedy: str) -> None:
    """Raises `BadInput` where `lower` gives a setting that defines arms another value than `arm` has.

    Settings in `above` were given for this arm explicitly and are not checked. `remedy` completes the
    message.
    """
    defaults = flatten(as_dict(GrpoConfig()))
    conflicts = []
    for name in sorted(DEFINING & set(lower) - set(above)):
        expected = ARMS[arm].get(name, defaults[name])
        if lower[name] != expected:
            conflicts.append(f"{name} = {lower[name]!r} (arm {arm!r}: {expected!r})")
    if conflicts:
        raise BadInput(
            f"{source} contradicts arm {arm!r}: {', '.join(conflicts)}; remove what contradicts, or, to "
            f"deviate from the arm on purpose, {remedy}"
        )


def build(
    kind: type[C],
    settings: Mapping[str, Any],
    changes: Sequence[str] = (),
    *,
    source: str = "config",
    docs: str = "docs/training.md",
) -> C:
    """Checks settings (tables or dotted names) with ``key=value`` changes on top and builds a `kind` of them.

    Raises `BadInput` that names `source`, the setting, its value and what is allowed, or the page `docs`.
    """
    try:
        import msgspec
    except ImportError as error:
        raise MissingExtra("settings are checked with msgspec: pip install msgspec") from error
    values = flatten(settings, kind=kind) | dict(map(parse_change, changes))
    known: Any = kind
    types = setting_types(known)
    for name in values:
        if name not in types:
            raise BadInput(f"{source}: unknown setting {name!r}{_suggestion(name, types, docs)}")
    try:
        return msgspec.convert(_nested(values), kind)
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, BadInput):
            raise BadInput(f"{source}: {error.__cause__}") from error
        raise BadInput(f"{source}: {_type_error(str(error), values, types)}") from error


def parse_change(change: str) -> tuple[str, Any]:
    """``grpo.lr=1e-5`` as name and value; a value that is not valid TOML is taken as a string."""
    name, sign, text = change.partition("=")
    name, text = name.strip(), text.strip()
    if not sign or not name:
        raise BadInput(f"--set {change!r}: write it as key=value, e.g. grpo.lr=1e-5")
    try:
        return name, tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return name, text


@cache
def setting_types(kind: Any = GrpoConfig, prefix: str = "") -> dict[str, Any]:
    """Type of every setting, by dotted name."""
    hints = get_type_hints(kind)
    types: dict[str, Any] = {}
    for item in fields(kind):
        hint = hints[item.name]
        if is_dataclass(hint) and isinstance(hint, type):
            types |= setting_types(hint, f"{prefix}{item.name}.")
        else:
            types[prefix + item.name] = hint
    return types


def as_dict(config: Any) -> dict[str, Any]:
    """All settings as tables, fit for JSON."""
    return dict(json.loads(json.dumps(asdict(config))))


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """``grpo.lr: 1e-05, now 1e-06`` for every setting that differs."""
    a, b = flatten(old), flatten(new)
    return [f"{k}: {a.get(k)!r}, now {b.get(k)!r}" for k in sorted(a | b) if a.get(k) != b.get(k)]


def changed_settings(begun: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """`differences` between the settings that a folder was begun with and those of now, as far as they
    matter.

    A setting that did not exist then had its present default. The guard decides when a run ends, not what it
    learns, and is not compared.
    """
    defaults = flatten(as_dict(GrpoConfig()))
    old, new = flatten(begun), flatten(now)
    old |= {name: defaults[name] for name in new if name in defaults and name not in old}
    return differences(*({k: v for k, v in e.items() if not k.startswith("guard.")} for e in (old, new)))


def flatten(settings: Mapping[str, Any], prefix: str = "", kind: type = GrpoConfig) -> Flat:
    """Tables as settings by dotted name; a name that is dotted already is kept."""
    flat: Flat = {}
    types = setting_types(kind)
    for name, value in settings.items():
        if isinstance(value, Mapping) and f"{prefix}{name}" not in types:
            flat |= flatten(value, f"{prefix}{name}.", kind) or {f"{prefix}{name}": {}}
        else:
            flat[prefix + name] = value
    # An empty table sets nothing; one that does not exist stays, to be refused.
    return {name: value for name, value in flat.items() if not (value == {} and name in table_names(kind))}


def table_names(kind: type = GrpoConfig) -> set[str]:
    """Names of a config's tables."""
    return {name.split(".")[0] for name in setting_types(kind) if "." in name}


def _nested(values: Flat) -> dict[str, Any]:
    tables: dict[str, Any] = {}
    for name, value in values.items():
        table, _, key = name.rpartition(".")
        (tables.setdefault(table, {}) if table else tables)[key] = value
    return tables


_ALLOWED = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    tuple: "a list of strings",
    dict: "a table by benchmark",
}


def _type_error(message: str, values: Flat, types: Mapping[str, Any]) -> str:
    """msgspec's message (``Expected `int`, got `str` - at `$.grpo.steps```) as setting, value and remedy."""
    name = re.sub(r"\[.*?\]", "", message.rpartition("`$.")[2].rstrip("`"))
    hint = types[name]
    if get_origin(hint) is Literal:
        allowed = f"one of {', '.join(map(str, get_args(hint)))}"
    else:
        allowed = _ALLOWED[get_origin(hint) or hint]
    return f"{name} is {values[name]!r}; give {allowed}"


def _suggestion(name: str, types: Mapping[str, Any], docs: str) -> str:
    close = difflib.get_close_matches(name, types, n=1, cutoff=0.5)
    if not close:  # perhaps the right name in the wrong table, or without a table
        last = name.rsplit(".", 1)[-1]
        close = [known for known in types if known.rsplit(".", 1)[-1] == last]
    return f"; did you mean {close[0]!r}?" if close else f"; {docs} lists all settings"
