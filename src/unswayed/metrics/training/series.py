"""A study's tables as time series of measures, by arm, seed and training step.

Measures of an audit are taken row by row with the audit's own definitions (`rates.row_values`). This module
adds what needs several audits of the same questions (thought health by question) and metrics of training
steps.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from unswayed.metrics.catalogue import Measure
from unswayed.metrics.columns import Columns, protocol_order, read_columns
from unswayed.metrics.paired import BASE, robust_rows
from unswayed.metrics.rates import row_values
from unswayed.metrics.stats import (
    Bools,
    Floats,
    Ints,
    rng_for,
)
from unswayed.metrics.table_columns import check_columns
from unswayed.metrics.training.catalogue import AUDIT_MEASURES, N_TEMPLATES, STEP_MEASURES
from unswayed.metrics.training.trajectories import RESAMPLES, Bootstrap, Series
from unswayed.trial import STATES

ALL_CONDITIONS = "all"
ROBUST = "robust_accuracy"
MAX_POINTS = 20
"""Largest number of points of a training-step metric."""


@dataclass(frozen=True)
class StudySeries:
    """Every series of a study."""

    arms: tuple[str, ...]
    """In the order of the study's settings."""
    seeds: Mapping[str, tuple[int, ...]]
    """By arm: the seeds that were audited."""
    conditions: tuple[str, ...]
    """In the protocol's order."""
    series: Mapping[tuple[str, str, str], Series]
    """By (arm, measure, condition); condition `all` for measures across conditions."""
    bootstrap: Bootstrap
    questions: int
    groups: int

    def find(self, arm: str, measure: str, condition: str = BASE) -> Series | None:
        """The series, or None."""
        return self.series.get((arm, measure, condition))

    def common(self, *arms: str) -> list[int]:
        """Steps at which every seed of all these arms was audited."""
        series = [s for arm in arms or self.arms if (s := self.find(arm, "accuracy", self.conditions[0]))]
        steps = [set(s.steps[s.complete].tolist()) for s in series]
        return sorted(set.intersection(*steps)) if steps else []

    def measures(self, condition: str) -> list[str]:
        """Names of the measures that some arm has under this condition."""
        return list(dict.fromkeys(m for _, m, c in self.series if c == condition))


def build_series(
    audits: pa.Table,
    metrics: pa.Table | None = None,
    dynamics: pa.Table | None = None,
    *,
    arms: Sequence[str] = (),
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> StudySeries:
    """All series of a study.

    `audits` has one row per audited question, `metrics` one row per metric of a training step, `dynamics` one
    row per measure of an audit (only `AUDIT_MEASURES` are taken from it). Columns: those of
    `unswayed.store.study_records`. `arms` gives the order of the arms. Raises `BadInput` for a table that
    cannot be measured.
    """
    check_columns(audits)
    runs = _runs(audits)
    columns = read_columns(_with_own_samples(audits, runs))  # errors name rows of `audits`
    groups = int(columns.cluster.max()) + 1
    order = [a for a in arms if any(a == arm for arm, _ in runs)]
    order += sorted({arm for arm, _ in runs} - set(order))
    series: dict[tuple[str, str, str], Series] = {}
    for arm in order:
        seeds = tuple(sorted(s for a, s in runs if a == arm))
        steps = np.unique(np.concatenate([list(runs[arm, s]) for s in seeds]).astype(np.int64))
        sums: dict[tuple[str, str], tuple[Floats, Floats]] = {}
        for i, s in enumerate(seeds):
            for step, rows in runs[arm, s].items():
                table, cluster = audits.take(rows), columns.cluster[rows]
                for key, total, count in _sums_by_group(table, cluster, groups):
                    shape = (len(seeds), len(steps), groups)
                    at = sums.setdefault(key, (np.zeros(shape), np.zeros(shape)))
                    at[0][i, np.searchsorted(steps, step)] = total
                    at[1][i, np.searchsorted(steps, step)] = count
        for (name, condition), (total, count) in sums.items():
            series[arm, name, condition] = Series(arm, seeds, steps, total, count)
    if metrics is not None:
        wanted = pc.or_(
            pc.not_equal(metrics["condition"], ALL_CONDITIONS), _is_measure(metrics, STEP_MEASURES)
        )
        series |= {
            key: _step_series(key[0], by_key)
            for key, by_key in _by_key(metrics.filter(wanted), order).items()
        }
    if dynamics is not None:
        by_key = _by_key(dynamics.filter(_is_measure(dynamics, AUDIT_MEASURES)), order)
        series |= {key: _audit_series(key[0], by_seed) for key, by_seed in by_key.items()}
    names = sorted({c for _, _, c in series if c != ALL_CONDITIONS}, key=protocol_order)
    return StudySeries(
        arms=tuple(order),
        seeds={a: tuple(sorted(s for b, s in runs if a == b)) for a in order},
        conditions=tuple(n for n in names if any((a, "accuracy", n) in series for a in order)),
        series=series,
        bootstrap=Bootstrap.make(groups, rng_for(seed, "questions"), resamples),
        questions=columns.n_questions,
        groups=groups,
    )


def _with_own_samples(audits: pa.Table, runs: Mapping[tuple[str, int], Mapping[int, Ints]]) -> pa.Table:
    """The audits as one trials table: each (run, step) gets its own sample numbers, so that no trial occurs
    twice."""
    sample = np.asarray(audits["sample"].fill_null(0).to_numpy()).astype(np.int64)
    mark = np.zeros(len(sample), np.int64)
    for i, rows in enumerate(rows for by in runs.values() for rows in by.values()):
        mark[rows] = i
    at = audits.schema.get_field_index("sample")
    return audits.set_column(
        at, "sample", pa.array((mark * (sample.max(initial=0) + 1) + sample).astype(np.int32))
    )


def _runs(audits: pa.Table) -> dict[tuple[str, int], dict[int, Ints]]:
    """Row numbers by (arm, seed), then by step."""
    rows_of: dict[tuple[str, int], dict[int, list[int]]] = {}
    columns = (audits[name].to_pylist() for name in ("arm", "seed", "step"))
    for i, (arm, seed, step) in enumerate(zip(*columns, strict=True)):
        rows_of.setdefault((arm, seed), {}).setdefault(step, []).append(i)
    return {run: {step: np.array(rows) for step, rows in by.items()} for run, by in rows_of.items()}


def _sums_by_group(
    table: pa.Table, cluster: Ints, groups: int
) -> list[tuple[tuple[str, str], Floats, Floats]]:
    """((measure, condition), sums by group, counts by group) of one audit; empty ones are left out."""
    c = read_columns(table)
    parts = row_values(c) | _health(table, c)
    parts_by_key: list[tuple[tuple[str, str], Floats, Floats]] = []

    def add(key: tuple[str, str], values: Floats, rows: Ints) -> None:
        if len(rows):
            total, count = (
                np.bincount(cluster[rows], weights=w[rows], minlength=groups).astype(np.float64)
                for w in (values, np.ones(len(values)))
            )
            parts_by_key.append((key, total, count))

    for condition, rows in c.by_condition().items():
        for name, (values, among) in parts.items():
            add((name, condition), values, rows[among[rows]])
    held = robust_rows(c)
    if held is not None:
        right = np.zeros(len(c.right))
        right[held[0]] = np.logical_and.reduce([c.right[r] for r in held])
        add((ROBUST, ALL_CONDITIONS), right, held[0])
    return parts_by_key


def _health(table: pa.Table, c: Columns) -> dict[str, tuple[Floats, Bools]]:
    measures = {"truncated": ((c.state == STATES.index("truncated")).astype(float), c.counted)}
    if "thought_characters" in table.column_names:
        length = np.asarray(table["thought_characters"].fill_null(-1).to_numpy()).astype(float)
        measures["thought_length"] = (length, c.counted & (length >= 0))
        measures["empty_thoughts"] = ((length <= 0).astype(float), c.counted)
    if "thought_template" in table.column_names:
        code = np.asarray(table["thought_template"].fill_null(-1).to_numpy()).astype(np.int64)
        known = c.counted & (code >= 0)
        common, shared = np.zeros(len(code)), np.zeros(len(code))
        for rows in c.by_condition().values():
            rows = rows[known[rows]]
            template_counts = Counter(code[rows].tolist())
            top = {shape for shape, _ in template_counts.most_common(N_TEMPLATES)}
            common[rows] = [shape in top for shape in code[rows].tolist()]
            shared[rows] = [template_counts[shape] > 1 for shape in code[rows].tolist()]
        if known.any():
            measures["template_share"], measures["duplicate_thoughts"] = (common, known), (shared, known)
    return measures


SeedPoints = Mapping[int, Sequence[tuple[int, float]]]
"""(step, value) by seed."""


def _is_measure(table: pa.Table, names: Mapping[str, Measure]) -> pa.ChunkedArray:
    return pc.is_in(table["measure"], value_set=pa.array(list(names), pa.string()))


def _by_key(table: pa.Table, arms: Sequence[str]) -> dict[tuple[str, str, str], SeedPoints]:
    """The rows of a long table by (arm, measure, condition)."""
    by: dict[tuple[str, str, str], dict[int, list[tuple[int, float]]]] = {}
    names = ("arm", "measure", "condition", "seed", "step", "value")
    for arm, measure, condition, seed, step, value in zip(
        *(table[n].to_pylist() for n in names), strict=True
    ):
        if value is not None and math.isfinite(value) and arm in arms:
            by.setdefault((arm, measure, condition), {}).setdefault(seed, []).append((step, value))
    return dict(by)


def _audit_series(arm: str, by_seed: SeedPoints) -> Series:
    """A series of audits without values by question."""
    return _series(arm, by_seed, np.unique([step for pairs in by_seed.values() for step, _ in pairs]))


def _step_series(arm: str, by_seed: SeedPoints) -> Series:
    """A series of training steps as at most `MAX_POINTS` means over consecutive steps."""
    last = max(step for pairs in by_seed.values() for step, _ in pairs)
    ends = np.unique(np.ceil(np.linspace(0, last, min(MAX_POINTS, last) + 1)[1:])).astype(np.int64)
    return _series(arm, by_seed, ends if last else np.zeros(1, np.int64))


def _series(arm: str, by_seed: SeedPoints, ends: Ints) -> Series:
    shape = (len(by_seed), len(ends), 1)
    total, count = np.zeros(shape), np.zeros(shape)
    for i, seed in enumerate(sorted(by_seed)):
        step, value = (np.array(x) for x in zip(*by_seed[seed], strict=True))
        at = np.searchsorted(ends, step)
        np.add.at(total[i, :, 0], at, value)
        np.add.at(count[i, :, 0], at, 1.0)
    return Series(arm, tuple(sorted(by_seed)), ends, total, count)
