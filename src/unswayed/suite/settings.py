"""The TOML file of a suite: models, benchmarks, conditions and judges, each checked by type.

Sampling and estimates of the suite hold for every model; a model's own tables override them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from unswayed.conditions import CONDITIONS, condition
from unswayed.errors import BadInput
from unswayed.formats.registry import NATIVE, find_format
from unswayed.judges.specs import expand_presets
from unswayed.model_io import STOP, Sampling
from unswayed.suite.stopping import parse_until
from unswayed.training.config import loader

DOCS = "docs/suites.md"

T = TypeVar("T")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,79}")
_TABLES = ("sampling", "estimate", "models", "benchmarks", "judges")


@dataclass(frozen=True)
class SamplingSettings:
    """Table `sampling`: how tokens are sampled."""

    temperature: float = 0.0
    """0: greedy."""
    top_p: float = 1.0
    max_tokens: int = 1024
    """Longest generation, in tokens."""
    stop: bool = True
    """End a text behind the first ``</answer>`` after its thought."""

    def sampling(self) -> Sampling:
        """As the audit takes it."""
        return Sampling(self.temperature, self.top_p, self.max_tokens, STOP if self.stop else ())


@dataclass(frozen=True)
class EstimateSettings:
    """Table `estimate`: what ``--dry-run`` assumes where no run has been measured yet."""

    prompt_tokens: int = 1200
    """Tokens of a prompt with its picture."""
    tokens: int = 250
    """Tokens of a generation, hidden thoughts included."""
    tokens_per_second: float = 500.0
    """Generated tokens per second, over all requests that are open at once."""
    judge_prompt_tokens: int = 600
    judge_tokens: int = 400


@dataclass(frozen=True)
class ModelSettings:
    """A table of `models`: who is asked, and how."""

    model: str = ""
    """As `unswayed audit` takes it: pebble, a folder, a hub id, vllm:…, openai:…, inspect:…, scripted:…"""
    format: str = "common"
    """Prompt format: common, native, a name from `unswayed formats`, or a .toml file next to the suite's."""
    revision: str = ""
    """Commit or tag of a hub model; empty: the newest."""
    size: float = 0.0
    """Billions of parameters; 0: not known."""
    weights: Literal["open", "closed"] = "open"
    """Whether the weights are public."""
    finetuned_from: str = ""
    """Name of the model of this suite from which it was finetuned; empty: it is a base model."""
    seed: int = -1
    """Seed of wrong options, phrasings and samples; -1: that of the suite."""
    letters: bool = True
    """Whether to measure option probabilities, where the model can."""
    conditions: tuple[str, ...] = ()
    """Conditions for this model; empty: those of the suite."""
    base_url: tuple[str, ...] = ()
    """Addresses of its endpoint, ending in /v1; several: replicas."""
    key_env: str = "OPENAI_API_KEY"
    """Environment variable that holds the endpoint's key."""
    concurrency: int = 64
    """Questions open at once at its endpoint."""
    patience: float = 300.0
    """Seconds of failures without an answer after which an endpoint is given up; the suite can be resumed."""
    price: str = ""
    """Per million tokens: ``in=0.15,out=0.6``."""
    max_cost: float = 0.0
    """Money after which the model is stopped, to be resumed; 0: no limit. Needs a price."""
    device: str = "auto"
    dtype: str = "auto"
    batch_size: int = 0
    """Rows of a batch of a local model; 0: as many as the memory allows."""
    sampling: SamplingSettings = SamplingSettings()
    estimate: EstimateSettings = EstimateSettings()

    @property
    def remote(self) -> bool:
        """Whether it is behind an endpoint."""
        return self.model.startswith(("openai:", "inspect:"))

    @property
    def scripted(self) -> bool:
        """Whether it is a planted respondent, which knows the answers of one benchmark at a time."""
        return self.model.startswith("scripted:")


@dataclass(frozen=True)
class BenchmarkSettings:
    """A table of `benchmarks`: which questions are asked."""

    benchmark: str = ""
    """A name from `unswayed benchmarks`, or a .tsv file; empty: the name of the table."""
    data: str = ""
    """The benchmark's file or folder, relative to the suite's file; empty: it is generated, or read from the
    hub."""
    split: str = ""
    """Empty: the split that its authors report."""
    limit: int = 0
    """Number of questions; 0: all."""
    cues: str = ""
    """A file of `unswayed cues write`, relative to the suite's file; empty: cues are written on the way."""
    conditions: tuple[str, ...] = ()
    """Of each model's conditions only these are asked here; empty: all."""
    rows: int = 0
    """Number of its questions, for ``--dry-run`` where that is not known; 0: not known."""


@dataclass(frozen=True)
class JudgeSettings:
    """A table of `judges`: who reads the thoughts after the audits. The majority of all fills the columns."""

    judge: str = ""
    """``rules``, ``llm:MODEL`` or ``planted:wrong=0.1``."""
    base_url: tuple[str, ...] = ()
    key_env: str = "OPENAI_API_KEY"
    concurrency: int = 64
    price: str = ""

    @property
    def remote(self) -> bool:
        """Whether it is a model behind an endpoint."""
        return self.judge.startswith(("llm:openai:", "llm:inspect:"))


@dataclass(frozen=True)
class SuiteSettings:
    """Settings outside of tables."""

    title: str = ""
    conditions: tuple[str, ...] = ()
    """Empty: all that `unswayed audit` asks by default."""
    seed: int = 0
    """Draws questions, wrong options, phrasings and samples."""
    samples: int = 1
    """How often each question is asked; more than 1 needs a temperature."""
    until: str = ""
    """``drop:2``: ask in batches until every drop is within ±2 points (see `stopping`); empty: ask all."""
    endpoints: int = 4
    """Number of models behind endpoints that are asked at once."""


@dataclass(frozen=True)
class Suite:
    """The contents of a suite's file."""

    path: Path
    settings: SuiteSettings
    models: Mapping[str, ModelSettings]
    benchmarks: Mapping[str, BenchmarkSettings]
    judges: Mapping[str, JudgeSettings] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Its title; without one the name of its file."""
        return self.settings.title or self.path.stem

    def place(self, path: str) -> Path:
        """A path of the file, relative to the file."""
        return self.path.parent / Path(path).expanduser()

    def format_spec(self, model: ModelSettings) -> str:
        """The prompt format of a model as `formats.registry.find_format` takes it."""
        return str(self.place(model.format)) if model.format.endswith(".toml") else model.format


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


def default_conditions() -> tuple[str, ...]:
    """The conditions that are asked where a suite names none."""
    return tuple(name for name, entry in CONDITIONS.items() if entry.in_all)


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
