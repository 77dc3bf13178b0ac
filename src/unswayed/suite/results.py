"""The results of a suite: one schema with a version, published as ``results.json`` (`results_file`).

It holds all numbers and no text of models or benchmarks, so that it can be published and put into a
leaderboard without the runs. Shares are 0 to 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from unswayed.metrics.suite.ranks import Rank
from unswayed.metrics.summary import Claim, Estimate

SCHEMA = "unswayed-results"
VERSION = 1


@dataclass(frozen=True)
class ModelEntry:
    """One model of the suite, as it was asked."""

    name: str
    model: str
    """The spec with which it was asked."""
    revision: str = ""
    """Weights or server, as the backend states it."""
    format: str = "common"
    weights: Literal["open", "closed"] = "open"
    size: float = 0.0
    """Billions of parameters; 0: not known."""
    finetuned_from: str = ""
    """Name of its base model in this file; empty: none."""
    seed: int = 0
    temperature: float = 0.0


@dataclass(frozen=True)
class BenchmarkEntry:
    """One benchmark of the suite."""

    name: str
    benchmark: str
    """Its name in `unswayed benchmarks`, or of its file."""
    version: str = ""
    """Hash of its questions or files."""
    questions: int = 0


@dataclass(frozen=True)
class ScoreEntry:
    """A score as the benchmark's authors define it."""

    name: str
    meaning: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    incomplete: int = 0
    """Sets left out because some, but not all, of their rows were asked."""


@dataclass(frozen=True)
class CellResult:
    """One model on one benchmark under one condition."""

    model: str
    benchmark: str
    condition: str
    asked: int
    states: dict[str, int]
    measures: dict[str, Estimate]
    """By the names of `metrics.MEASURES`."""
    p_value: float | None = None
    """Exact McNemar of accuracy against base."""
    p_holm: float | None = None
    """The same after Holm's correction over the conditions of this model and benchmark."""


@dataclass(frozen=True)
class MeanResult:
    """One model under one condition: unweighted means over all benchmarks of the suite."""

    model: str
    condition: str
    benchmarks: int
    measures: dict[str, Estimate]


@dataclass(frozen=True)
class PairResult:
    """A finetuned model against its base model under one condition, paired by question."""

    base: str
    finetuned: str
    same_size: bool
    """Both sizes are known and equal."""
    benchmark: str
    """Empty: all questions of all benchmarks that both were asked."""
    condition: str
    measure: str
    first: Estimate
    """Of the base model."""
    second: Estimate
    difference: Estimate
    """Finetuned minus base."""
    p_value: float | None = None
    p_holm: float | None = None
    """After Holm's correction over all tests of this measure: all pairs, benchmarks and conditions for single
    benchmarks, and all pairs and conditions for all questions together."""


@dataclass(frozen=True)
class OrderAgreement:
    """How far two ways of measuring order the models the same way."""

    kind: Literal["judge", "format", "seed"]
    first: str
    second: str
    measure: str
    condition: str
    models: int
    tau: float | None
    """Kendall's tau-b of the models' means over benchmarks; None where one order has only ties."""


@dataclass(frozen=True)
class StopEntry:
    """What sequential stopping did for one run."""

    asked: int
    questions: int
    drops: dict[str, Estimate]
    """Condition to the 95 % confidence sequence of its drop, valid at every look."""


@dataclass(frozen=True)
class RunEntry:
    """How one run of the suite ended."""

    model: str
    benchmark: str
    state: str
    trials: int
    seconds: float
    reason: str = ""
    stop: StopEntry | None = None
    scores: tuple[ScoreEntry, ...] = ()
    claims: dict[str, str] = field(default_factory=dict)
    """Claim to verdict on this run alone."""


@dataclass(frozen=True)
class Results:
    """Everything that a results file holds."""

    title: str
    models: tuple[ModelEntry, ...]
    benchmarks: tuple[BenchmarkEntry, ...]
    conditions: tuple[str, ...]
    cells: tuple[CellResult, ...]
    means: tuple[MeanResult, ...] = ()
    pairs: tuple[PairResult, ...] = ()
    claims: tuple[Claim, ...] = ()
    ranks: tuple[Rank, ...] = ()
    orders: tuple[OrderAgreement, ...] = ()
    runs: tuple[RunEntry, ...] = ()
    judges: tuple[str, ...] = ()
    """Who judged the thoughts; several: their majority."""
    made_with: str = ""
    """Version of unswayed."""
    date: str = ""
    """Day of the last run, YYYY-MM-DD."""
    schema: str = SCHEMA
    version: int = VERSION


def all_measures(results: Results) -> Iterator[dict[str, Estimate]]:
    """The measures of all cells, then of all means."""
    yield from (cell.measures for cell in results.cells)
    yield from (mean.measures for mean in results.means)
