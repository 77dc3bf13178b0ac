"""Stored trials of an audit and of its picture probe, by question and condition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from unswayed.metrics.columns import UNSCORED_STATES
from unswayed.metrics.image_use.names import BASE
from unswayed.metrics.image_use.results import Unit
from unswayed.metrics.stats import Ints, difference, mean, rate, rng_for
from unswayed.metrics.summary import Estimate

RESAMPLES = 2000
_COLUMNS = (
    "benchmark", "uid", "group", "condition", "sample", "state", "n_options", "answer", "correct",
    "followed_cue", "acknowledges", "thought", "text", "p_correct", "letter_entropy", "cue",
)  # fmt: skip


class PictureTrials:
    """Trials that reached the model, by condition and unit; of a condition in both tables the audit's."""

    def __init__(self, base: pa.Table, probe: pa.Table) -> None:
        self._cells: dict[str, dict[Unit, dict[str, Any]]] = {}
        self._states: dict[str, dict[str, int]] = {}
        probe_rows = _rows(probe)
        self.probed = tuple(dict.fromkeys(row["condition"] for row in probe_rows))
        units = {_unit(row) for row in probe_rows}
        for row in [*probe_rows, *_rows(base)]:
            unit, name = _unit(row), row["condition"]
            if unit not in units:
                continue
            states = self._states.setdefault(name, {})
            states[row["state"]] = states.get(row["state"], 0) + 1
            if row["state"] not in UNSCORED_STATES:
                self._cells.setdefault(name, {})[unit] = row
        self.units: list[Unit] = list(self._cells.get(BASE, {}))
        groups = [(unit[0], self._cells[BASE][unit]["group"]) for unit in self.units]
        number = {group: i for i, group in enumerate(dict.fromkeys(groups))}
        self.cluster: Ints = np.array([number[group] for group in groups], dtype=np.int64)

    def states(self, name: str) -> dict[str, int]:
        """Number of trials by state."""
        return dict(sorted(self._states.get(name, {}).items()))

    def row(self, name: str, i: int) -> dict[str, Any]:
        """The trial of question `i` under a condition; empty where the model was not asked."""
        return self._cells.get(name, {}).get(self.units[i], {})

    def asked(self, *names: str) -> list[int]:
        """The questions that were asked under all these conditions."""
        return [i for i in range(len(self.units)) if all(self.row(name, i) for name in names)]

    def right(self, name: str, i: int) -> bool:
        return bool(self.row(name, i)["correct"])

    def share(self, hits: Mapping[int, bool]) -> Estimate:
        """Share of true values, by question."""
        return rate(np.array([*hits.values()], dtype=bool), self.cluster[[*hits]])

    def statement_share(self, hits: Sequence[bool], owner: Sequence[int]) -> Estimate:
        """Share of true values among statements; `owner` is the question of each."""
        return rate(np.array(hits, dtype=bool), self.cluster[list(owner)])

    def average(
        self, values: Mapping[int, float | None], bounds: tuple[float, float] = (0.0, 1.0)
    ) -> Estimate:
        """Mean of the values that are not None, by question."""
        kept = {i: value for i, value in values.items() if value is not None}
        return mean(np.array([*kept.values()], dtype=np.float64), self.cluster[[*kept]], bounds)

    def accuracy(self, name: str, kept: Sequence[int] | None = None) -> Estimate:
        chosen = self.asked(name) if kept is None else kept
        return self.share({i: self.right(name, i) for i in chosen})

    def difference(self, name: str, delta: Mapping[int, int]) -> Estimate:
        """Mean of paired differences, by question, with a bootstrap over groups seeded by `name`."""
        values = np.array([*delta.values()], dtype=np.int64)
        return difference(values, self.cluster[[*delta]], RESAMPLES, rng_for(0, "image-use", name))

    def drop(self, first: str, second: str) -> Estimate:
        """Accuracy under `first` minus accuracy under `second`, on the questions asked under both."""
        both = self.asked(first, second)
        delta = {i: int(self.right(first, i)) - int(self.right(second, i)) for i in both}
        return self.difference(f"{first}/{second}", delta)


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    present = [name for name in _COLUMNS if name in table.column_names]
    empty = dict.fromkeys(_COLUMNS)
    return [empty | row for row in table.select(present).to_pylist()]


def _unit(row: Mapping[str, Any]) -> Unit:
    return row["benchmark"], row["uid"], row["sample"]
