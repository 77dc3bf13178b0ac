"""Several models' trials as one set of columns, so that models are paired by question as conditions are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from unswayed.metrics.columns import Columns, read_columns
from unswayed.metrics.compare import marked
from unswayed.metrics.stats import Bools, Floats, Ints
from unswayed.metrics.table_columns import REQUIRED, codes

_COLUMNS = (*REQUIRED, "n_options", "answer", "judged", "consistent", "concluded", "acknowledges")


@dataclass(frozen=True)
class MergedTrials:
    """All trials of several models on the same questions."""

    models: tuple[str, ...]
    columns: Columns
    benchmark: Ints
    """Benchmark of each row, as a code."""

    def asked(self, model: str, condition: str) -> bool:
        """Whether the model answered under the condition at all."""
        rows = self._rows(model, condition)
        return bool((rows >= 0).any() and self.columns.counted[rows[rows >= 0]].any())

    def matrix(self, models: tuple[str, ...], condition: str, values: Floats) -> Floats:
        """`values` by row as (units, models); nan where a model was not asked or did not answer."""
        found = np.full((self.columns.rows.shape[1], len(models)), np.nan)
        for j, model in enumerate(models):
            rows = self._rows(model, condition)
            there = rows >= 0
            there[there] = self.columns.counted[rows[there]]
            found[there, j] = values[rows[there]]
        return found

    @property
    def right(self) -> Floats:
        """1 for a right answer, else 0, by row."""
        return self.columns.right.astype(np.float64)

    @property
    def acknowledges(self) -> Floats:
        """1 or 0 by row; nan where no judge could say."""
        known = self.columns.acknowledges
        return np.where(known < 0, np.nan, known.astype(np.float64))

    def unit_values(self, values: Ints) -> Ints:
        """`values` by row as one per unit, for what is the same in all rows of a question."""
        found = np.zeros(self.columns.rows.shape[1], np.int64)
        found[self.columns.unit] = values
        return found

    def _rows(self, model: str, condition: str) -> Ints:
        name = f"{self.models.index(model)} {condition}"
        if name not in self.columns.conditions:
            return np.full(self.columns.rows.shape[1], -1)
        rows: Ints = self.columns.rows[self.columns.conditions.index(name)]
        return rows


def merge(tables: Mapping[str, pa.Table]) -> MergedTrials:
    """The trials of each model, by its name. Raises `BadInput` for a table that cannot be measured."""
    both = pa.concat_tables([marked(table, f"{i} ", _COLUMNS) for i, table in enumerate(tables.values())])
    return MergedTrials(tuple(tables), read_columns(both), codes(both, "benchmark")[0])


def complete(matrix: Floats) -> Bools:
    """Units whose values are known for every model, shape (units,)."""
    return np.asarray(~np.isnan(matrix).any(axis=1))
