"""Trials made by hand as a table."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from unswayed.store.tables import rows_to_table
from unswayed.trial import Trial


def table(trials: Iterable[Trial]) -> pa.Table:
    """The trials as an Arrow table in the schema of the trials table."""
    return rows_to_table([vars(trial) for trial in trials])
