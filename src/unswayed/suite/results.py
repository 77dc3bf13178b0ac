"""The results file of a suite: ``results.json``, one schema with a version, checked when it is read.

It holds all numbers and no text of models or benchmarks, so that it can be published and put into a
leaderboard without the runs. Shares are 0 to 1. Reading checks types, ranges, sizes and references, because
the file may be somebody else's.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from unswayed.errors import BadInput, MissingExtra
from unswayed.metrics.suite.ranks import Rank
from unswayed.metrics.summary import Claim, Estimate
from unswayed.store.atomic_files import write_atomic

FILE = "results.json"
SCHEMA = "unswayed-results"
VERSION = 1
MAX_BYTES = 64 << 20
MAX_TEXT = 2000
"""Characters of any string in a results file."""


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


def write_results(results: Results, path: Path) -> None:
    """Write a results file."""
    content = json.dumps(dataclasses.asdict(results), indent=1, ensure_ascii=False, allow_nan=False)
    write_atomic(path, (content + "\n").encode("utf-8", "backslashreplace"))


def read_results(path: Path) -> Results:
    """The results in a file, or in the folder of a suite. Raises `BadInput` where it is not a valid one."""
    file = path / FILE if path.is_dir() else path
    try:
        if file.stat().st_size > MAX_BYTES:
            raise BadInput(f"{file}: larger than {MAX_BYTES >> 20} MiB; a results file is much smaller")
        data = file.read_bytes()
    except OSError as error:
        raise BadInput(
            f"{file}: cannot be read ({error.strerror}); give a suite's folder with a report, or its {FILE}"
        ) from error
    return parse_results(data, str(file))


def parse_results(data: bytes, source: str) -> Results:
    """The results in the bytes of a file. Raises `BadInput` that names `source` and what is wrong."""
    try:
        import msgspec
    except ImportError as error:
        raise MissingExtra("results are checked with msgspec: pip install msgspec") from error
    remedy = "write it again with `unswayed report SUITE`"
    try:
        head = msgspec.json.decode(data, type=dict[str, Any])
        if head.get("schema") != SCHEMA:
            raise BadInput(f"{source}: not a results file (its schema is not {SCHEMA!r}); {remedy}")
        if head.get("version") != VERSION:
            raise BadInput(
                f"{source}: schema version {str(head.get('version'))[:20]!r}, this version of unswayed "
                f"reads {VERSION}; {remedy}"
            )
        results = msgspec.convert(head, Results)
    except BadInput:
        raise
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise BadInput(f"{source}: not a valid results file ({str(error)[:300]}); {remedy}") from error
    if problem := _problem(results):
        raise BadInput(f"{source}: not a valid results file ({problem}); {remedy}")
    return results


def all_measures(results: Results) -> Iterator[dict[str, Estimate]]:
    """The measures of all cells, then of all means."""
    yield from (cell.measures for cell in results.cells)
    yield from (mean.measures for mean in results.means)


def _problem(results: Results) -> str:
    """What contradicts itself or the limits; empty: nothing."""
    models, benchmarks = {m.name for m in results.models}, {b.name for b in results.benchmarks}
    if not models or len(models) < len(results.models) or len(benchmarks) < len(results.benchmarks):
        return "models and benchmarks need names, each its own"
    for cell in results.cells:
        if cell.model not in models or cell.benchmark not in benchmarks:
            return f"a cell names model {cell.model[:80]!r} on {cell.benchmark[:80]!r}, which are not listed"
        if cell.asked < 0 or any(count < 0 for count in cell.states.values()):
            return f"a count of {cell.model[:80]!r} is negative"
    for mean in results.means:
        if mean.model not in models:
            return f"a mean names model {mean.model[:80]!r}, which is not listed"
    for text in _texts(dataclasses.asdict(results)):
        if len(text) > MAX_TEXT:
            return f"a text has more than {MAX_TEXT:,} characters"
    for estimate in _estimates(results):
        if estimate.n < 0 or not _ordered(estimate):
            return "an estimate lies outside its interval, or its count is negative"
    for shares in all_measures(results):
        accuracy = shares.get("accuracy")
        if accuracy and accuracy.value is not None and not 0 <= accuracy.value <= 1:
            return f"an accuracy is {accuracy.value:g}; shares are 0 to 1"
    return ""


def _ordered(e: Estimate) -> bool:
    if e.value is None or e.low is None or e.high is None:
        return True
    slack = 1e-9 + 0.5 * abs(e.high - e.low)  # a bootstrap interval may lie beside its value
    return e.low - slack <= e.value <= e.high + slack and e.low <= e.high


def _estimates(results: Results) -> Iterator[Estimate]:
    for measures in all_measures(results):
        yield from measures.values()
    for pair in results.pairs:
        yield from (pair.first, pair.second, pair.difference)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
