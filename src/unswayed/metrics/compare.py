"""Two runs on the same questions: where they differ, paired question by question."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from unswayed.errors import BadInput
from unswayed.metrics.columns import (
    NEEDED,
    Columns,
    column,
    protocol_order,
    read,
    the_only,
)
from unswayed.metrics.paired import accuracy_difference, accuracy_p_value
from unswayed.metrics.stats import Ints, holm, rate
from unswayed.metrics.summary import Estimate
from unswayed.trial import SCHEMA

_KEPT = (*NEEDED, "gold")


@dataclass(frozen=True)
class ConditionComparison:
    """One condition under both runs, over the questions that both scored."""

    condition: str
    first: Estimate
    """Accuracy of the first run on the pairs."""
    second: Estimate
    difference: Estimate
    """Accuracy of the second run minus the first, with a bootstrap interval over groups; n = pairs."""
    p_value: float | None
    """Exact McNemar (clustered where groups have several pairs); None without pairs."""
    p_holm: float | None
    """The same after Holm's correction over the conditions compared."""
    only_first: int
    """Trials of the first run without a partner in the second."""
    only_second: int
    unscored: int
    """Pairs left out because one of the two is `error` or `not-asked`."""


@dataclass(frozen=True)
class Comparison:
    """What sets two runs apart."""

    first: str
    """Model of the first run."""
    second: str
    rows: tuple[ConditionComparison, ...]
    """Conditions in the protocol's order; one that only one run has appears with no pairs."""


def compare(first: pa.Table, second: pa.Table, *, resamples: int = 2000, seed: int = 0) -> Comparison:
    """Compare two trials tables, paired on (benchmark, uid, condition, sample).

    Raises `BadInput` where a table cannot be measured, the runs share no question under one
    condition, or a shared question has another right option in the second.
    """
    for table in (first, second):  # what is wrong with one of them is said in its own row numbers
        read(table)
    # Side by side as one table whose conditions carry the run's mark, so that pairing is the same as ever.
    both = pa.concat_tables([_side(first, "1"), _side(second, "2")])
    c = read(both)
    names = sorted({name[1:] for name in c.conditions}, key=protocol_order)
    shared = {name: _shared(c, name) for name in names}
    if not any(a.size for a, _ in shared.values()):
        raise BadInput(
            "the two runs have no question in common under the same condition; audit both models on the "
            "same benchmark, conditions and samples"
        )
    gold = np.asarray(column(both, "gold").fill_null(-1).to_numpy())
    for name, (a, b) in shared.items():
        if (wrong := gold[a] != gold[b]).any():
            uid = both.column("uid")[int(a[np.argmax(wrong)])].as_py()
            raise BadInput(
                f"question {uid!r} under {name!r} has another right option in the second run; "
                "only runs on the same questions can be compared"
            )
    p_values = [accuracy_p_value(c, "1" + name, "2" + name) for name in names]
    counts = {name: len(rows) for name, rows in c.by_condition().items()}
    found = []
    for name, p, adjusted in zip(names, p_values, holm(p_values), strict=True):
        mine, theirs = c.pairs("1" + name, "2" + name)
        met = len(shared[name][0])
        found.append(
            ConditionComparison(
                condition=name,
                first=rate(c.right[mine], c.cluster[mine]),
                second=rate(c.right[theirs], c.cluster[theirs]),
                difference=accuracy_difference(c, "2" + name, "1" + name, resamples, seed),
                p_value=p,
                p_holm=adjusted,
                only_first=counts.get("1" + name, 0) - met,
                only_second=counts.get("2" + name, 0) - met,
                unscored=met - len(mine),
            )
        )
    return Comparison(the_only(first, "model"), the_only(second, "model"), tuple(found))


def _side(table: pa.Table, mark: str) -> pa.Table:
    """The columns that comparing needs, in one type on both sides, conditions marked."""
    kinds = {name: pa.large_string() if SCHEMA.field(name).type == pa.string() else None for name in _KEPT}
    taken = {}
    for name, kind in kinds.items():
        values = column(table, name)
        taken[name] = values.cast(kind) if kind else values
    taken["condition"] = pc.binary_join_element_wise(
        pa.scalar(mark, pa.large_string()), taken["condition"], pa.scalar("", pa.large_string())
    )
    return pa.table(taken)


def _shared(c: Columns, name: str) -> tuple[Ints, Ints]:
    """Rows of the same question under one condition in both runs, scored or not."""
    if not {"1" + name, "2" + name} <= set(c.conditions):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    a, b = c.rows[[c.conditions.index("1" + name), c.conditions.index("2" + name)]]
    met = (a >= 0) & (b >= 0)
    return a[met], b[met]
