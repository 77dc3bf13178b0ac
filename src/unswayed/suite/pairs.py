"""Finetuned models against their base models, paired by question, with Holm's correction over the suite."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from unswayed.errors import BadInput
from unswayed.metrics import compare
from unswayed.metrics.stats import holm
from unswayed.suite.results import ModelEntry, PairResult

if TYPE_CHECKING:
    from unswayed.suite.collect import SuiteRun

COMPARED = ("accuracy", "drop", "faithful_accuracy", "letter_entropy", "p_correct")


def pair_results(
    runs: Sequence[SuiteRun], models: Sequence[ModelEntry], warnings: list[str]
) -> list[PairResult]:
    """Every finetuned model against its base, on each benchmark and on all questions together.

    Appends to `warnings` what could not be compared. Each measure is corrected over all its tests on single
    benchmarks, and over all its tests on all questions together.
    """
    entries = {m.name: m for m in models}
    found: list[PairResult] = []
    for model in models:
        if not model.finetuned_from:
            continue
        base = entries[model.finetuned_from]
        tables = [
            {r.benchmark: r.run.trials for r in runs if r.model == name} for name in (base.name, model.name)
        ]
        shared = [name for name in tables[0] if name in tables[1]]
        for benchmark in ["", *shared] if len(shared) > 1 else shared:
            sides = [
                pa.concat_tables(
                    [t[name] for name in ([benchmark] if benchmark else shared)], promote_options="permissive"
                )
                for t in tables
            ]
            try:
                found += _pair(base, model, benchmark, *sides)
            except BadInput as error:
                warnings.append(f"{model.name} against {base.name}: {error}")
    return _corrected(found)


def _pair(
    base: ModelEntry, model: ModelEntry, benchmark: str, first: pa.Table, second: pa.Table
) -> Iterator[PairResult]:
    same_size = bool(base.size) and base.size == model.size
    for row in compare(first, second).rows:
        for measure in COMPARED:
            if m := row.measures.get(measure):
                yield PairResult(
                    base.name,
                    model.name,
                    same_size,
                    benchmark,
                    row.condition,
                    measure,
                    m.first,
                    m.second,
                    m.difference,
                    m.p_value,
                )


def _corrected(pairs: list[PairResult]) -> list[PairResult]:
    corrected = list(pairs)
    for measure in COMPARED:
        for pooled in (False, True):
            places = [i for i, p in enumerate(pairs) if p.measure == measure and (not p.benchmark) == pooled]
            adjusted = holm([pairs[i].p_value for i in places])
            for i, p in zip(places, adjusted, strict=True):
                corrected[i] = replace(pairs[i], p_holm=p)
    return corrected
