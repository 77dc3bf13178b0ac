"""Stored trials of an audit and its probe, by thought and intervention, with the reference of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from unswayed.metrics.stats import Floats, Ints, mean, rate
from unswayed.metrics.summary import Estimate
from unswayed.metrics.thought_use.names import BASE, MISTAKE, SHARES, kind, truncated_name
from unswayed.metrics.thought_use.results import QuestionUse

_COLUMNS = (
    "benchmark", "uid", "group", "condition", "sample",
    "state", "answer", "correct", "followed_cue", "letters",
)  # fmt: skip


class ProbeTrials:
    """Stored trials by thought (benchmark, uid, sample) and condition."""

    def __init__(self, base: pa.Table, probe: pa.Table) -> None:
        self._cells: dict[str, dict[tuple[str, str, int], dict[str, Any]]] = {}
        for row in _rows(probe):
            self._cells.setdefault(row["condition"], {})[_unit(row)] = row
        probed = {unit for cells in self._cells.values() for unit in cells}
        self._base = {_unit(row): row for row in _rows(base) if row["condition"] == BASE}
        self.units = [unit for unit in self._base if unit in probed]
        self.conditions = tuple(self._cells)
        groups = {unit: (unit[0], self._base[unit]["group"]) for unit in self.units}
        number = {group: i for i, group in enumerate(dict.fromkeys(groups.values()))}
        self.cluster: Ints = np.array([number[groups[unit]] for unit in self.units], dtype=np.int64)

    def row(self, name: str, i: int) -> dict[str, Any]:
        """The trial of thought `i` under a condition; empty where there is none."""
        return self._cells.get(name, {}).get(self.units[i], {})

    def rows(self, name: str) -> Iterable[dict[str, Any]]:
        return self._cells.get(name, {}).values()

    def base(self, i: int) -> dict[str, Any]:
        return self._base[self.units[i]]

    def final(self, i: int) -> dict[str, Any]:
        """Answer and letters after the whole thought, by letters alone: the reference of closed thoughts."""
        row = self.row(truncated_name(1.0), i)
        if row.get("answer") is not None:
            return row
        letters = self.base(i)["letters"]
        return {"answer": int(np.argmax(letters)), "letters": letters} if letters else {}

    def reference(self, name: str, i: int) -> dict[str, Any]:
        """What a trial is compared with: the model's own answer where it went on, and for the whole thought;
        else `final`."""
        return self.base(i) if name in (MISTAKE, truncated_name(1.0)) else self.final(i)

    def changed(self, name: str) -> list[bool | None]:
        """For every thought, whether the answer differs from the reference; None where either is missing."""
        result: list[bool | None] = []
        for i in range(len(self.units)):
            here, there = self.row(name, i).get("answer"), self.reference(name, i).get("answer")
            result.append(None if here is None or there is None else here != there)
        return result

    def letters(self, name: str) -> tuple[list[int], Floats, Floats]:
        """Thoughts with letters under a condition and in the reference, and both, shape (thoughts,
        options)."""
        pairs = []
        for i in range(len(self.units)):
            here, there = self.row(name, i).get("letters"), self.reference(name, i).get("letters")
            if here and there and len(here) == len(there):
                pairs.append((i, here, there))
        return [i for i, _, _ in pairs], *padded([(here, there) for _, here, there in pairs])

    def share(self, hits: Sequence[bool | None]) -> Estimate:
        """Share of true values among those that are not None; one value a thought."""
        kept = [i for i, hit in enumerate(hits) if hit is not None]
        return rate(np.array([bool(hits[i]) for i in kept], dtype=bool), self.cluster[kept])

    def average(self, values: Floats, kept: Sequence[int], upper: float) -> Estimate:
        """Mean of one value for each of the thoughts `kept`, between 0 and `upper`."""
        return mean(np.asarray(values, dtype=np.float64), self.cluster[list(kept)], (0.0, upper))

    def question_use(self, i: int, changed: Mapping[str, Sequence[bool | None]]) -> QuestionUse:
        final = self.final(i).get("answer")
        answers = [self.row(truncated_name(share), i).get("answer") for share in SHARES]
        same = tuple(None if a is None or final is None else a == final for a in answers)
        own = {name: values[i] for name, values in changed.items()}
        benchmark, uid, sample = self.units[i]
        group = str(self.base(i)["group"])
        return QuestionUse(benchmark, uid, group, sample, kind(same, own), same, own)


def padded(pairs: Sequence[tuple[Sequence[float], Sequence[float]]]) -> tuple[Floats, Floats]:
    """Pairs of distributions as two arrays of shape (pairs, most options), with zeros behind the shorter
    ones."""
    width = max((len(here) for here, _ in pairs), default=1)
    p, q = np.zeros((len(pairs), width)), np.zeros((len(pairs), width))
    for n, (here, there) in enumerate(pairs):
        p[n, : len(here)], q[n, : len(there)] = here, there
    return p, q


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    present = [name for name in _COLUMNS if name in table.column_names]
    empty = dict.fromkeys(_COLUMNS)
    return [empty | row for row in table.select(present).to_pylist()]


def _unit(row: Mapping[str, Any]) -> tuple[str, str, int]:
    return row["benchmark"], row["uid"], row["sample"]
