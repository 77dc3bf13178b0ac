"""A study's tables as series of measures: what is taken from which column, arm by arm, seed by seed.

What the audit measures is taken as the audit takes it, row by row. Added here are what only many audits of
the same questions need: the health of thoughts question by question, and numbers of the training steps.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from unswayed.metrics.catalogue import IN_TRAINING, MEASURES, Measure
from unswayed.metrics.columns import (
    Columns,
    need,
    protocol_order,
    read,
)
from unswayed.metrics.paired import BASE, WRONG_CUES
from unswayed.metrics.rates import own_parts
from unswayed.metrics.stats import (
    Bools,
    Floats,
    Ints,
    rng_for,
)
from unswayed.metrics.training.trajectories import RESAMPLES, Draws, Series
from unswayed.trial import STATES

ALL = "all"
ROBUST = "robust_accuracy"
COMMONEST = 10
"""Templates that `template_share` counts."""

THOUGHTS: dict[str, Measure] = {
    "thought_length": Measure(
        "Length of thoughts", "mean characters of a thought", "characters", "number", None
    ),
    "template_share": Measure(
        "Template share",
        f"thoughts with one of the {COMMONEST} commonest templates of their audit and condition",
        "share",
        "percent",
        False,
    ),
    "duplicate_thoughts": Measure(
        "Shared templates", "thoughts whose template another question's thought has too", "share", "percent"
    ),
    "empty_thoughts": Measure(
        "Empty thoughts", "no thought, or one without a character, among asked trials", "share", "percent"
    ),
    "truncated": Measure("Truncated", "answers that ran out of tokens", "share", "percent", False),
}
"""Thought health by question; templates as `thoughts.template` has them."""

STEPS: dict[str, Measure] = {
    "reward": Measure("Reward", "mean total of a rollout", "reward", "number", True),
    "total": Measure("Reward, by condition", "mean total of a rollout", "reward", "number", True),
    "format": Measure("Format part", "rollouts that are well formed", "share", "percent", True),
    "correct": Measure("Correct part", "rollouts with the right answer", "share", "percent", True),
    "consistent": Measure("Consistent part", "rollouts whose thought supports it", "share", "percent"),
    "follows_cue": Measure("Rollouts that follow", "they answer the cue's option", "share", "percent"),
    "dead_groups": Measure(
        "Dead groups", "of rollouts that were all paid the same: nothing is learnt", "share", "percent", False
    ),
    "kl": Measure("KL in the loss", "of the policy's tokens, as the trainer logs it", "nats", "number"),
    "entropy": Measure("Token entropy", "of the policy's tokens, as the trainer logs it", "nats", "number"),
}  # fmt: skip
"""Numbers of a training step; a point is the mean over the steps since the point before."""

AUDITED: dict[str, Measure] = {
    **IN_TRAINING,
    "image_reliance": MEASURES["image_reliance"],
    "health_distinct_2": Measure("Distinct word pairs", "of thoughts, over all pairs", "share", "number"),
    "health_gzip_ratio": Measure("Compressed to", "small: thoughts repeat each other", "share", "number"),
}
"""Numbers of an audit that are not kept question by question: their spread is that of the seeds alone."""

POINTS = 20
"""Most points that a number of training steps is shown at."""


@dataclass(frozen=True)
class Study:
    """Every series of a study."""

    arms: tuple[str, ...]
    """In the order that they were given."""
    seeds: Mapping[str, tuple[int, ...]]
    """Of each arm, those that were audited."""
    conditions: tuple[str, ...]
    """In the protocol's order."""
    series: Mapping[tuple[str, str, str], Series]
    """By arm, measure and condition; `all` for what is measured across conditions."""
    draws: Draws
    questions: int
    groups: int

    def find(self, arm: str, measure: str, condition: str = BASE) -> Series | None:
        """The series, if there is one."""
        return self.series.get((arm, measure, condition))

    def common(self, *arms: str) -> list[int]:
        """Steps at which every seed of all these arms was audited."""
        found = [s for arm in arms or self.arms if (s := self.find(arm, "accuracy", self.conditions[0]))]
        steps = [set(s.steps[s.complete].tolist()) for s in found]
        return sorted(set.intersection(*steps)) if steps else []

    def measures(self, condition: str) -> list[str]:
        """Names of the measures that some arm has under this condition."""
        return list(dict.fromkeys(m for _, m, c in self.series if c == condition))


def meaning(name: str) -> Measure:
    """What a study's measure is called and means."""
    known = {**MEASURES, **THOUGHTS, **STEPS, **AUDITED}
    return known.get(name, Measure(name.replace("_", " ").capitalize(), "", "score", "number"))


def study(
    audits: pa.Table,
    metrics: pa.Table | None = None,
    dynamics: pa.Table | None = None,
    *,
    arms: Sequence[str] = (),
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Study:
    """The series of `audits`, one row an audited question; of `metrics`, one row a number of a training step;
    and of what only `dynamics`, one row a number of an audit, has (`AUDITED`).

    Columns: those of `unswayed.store.study_records`. `arms` gives their order. Raises `BadInput` for a table
    that cannot be measured.
    """
    need(audits)
    runs = _runs(audits)
    whole = read(_marked(audits, runs))  # refuses what cannot be measured, in the table's row numbers
    groups = int(whole.cluster.max()) + 1
    order = [a for a in arms if any(a == arm for arm, _ in runs)]
    order += sorted({arm for arm, _ in runs} - set(order))
    found: dict[tuple[str, str, str], Series] = {}
    for arm in order:
        seeds = tuple(sorted(s for a, s in runs if a == arm))
        steps = np.unique(np.concatenate([list(runs[arm, s]) for s in seeds]).astype(np.int64))
        sums: dict[tuple[str, str], tuple[Floats, Floats]] = {}
        for i, s in enumerate(seeds):
            for step, rows in runs[arm, s].items():
                table, cluster = audits.take(rows), whole.cluster[rows]
                for key, total, count in _parts(table, cluster, groups):
                    shape = (len(seeds), len(steps), groups)
                    at = sums.setdefault(key, (np.zeros(shape), np.zeros(shape)))
                    at[0][i, np.searchsorted(steps, step)] = total
                    at[1][i, np.searchsorted(steps, step)] = count
        for (name, condition), (total, count) in sums.items():
            found[arm, name, condition] = Series(arm, seeds, steps, total, count)
    if metrics is not None:
        wanted = pc.or_(pc.not_equal(metrics["condition"], ALL), _named(metrics, STEPS))
        found |= {key: _pieces(key[0], told) for key, told in _told(metrics.filter(wanted), order).items()}
    if dynamics is not None:
        told = _told(dynamics.filter(_named(dynamics, AUDITED)), order)
        found |= {key: _points(key[0], each) for key, each in told.items()}
    names = sorted({c for _, _, c in found if c != ALL}, key=protocol_order)
    return Study(
        arms=tuple(order),
        seeds={a: tuple(sorted(s for b, s in runs if a == b)) for a in order},
        conditions=tuple(n for n in names if any((a, "accuracy", n) in found for a in order)),
        series=found,
        draws=Draws.make(groups, rng_for(seed, "questions"), resamples),
        questions=whole.n_questions,
        groups=groups,
    )


def _marked(audits: pa.Table, runs: Mapping[tuple[str, int], Mapping[int, Ints]]) -> pa.Table:
    """The audits as one table of trials: each run and step a sample of its own, so that no trial is twice."""
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
    found: dict[tuple[str, int], dict[int, list[int]]] = {}
    columns = (audits[name].to_pylist() for name in ("arm", "seed", "step"))
    for i, (arm, seed, step) in enumerate(zip(*columns, strict=True)):
        found.setdefault((arm, seed), {}).setdefault(step, []).append(i)
    return {run: {step: np.array(rows) for step, rows in by.items()} for run, by in found.items()}


def _parts(table: pa.Table, cluster: Ints, groups: int) -> list[tuple[tuple[str, str], Floats, Floats]]:
    """((measure, condition), sums, counts) by group of one audit, as far as there is anything to count."""
    c = read(table)
    parts = own_parts(c) | _health(table, c)
    found: list[tuple[tuple[str, str], Floats, Floats]] = []

    def add(key: tuple[str, str], values: Floats, rows: Ints) -> None:
        if len(rows):
            total, count = (
                np.bincount(cluster[rows], weights=w[rows], minlength=groups).astype(np.float64)
                for w in (values, np.ones(len(values)))
            )
            found.append((key, total, count))

    for condition, rows in c.by_condition().items():
        for name, (values, among) in parts.items():
            add((name, condition), values, rows[among[rows]])
    cues = [name for name in WRONG_CUES if name in c.conditions]
    held = c.pairs(BASE, *cues)
    if cues and len(held[0]):
        right = np.zeros(len(c.right))
        right[held[0]] = np.logical_and.reduce([c.right[r] for r in held])
        add((ROBUST, ALL), right, held[0])
    return found


def _health(table: pa.Table, c: Columns) -> dict[str, tuple[Floats, Bools]]:
    found = {"truncated": ((c.state == STATES.index("truncated")).astype(float), c.counted)}
    if "thought_characters" in table.column_names:
        length = np.asarray(table["thought_characters"].fill_null(-1).to_numpy()).astype(float)
        found["thought_length"] = (length, c.counted & (length >= 0))
        found["empty_thoughts"] = ((length <= 0).astype(float), c.counted)
    if "thought_template" in table.column_names:
        code = np.asarray(table["thought_template"].fill_null(-1).to_numpy()).astype(np.int64)
        known = c.counted & (code >= 0)
        common, twice = np.zeros(len(code)), np.zeros(len(code))
        for rows in c.by_condition().values():
            rows = rows[known[rows]]
            seen = Counter(code[rows].tolist())
            top = {shape for shape, _ in seen.most_common(COMMONEST)}
            common[rows] = [shape in top for shape in code[rows].tolist()]
            twice[rows] = [seen[shape] > 1 for shape in code[rows].tolist()]
        if known.any():
            found["template_share"], found["duplicate_thoughts"] = (common, known), (twice, known)
    return found


Told = Mapping[int, Sequence[tuple[int, float]]]
"""(step, value) by seed."""


def _named(table: pa.Table, names: Mapping[str, Measure]) -> pa.ChunkedArray:
    return pc.is_in(table["measure"], value_set=pa.array(list(names), pa.string()))


def _told(table: pa.Table, arms: Sequence[str]) -> dict[tuple[str, str, str], Told]:
    """What a long table tells by arm, measure and condition."""
    by: dict[tuple[str, str, str], dict[int, list[tuple[int, float]]]] = {}
    names = ("arm", "measure", "condition", "seed", "step", "value")
    for arm, measure, condition, seed, step, value in zip(
        *(table[n].to_pylist() for n in names), strict=True
    ):
        if value is not None and math.isfinite(value) and arm in arms:
            by.setdefault((arm, measure, condition), {}).setdefault(seed, []).append((step, value))
    return dict(by)


def _points(arm: str, told: Told) -> Series:
    """A series of audits, without questions behind it."""
    return _series(arm, told, np.unique([step for pairs in told.values() for step, _ in pairs]))


def _pieces(arm: str, told: Told) -> Series:
    """A series of training steps, in at most `POINTS` pieces: each is the mean since the one before."""
    last = max(step for pairs in told.values() for step, _ in pairs)
    ends = np.unique(np.ceil(np.linspace(0, last, min(POINTS, last) + 1)[1:])).astype(np.int64)
    return _series(arm, told, ends if last else np.zeros(1, np.int64))


def _series(arm: str, told: Told, ends: Ints) -> Series:
    shape = (len(told), len(ends), 1)
    total, count = np.zeros(shape), np.zeros(shape)
    for i, seed in enumerate(sorted(told)):
        step, value = (np.array(x) for x in zip(*told[seed], strict=True))
        at = np.searchsorted(ends, step)
        np.add.at(total[i, :, 0], at, value)
        np.add.at(count[i, :, 0], at, 1.0)
    return Series(arm, tuple(sorted(told)), ends, total, count)
