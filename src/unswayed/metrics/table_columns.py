"""Single columns of a trials table: their types checked, strings as integer codes, nulls as given values."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from unswayed.errors import BadInput
from unswayed.metrics.stats import Bools, Ints
from unswayed.trial import SCHEMA

REQUIRED = ("benchmark", "family", "uid", "group", "condition", "sample", "state", "correct")
"""Columns that every measure needs; a missing column that is not listed here is treated as all null."""


def check_columns(table: pa.Table) -> None:
    """Raises `BadInput` for a table without rows or without one of the columns in `REQUIRED`."""
    missing = [name for name in REQUIRED if name not in table.column_names]
    if missing:
        raise BadInput(
            f"the trials table lacks the column(s) {', '.join(missing)}; is it a trials.parquet of a run?"
        )
    if table.num_rows == 0:
        raise BadInput("the trials table has no rows; run an audit first")


def single_value(table: pa.Table, name: str) -> str:
    """The single value of the string column `name`, empty where unknown. Raises `BadInput` for several
    values."""
    values = [value for value in column(table, name).unique().to_pylist() if value]
    if len(values) > 1:
        raise BadInput(
            f"the trials table holds {len(values)} values of {name!r} ({', '.join(sorted(values)[:5])}); "
            "measure one run of one model at a time"
        )
    return values[0] if values else ""


def column(table: pa.Table, name: str) -> pa.ChunkedArray:
    """The column `name` with its type in `SCHEMA` (strings may be dictionary-encoded or large), all null
    where the table lacks it. Raises `BadInput` where its values have another type."""
    kind = SCHEMA.field(name).type
    if name not in table.column_names:
        return pa.chunked_array([pa.nulls(table.num_rows, kind)])
    values = table.column(name)
    text = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    if kind == pa.string() and (pa.types.is_string(text) or pa.types.is_large_string(text)):
        return values
    try:
        return values.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as e:
        raise BadInput(f"trials column {name!r} holds {values.type}, not {kind}; see the trials page") from e


def _encoded(table: pa.Table, name: str) -> tuple[Ints, list[str | None]]:
    """Codes of a string column, -1 for null, and the value of each code."""
    encoded = column(table, name).combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0)
    if not pa.types.is_dictionary(encoded.type):
        encoded = pc.dictionary_encode(encoded)
    codes = np.asarray(encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)).astype(np.int64)
    return codes, encoded.dictionary.to_pylist()


def codes(table: pa.Table, name: str) -> tuple[Ints, tuple[str, ...]]:
    """Dense codes of a string column without nulls, shape (n,), and the value of each code. Raises `BadInput`
    for a null."""
    codes, names = _encoded(table, name)
    if (codes < 0).any():
        raise BadInput(f"trials row {int(np.argmax(codes < 0))}: {name!r} is null; every trial must have one")
    used, codes = np.unique(codes, return_inverse=True)  # a dictionary may hold values that no row has
    return codes, tuple(str(names[i]) for i in used)


def choices(table: pa.Table, name: str, allowed: tuple[str, ...]) -> Ints:
    """Index in `allowed` of each value, shape (n,), -1 for null. Raises `BadInput` for a value that is not
    allowed."""
    codes, names = _encoded(table, name)
    unknown = [str(name) for name in names if name not in allowed]
    if unknown:
        raise BadInput(f"trials column {name!r} holds {unknown[0]!r}; there are: {', '.join(allowed)}")
    code_of = np.array([*(allowed.index(str(n)) for n in names), -1])  # a null has code -1: the last entry
    codes_allowed: Ints = code_of[codes]
    return codes_allowed


def numbers(table: pa.Table, name: str, null: float, kind: type[np.generic]) -> npt.NDArray[Any]:
    """A numeric column as an array of `kind`, shape (n,), with `null` in place of nulls."""
    values = column(table, name)
    if kind is np.float64:
        values = values.cast(pa.float64())
    array: npt.NDArray[Any] = np.asarray(values.fill_null(null).to_numpy()).astype(kind, copy=False)
    return array


def present(table: pa.Table, name: str) -> Bools:
    """Whether the column has a value, shape (n,)."""
    return np.asarray(column(table, name).is_valid().to_numpy())


def flags(table: pa.Table, name: str) -> Ints:
    """A Boolean column as 1, 0, or -1 for null, shape (n,)."""
    values: Ints = np.asarray(column(table, name).cast(pa.int8()).fill_null(-1).to_numpy())
    return values
