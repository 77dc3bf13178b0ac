"""Reads the TOML file of a suite, and refuses what cannot be, with place and remedy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from unswayed.conditions import condition
from unswayed.errors import BadInput
from unswayed.formats.registry import NATIVE, find_format
from unswayed.judges.specs import expand_presets
from unswayed.suite.settings import (
    BenchmarkSettings,
    JudgeSettings,
    ModelSettings,
    Suite,
    SuiteSettings,
)
from unswayed.suite.stopping import parse_until
from unswayed.training.config import loader

DOCS = "docs/suites.md"

T = TypeVar("T")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,79}")
_TABLES = ("sampling", "estimate", "models", "benchmarks", "judges")


def load_suite(path: str | Path) -> Suite:
    """The suite in a TOML file. Raises `BadInput` that names the table and setting, and what is allowed."""
    path = Path(path)
    content = loader.read_toml(path)
    tables = {name: _table(content.pop(name, {}), f"{path}: {name}") for name in _TABLES}
    settings = _build(SuiteSettings, content, str(path))
    _check_conditions(settings.conditions, f"{path}: conditions")
    if settings.until:
        parse_until(settings.until)
    if settings.samples < 1 or settings.endpoints < 1:
        raise BadInput(f"{path}: samples and endpoints must be 1 or more")
    shared = {f"{t}.{k}": v for t in ("sampling", "estimate") for k, v in tables[t].items()}
    models = {
        name: _build(ModelSettings, shared | loader.flatten(table, kind=ModelSettings), where)
        for name, table, where in _named(tables, "models", path)
    }
    benchmarks = {
        name: _build(BenchmarkSettings, {"benchmark": name, **table}, where)
        for name, table, where in _named(tables, "benchmarks", path)
    }
    judges = {
        name: _build(JudgeSettings, {"judge": name, **table}, where)
        for name, table, where in _named(tables, "judges", path)
    }
    for kind, found in (("models", models), ("benchmarks", benchmarks)):
        if not found:
            raise BadInput(f"{path}: there are no {kind}; give a table for each, e.g. [{kind}.NAME]")
    suite = Suite(path, settings, models, benchmarks, judges)
    _check_models(suite)
    for name, benchmark in benchmarks.items():
        _check_conditions(benchmark.conditions, f"{path}: benchmark {name!r}: conditions")
    expand_presets([judge.judge for judge in judges.values()])
    return suite


def _check_models(suite: Suite) -> None:
    for name, model in suite.models.items():
        where = f"{suite.path}: model {name!r}"
        if not model.model:
            raise BadInput(
                f'{where}: model is missing; give what `unswayed audit` takes, e.g. model = "pebble"'
            )
        if model.format != NATIVE:
            try:
                find_format(suite.format_spec(model))
            except BadInput as error:
                raise BadInput(f"{where}: format: {error}") from None
        if model.finetuned_from and (
            model.finetuned_from == name or model.finetuned_from not in suite.models
        ):
            others = ", ".join(other for other in suite.models if other != name)
            raise BadInput(
                f"{where}: finetuned_from is {model.finetuned_from!r}; give another model of this suite "
                f"({others})"
            )
        if model.model.startswith("openai:") and not model.base_url:
            raise BadInput(
                f'{where}: give the address of its endpoint, e.g. base_url = ["http://host:8000/v1"]'
            )
        if not model.remote and (model.base_url or model.price or model.max_cost):
            raise BadInput(
                f"{where}: base_url, price and max_cost are for models behind an endpoint (openai:…)"
            )
        if model.size < 0 or model.batch_size < 0 or model.max_cost < 0:
            raise BadInput(f"{where}: size, batch_size and max_cost must not be negative")
        if suite.settings.samples > 1 and model.sampling.temperature == 0:
            raise BadInput(
                f"{where}: at temperature 0 every sample would be the same; set sampling.temperature"
            )
        _check_conditions(model.conditions, f"{where}: conditions")


def _check_conditions(names: tuple[str, ...], where: str) -> None:
    for name in names:
        try:
            condition(name)
        except BadInput as error:
            raise BadInput(f"{where}: {error}") from None
        if names.count(name) > 1:
            raise BadInput(f"{where}: {name!r} is named twice; name each once")


def _named(
    tables: Mapping[str, Mapping[str, Any]], kind: str, path: Path
) -> list[tuple[str, dict[str, Any], str]]:
    """(name, table, place for errors) of every table of one kind; names must be fit for folders."""
    found = []
    seen: dict[str, str] = {}
    for name, table in tables[kind].items():
        where = f"{path}: {kind.removesuffix('s')} {name!r}"
        if not _NAME.fullmatch(name):
            raise BadInput(f"{where}: a name has up to 80 letters, digits, dots, plus signs and hyphens")
        if other := seen.get(name.casefold()):
            raise BadInput(f"{where} and {other!r} would share a folder; rename one")
        seen[name.casefold()] = name
        inner = [key for key, value in _table(table, where).items() if isinstance(value, dict)]
        if inner and inner[0] not in ("sampling", "estimate"):
            raise BadInput(f'{where}: a name with a dot needs quotes: [{kind}."{name}.{inner[0]}"]')
        found.append((name, _table(table, where), where))
    return found


def _table(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadInput(f"{where} is {value!r}; give a table")
    return value


def _build(kind: type[T], table: Mapping[str, Any], where: str) -> T:
    return loader.build(kind, table, source=where, docs=DOCS)
