"""The TOML file of a suite: models, benchmarks, conditions and judges, each checked by type.

Sampling and estimates of the suite hold for every model; a model's own tables override them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from unswayed.conditions import CONDITIONS
from unswayed.model_io import STOP, Sampling


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


def default_conditions() -> tuple[str, ...]:
    """The conditions that are asked where a suite names none."""
    return tuple(name for name, entry in CONDITIONS.items() if entry.in_all)
