"""From the run folders of a suite to its `Results`. Runs that cannot be read are left out and named."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from unswayed.errors import BadInput, UnswayedError
from unswayed.metrics import summarise
from unswayed.metrics.catalogue import MEASURES
from unswayed.metrics.columns import protocol_order
from unswayed.metrics.paired import BASE
from unswayed.metrics.suite.means import mean_over_benchmarks
from unswayed.metrics.suite.merged import MergedTrials, merge
from unswayed.metrics.suite.open_closed import open_closed_claim
from unswayed.metrics.suite.ranks import Rank, accuracy_ranks
from unswayed.metrics.summary import Estimate, Summary
from unswayed.pipeline import panel_columns
from unswayed.pipeline.audit import Run
from unswayed.store import manifest as manifests
from unswayed.suite.orders import order_agreements
from unswayed.suite.pairs import pair_results
from unswayed.suite.plan import RUNS
from unswayed.suite.results import (
    BenchmarkEntry,
    CellResult,
    MeanResult,
    ModelEntry,
    Results,
    RunEntry,
    ScoreEntry,
    StopEntry,
)
from unswayed.suite.state import CellState, read_state

RANKED = (BASE, "wrong-caption", "wrong-think")
"""Conditions under which the models are ranked."""
Progress = Callable[[str], None]


@dataclass(frozen=True)
class SuiteRun:
    """One readable run of a suite."""

    model: str
    benchmark: str
    run: Run
    summary: Summary


@dataclass(frozen=True)
class Collected:
    """A suite's results and the runs behind them."""

    folder: Path
    about: Mapping[str, Any]
    """What ``suite.json`` says of the suite."""
    runs: tuple[SuiteRun, ...]
    results: Results
    warnings: tuple[str, ...] = field(default=())
    """Runs that could not be read, and pairs that could not be compared."""

    def trials(self) -> dict[str, pa.Table]:
        """All trials of each model."""
        return model_trials(self.runs)


def collect(folder: Path, progress: Progress = lambda note: None) -> Collected:
    """Measure all runs of the suite in `folder`. Raises `BadInput` where there is no suite or no run."""
    about, states = read_state(folder)
    warnings: list[str] = []
    runs = tuple(_runs(folder, about, warnings, progress))
    if not runs:
        raise BadInput(
            f"{folder}: no run of this suite can be measured yet; {'; '.join(warnings) or 'run it first'}"
        )
    progress("comparing models")
    models = tuple(
        _model_entry(name, about["models"][name], about, runs) for name in _present(about["models"], runs)
    )
    merged = merge(model_trials(runs))
    pairs = tuple(pair_results(runs, models, warnings))
    groups = {kind: [m.name for m in models if m.weights == kind] for kind in ("open", "closed")}
    results = Results(
        title=str(about.get("title", folder.name)),
        models=models,
        benchmarks=tuple(_benchmark_entries(about["benchmarks"], runs)),
        conditions=tuple(_conditions(runs)),
        cells=tuple(_cell_results(runs)),
        means=tuple(_means(runs, [m.name for m in models])),
        pairs=pairs,
        claims=(open_closed_claim(merged, groups["open"], groups["closed"]),),
        ranks=tuple(_ranks(merged)),
        orders=tuple(order_agreements(runs, models)),
        runs=tuple(_run_entry(state, runs) for state in _known_states(about, states)),
        judges=tuple(dict.fromkeys(name for r in runs for name in _judges(r.run))),
        made_with=manifests.versions().get("unswayed", ""),
        date=max(str(r.run.manifest["sessions"][-1]["started"])[:10] for r in runs),
    )
    return Collected(folder, about, runs, results, tuple(warnings))


def model_trials(runs: tuple[SuiteRun, ...]) -> dict[str, pa.Table]:
    """Model to its trials on all benchmarks."""
    tables: dict[str, list[pa.Table]] = {}
    for r in runs:
        tables.setdefault(r.model, []).append(r.run.trials)
    return {name: pa.concat_tables(parts, promote_options="permissive") for name, parts in tables.items()}


def _runs(
    folder: Path, about: Mapping[str, Any], warnings: list[str], progress: Progress
) -> Iterator[SuiteRun]:
    for model in about["models"]:
        for benchmark in about["benchmarks"]:
            path = folder / RUNS / model / benchmark
            if not (path / manifests.FILE).is_file():
                continue
            progress(f"measuring {model} on {benchmark}")
            try:
                run = Run.load(path)
                yield SuiteRun(model, benchmark, run, summarise(run.trials))
            except UnswayedError as error:
                warnings.append(f"{model} on {benchmark}: {error}")


def _present(names: Mapping[str, Any], runs: tuple[SuiteRun, ...]) -> list[str]:
    there = {r.model for r in runs}
    return [name for name in names if name in there]


def _model_entry(
    name: str, settings: Mapping[str, Any], about: Mapping[str, Any], runs: tuple[SuiteRun, ...]
) -> ModelEntry:
    own = next(r for r in runs if r.model == name)
    known = {r.model for r in runs}
    base = str(settings.get("finetuned_from", ""))
    seed = int(settings.get("seed", -1))
    return ModelEntry(
        name,
        str(settings["model"]),
        own.summary.revision,
        manifests.run_format(own.run.manifest).name,
        "closed" if settings.get("weights") == "closed" else "open",
        float(settings.get("size", 0)),
        base if base in known else "",
        seed if seed >= 0 else int(about["settings"]["seed"]),
        float(settings["sampling"]["temperature"]),
    )


def _benchmark_entries(names: Mapping[str, Any], runs: tuple[SuiteRun, ...]) -> Iterator[BenchmarkEntry]:
    for name in names:
        own = [r for r in runs if r.benchmark == name]
        if own:
            asked = own[0].run.manifest["asks"].get("about", {})
            questions = max(r.summary.n_questions for r in own)
            yield BenchmarkEntry(
                name, str(asked.get("benchmark", name)), str(asked.get("version", "")), questions
            )


def _conditions(runs: tuple[SuiteRun, ...]) -> list[str]:
    return sorted({row.condition for r in runs for row in r.summary.rows}, key=protocol_order)


def _cell_results(runs: tuple[SuiteRun, ...]) -> Iterator[CellResult]:
    for r in runs:
        for row in r.summary.rows:
            yield CellResult(
                r.model,
                r.benchmark,
                row.condition,
                row.asked,
                row.states,
                row.measures,
                row.p_value,
                row.p_holm,
            )


def _means(runs: tuple[SuiteRun, ...], models: list[str]) -> Iterator[MeanResult]:
    """Means over benchmarks: of a measure only where the model has it on every benchmark on which any model
    has it, so that all means are over the same benchmarks."""
    by_cell = {(r.model, r.benchmark, row.condition): row for r in runs for row in r.summary.rows}
    benchmarks = list(dict.fromkeys(r.benchmark for r in runs))
    for condition in _conditions(runs):
        where: dict[str, list[str]] = {}
        for benchmark in benchmarks:
            rows = [by_cell.get((model, benchmark, condition)) for model in models]
            for name in {
                n for row in rows if row and row.asked for n, e in row.measures.items() if e.value is not None
            }:
                where.setdefault(name, []).append(benchmark)
        for model in models:
            measures = {}
            for name in MEASURES:
                found = [by_cell.get((model, b, condition)) for b in where.get(name, ())]
                parts = [row.measures.get(name) for row in found if row and row.asked]
                if found and len(parts) == len(found) and all(e and e.value is not None for e in parts):
                    known = [e for e in parts if e is not None]
                    measures[name] = mean_over_benchmarks(known, _bounds(name))
            if measures:
                yield MeanResult(model, condition, len(where.get("accuracy", ())), measures)


def _bounds(name: str) -> tuple[float, float]:
    form = MEASURES[name].format
    return {"percent": (0.0, 1.0), "points": (-1.0, 1.0)}.get(form, (-float("inf"), float("inf")))


def _ranks(merged: MergedTrials) -> Iterator[Rank]:
    for condition in RANKED:
        yield from accuracy_ranks(merged, condition)


def _known_states(about: Mapping[str, Any], states: list[CellState]) -> Iterator[CellState]:
    """The states of the cells that the suite of now has."""
    for state in states:
        model, _, benchmark = state.name.partition("/")
        if model in about["models"] and benchmark in about["benchmarks"]:
            yield state


def _run_entry(state: CellState, runs: tuple[SuiteRun, ...]) -> RunEntry:
    model, _, benchmark = state.name.partition("/")
    own = next((r for r in runs if (r.model, r.benchmark) == (model, benchmark)), None)
    return RunEntry(
        model,
        benchmark,
        state.state,
        own.run.trials.num_rows if own else state.trials,
        state.seconds,
        state.reason[:1000],
        _stop_entry(state),
        tuple(ScoreEntry(**score) for score in state.scores),
        {claim.name: claim.verdict for claim in own.summary.claims} if own else {},
    )


def _stop_entry(state: CellState) -> StopEntry | None:
    if state.stop is None:
        return None
    sequences = {name: Estimate(**e) for name, e in state.stop["drops"].items()}
    return StopEntry(state.stop["asked"], state.stop["questions"], sequences)


def _judges(run: Run) -> tuple[str, ...]:
    return panel_columns.panel_names(run.manifest) or (str(run.manifest["asks"].get("judge", "")),)
