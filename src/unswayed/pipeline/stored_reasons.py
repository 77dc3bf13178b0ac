"""The columns on the truth of reasons, added to stored trials that lack them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from unswayed.judges.reasons import reason_columns
from unswayed.pipeline.stored_cases import build_case, has_thought, stored_rows
from unswayed.question import SCENES
from unswayed.store.tables import with_new_columns
from unswayed.trial import SCHEMA

COLUMNS = ("reasons", "reasons_true", "conclusion_follows", "caption_quotes", "caption_misquotes")


def with_reasons(trials: pa.Table) -> pa.Table:
    """`trials` with these columns filled where a thought about a drawn scene has none, e.g. in a run of an
    earlier version. Scenes are generated again from the uid; where that gives another question, they stay
    null."""
    trials = with_new_columns(trials)
    known = trials["reasons"].to_pylist()
    columns: dict[str, list[Any]] = {name: trials[name].to_pylist() for name in COLUMNS}
    for i, row in enumerate(stored_rows(trials)):
        if known[i] is None and row["benchmark"] == SCENES and has_thought(row):
            for name, value in reason_columns(build_case(row)).items():
                columns[name][i] = value
    for name, values in columns.items():
        at = trials.schema.get_field_index(name)
        trials = trials.set_column(at, SCHEMA.field(name), pa.array(values, SCHEMA.field(name).type))
    return trials
