"""Two runs on the same questions, compared by condition and paired by question.

Pairs in which the two cues assert different options are left out: the runs were misled to different options
there (another seed, or another order of the options), which is no difference between the models.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from unswayed.errors import BadInput
from unswayed.metrics.columns import Columns, protocol_order, read_columns
from unswayed.metrics.confidence import paired_shift
from unswayed.metrics.paired import BASE
from unswayed.metrics.rates import any_conclusion
from unswayed.metrics.stats import (
    Bools,
    Floats,
    Ints,
    difference,
    holm,
    mcnemar,
    mean,
    mean_p_value,
    rate,
    rng_for,
)
from unswayed.metrics.summary import Estimate
from unswayed.metrics.table_columns import REQUIRED, column, single_value
from unswayed.trial import SCHEMA

COMPARED = ("accuracy", "drop", "faithful_accuracy", "p_correct", "letter_entropy")
"""Measures that are compared, by the names of `metrics.MEASURES`."""
_COLUMNS = (
    *REQUIRED,
    *("gold", "cue", "cue_text", "n_options", "answer", "judged", "consistent", "concluded"),
    *("p_correct", "letter_entropy"),
)


@dataclass(frozen=True)
class MeasureComparison:
    """One measure in both runs, over the same questions."""

    first: Estimate
    second: Estimate
    difference: Estimate
    """Second run minus first, paired by question."""
    p_value: float | None = None
    """Two-sided; exact McNemar (clustered) for accuracy, drops and faithful accuracy, clustered t
    otherwise."""
    p_holm: float | None = None
    """The same after Holm's correction over the conditions compared."""


@dataclass(frozen=True)
class ConditionComparison:
    """One condition in both runs."""

    condition: str
    measures: dict[str, MeasureComparison]
    """By the names in `COMPARED`; a measure without pairs is absent."""
    only_first: int
    """Trials of the first run without a partner in the second."""
    only_second: int
    unscored: int
    """Pairs left out because one of the two is `error` or `not-asked`."""
    other_cue: int
    """Pairs left out because the two cues assert different options."""
    other_wording: int
    """Pairs that were kept although the two cues have different words."""

    @property
    def pairs(self) -> int:
        """Pairs compared."""
        accuracy = self.measures.get("accuracy")
        return accuracy.difference.n if accuracy else 0


@dataclass(frozen=True)
class Comparison:
    """Two runs side by side."""

    first: str
    """Model of the first run."""
    second: str
    rows: tuple[ConditionComparison, ...]
    """Conditions in the protocol's order; a condition of only one run has no pairs."""
    warnings: tuple[str, ...] = field(default=())
    """Differences between the runs other than the model."""
    first_format: str = "common"
    """Prompt format of the first run."""
    second_format: str = "common"

    @property
    def titles(self) -> tuple[str, str]:
        """What names the two runs in a table: the model, with its prompt format unless both are common."""
        formats = (self.first_format, self.second_format)
        models = (self.first, self.second)
        if formats == ("common", "common"):
            return models
        first, second = (f"{model} [{format}]" for model, format in zip(models, formats, strict=True))
        return first, second


def compare(first: pa.Table, second: pa.Table, *, resamples: int = 2000, seed: int = 0) -> Comparison:
    """Compare two trials tables, paired on (benchmark, uid, condition, sample).

    Raises `BadInput` where a table cannot be measured, where the runs share no question under the same
    condition, or where a shared question has another right option in the second run.
    """
    for table in (first, second):  # so that an error names a row of the table that has it
        read_columns(table)
    # As one table whose conditions carry the number of the run, so that runs are paired as conditions are.
    both = pa.concat_tables([marked(first, "1"), marked(second, "2")])
    c = read_columns(both)
    names = sorted({name[1:] for name in c.conditions}, key=protocol_order)
    shared = {name: _shared(c, name) for name in names}
    if not any(a.size for a, _ in shared.values()):
        raise BadInput(
            "the two runs have no question in common under the same condition; audit both models on the "
            "same benchmark, conditions and samples"
        )
    _check_gold(both, shared)
    cue = np.asarray(column(both, "cue").cast(pa.float64()).fill_null(-1).to_numpy())
    wording = column(both, "cue_text").cast(pa.large_string()).combine_chunks()
    counts = {name: len(rows) for name, rows in c.by_condition().items()}
    rows = []
    for name in names:
        a, b = shared[name]
        same_cue = cue[a] == cue[b]
        scored = c.counted[a] & c.counted[b]
        texts = pc.fill_null(pc.not_equal(wording.take(pa.array(a)), wording.take(pa.array(b))), False)
        other_words = np.asarray(texts.to_numpy(zero_copy_only=False), bool)
        rows.append(
            ConditionComparison(
                condition=name,
                measures=dict(_measures(c, name, cue, resamples, seed)),
                only_first=counts.get("1" + name, 0) - len(a),
                only_second=counts.get("2" + name, 0) - len(a),
                unscored=int((~scored).sum()),
                other_cue=int((scored & ~same_cue).sum()),
                other_wording=int((scored & same_cue & other_words).sum()),
            )
        )
    comparison = tuple(_with_holm(rows))
    return Comparison(
        single_value(first, "model"), single_value(second, "model"), comparison, tuple(_warnings(comparison))
    )


def _measures(
    c: Columns, name: str, cue: Floats, resamples: int, seed: int
) -> Iterator[tuple[str, MeasureComparison]]:
    a, b = c.pairs("1" + name, "2" + name)
    kept = cue[a] == cue[b]
    a, b = a[kept], b[kept]
    if not len(a):
        return
    yield "accuracy", _of_shares(c, c.right, a, b, rng_for(seed, "compare", name), resamples)
    if name != BASE:
        yield from _drop(c, name, cue, resamples, seed)
    decided = c.faithful_decided[a] & c.faithful_decided[b]
    if decided.any() and any_conclusion(c, a) and any_conclusion(c, b):
        rng = rng_for(seed, "compare faithful", name)
        yield "faithful_accuracy", _of_shares(c, c.faithful, a[decided], b[decided], rng, resamples)
    for measure, values, largest in (("p_correct", c.p_correct, 1.0), ("letter_entropy", c.entropy, np.inf)):
        delta, cluster = paired_shift(c, values, a, b)
        if len(delta):
            known = ~np.isnan(values[a]) & ~np.isnan(values[b])
            sides = [mean(values[side[known]], cluster, (0, largest)) for side in (a, b)]
            difference_mean, p = mean(delta, cluster, (-largest, largest)), mean_p_value(delta, cluster)
            yield measure, MeasureComparison(sides[0], sides[1], difference_mean, p)


def _of_shares(
    c: Columns, hits: Bools, a: Ints, b: Ints, rng: np.random.Generator, resamples: int
) -> MeasureComparison:
    delta, cluster = hits[b].astype(np.int64) - hits[a], c.cluster[a]
    sides = [rate(hits[side], cluster) for side in (a, b)]
    estimate = difference(delta, cluster, resamples, rng)
    return MeasureComparison(sides[0], sides[1], estimate, mcnemar(delta, cluster))


def _drop(
    c: Columns, name: str, cue: Floats, resamples: int, seed: int
) -> Iterator[tuple[str, MeasureComparison]]:
    """The drop from base in both runs, over the questions scored in all four cells."""
    rows = c.pairs("1" + BASE, "1" + name, "2" + BASE, "2" + name)
    kept = cue[rows[1]] == cue[rows[3]]
    if not kept.any():
        return
    right = [c.right[r[kept]].astype(np.int64) for r in rows]
    cluster = c.cluster[rows[0][kept]]
    drops = right[0] - right[1], right[2] - right[3]
    rng = rng_for(seed, "compare drop", name)
    sides = [difference(drop, cluster, resamples, rng) for drop in drops]
    delta = drops[1] - drops[0]
    estimate = difference(delta, cluster, resamples, rng)
    yield "drop", MeasureComparison(sides[0], sides[1], estimate, mcnemar(delta, cluster))


def _with_holm(rows: list[ConditionComparison]) -> Iterator[ConditionComparison]:
    adjusted = {
        measure: holm([row.measures[measure].p_value if measure in row.measures else None for row in rows])
        for measure in COMPARED
    }
    for i, row in enumerate(rows):
        measures = {name: replace(m, p_holm=adjusted[name][i]) for name, m in row.measures.items()}
        yield replace(row, measures=measures)


def _warnings(rows: tuple[ConditionComparison, ...]) -> Iterator[str]:
    other = [
        f"{row.condition}: {row.other_cue:,} of {row.other_cue + row.pairs:,}"
        for row in rows
        if row.other_cue
    ]
    if other:
        yield (
            "the cues of the two runs assert different options on some questions, which are left out "
            f"({'; '.join(other)}); audit both with the same --seed or the same --cues file"
        )
    if wording := sum(row.other_wording for row in rows):
        yield f"{wording:,} pairs have cues that assert the same option in different words"
    if alone := sum(row.only_first + row.only_second for row in rows):
        yield f"{alone:,} trials have no partner in the other run and are left out"


def _check_gold(both: pa.Table, shared: dict[str, tuple[Ints, Ints]]) -> None:
    gold = np.asarray(column(both, "gold").fill_null(-1).to_numpy())
    for name, (a, b) in shared.items():
        if (differs := gold[a] != gold[b]).any():
            uid = both.column("uid")[int(a[np.argmax(differs)])].as_py()
            raise BadInput(
                f"question {uid!r} under {name!r} has another right option in the second run; "
                "only runs on the same questions, with options in the same order, can be compared"
            )


def marked(table: pa.Table, mark: str, names: Sequence[str] = _COLUMNS) -> pa.Table:
    """The columns `names`, by default those compared, of the same types for every run, and `mark` before each
    condition."""
    columns = {}
    for name in names:
        values = column(table, name)
        columns[name] = values.cast(pa.large_string()) if SCHEMA.field(name).type == pa.string() else values
    columns["condition"] = pc.binary_join_element_wise(
        pa.scalar(mark, pa.large_string()), columns["condition"], pa.scalar("", pa.large_string())
    )
    return pa.table(columns)


def _shared(c: Columns, name: str) -> tuple[Ints, Ints]:
    """Rows of the same question under one condition in both runs, scored or not."""
    if not {"1" + name, "2" + name} <= set(c.conditions):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    a, b = c.rows[[c.conditions.index("1" + name), c.conditions.index("2" + name)]]
    both = (a >= 0) & (b >= 0)
    return a[both], b[both]
