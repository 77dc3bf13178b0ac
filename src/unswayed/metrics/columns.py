"""The trials table as numpy columns: what the measures count in, and which rows count at all.

Names become small integers once (Arrow does it), so that no measure loops over rows. A table that
cannot be measured without guessing (a missing column, the same trial twice, an unknown state) is
refused here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from unswayed.conditions import ABSTAIN_SUFFIX, CONDITIONS
from unswayed.errors import BadInput
from unswayed.metrics.stats import Bools, Floats, Ints
from unswayed.trial import SCHEMA, STATES, UNDER_CUE

NEEDED = ("benchmark", "family", "uid", "group", "condition", "sample", "state", "correct")
"""Columns without which nothing can be measured; any other may be missing and is then all null."""
UNSCORED = ("error", "not-asked")
"""States of trials that say nothing about the model; every other one counts in accuracy."""


@dataclass(frozen=True)
class Columns:
    """Trials in columns of shape (n,). Three-valued ones are 1, 0, or -1 for null; floats have nan.

    Trials that are not `counted` are null in all that a measure may have as its denominator.
    """

    conditions: tuple[str, ...]
    """Names, `base` first, then in the protocol's order, those with `+abstain` after."""
    families: tuple[str, ...]
    condition: Ints
    family: Ints
    cluster: Ints
    """(benchmark, group)."""
    unit: Ints
    """(benchmark, uid, sample): what two conditions of one question share."""
    n_questions: int
    rows: Ints
    """Shape (conditions, units): the row of that trial, -1 where there is none."""
    state: Ints
    """Index in `STATES`."""
    counted: Bools
    """The model was asked and something came back: the denominator of accuracy."""
    right: Bools
    cued: Bools
    """A cue asserts one of the options."""
    followed: Bools
    concludes: Bools
    judged: Ints
    consistent: Ints
    acknowledges: Ints
    under_cue: Ints
    """Index in `UNDER_CUE`."""
    p_correct: Floats
    entropy: Floats
    outside: Floats
    brier: Floats
    top: Floats
    """Largest P(option)."""
    top_right: Floats
    """Whether that option is the right one; ties count their share."""

    @property
    def faithful(self) -> Bools:
        """Right and consistent."""
        found: Bools = self.right & (self.consistent == 1)
        return found

    def by_condition(self) -> dict[str, Ints]:
        """The rows of each condition."""
        order = np.argsort(self.condition, kind="stable")
        ends = np.cumsum(np.bincount(self.condition, minlength=len(self.conditions)))[:-1]
        return dict(zip(self.conditions, np.split(order, ends), strict=True))

    def pairs(self, *names: str) -> tuple[Ints, ...]:
        """Rows of the units that were asked and scored under all the named conditions, aligned.

        Empty where a condition is not in the table.
        """
        if not set(names) <= set(self.conditions):
            return tuple(np.zeros(0, np.int64) for _ in names)
        found = self.rows[[self.conditions.index(name) for name in names]]
        kept = (found >= 0).all(axis=0)
        found = found[:, kept]
        return tuple(found[:, self.counted[found].all(axis=0)])


def protocol_order(name: str) -> tuple[bool, int, str]:
    """Sort key that puts conditions in the protocol's order."""
    plain = name.removesuffix(ABSTAIN_SUFFIX)
    known = list(CONDITIONS)
    return name != plain, known.index(plain) if plain in known else len(known), name


def read(table: pa.Table) -> Columns:
    """The columns of a trials table. Raises `BadInput` for one that cannot be measured."""
    need(table)
    benchmark, _ = _codes(table, "benchmark")
    uid, _ = _codes(table, "uid")
    group, _ = _codes(table, "group")
    sample = _numbers(table, "sample", -1, np.int64)
    if column(table, "sample").null_count:
        raise BadInput("trials column 'sample' has nulls; number the repetitions of a question from 0")
    question = _joined(benchmark, uid)
    unit = _joined(question, sample - sample.min())
    found, names = _codes(table, "condition")
    conditions = tuple(sorted(names, key=protocol_order))
    condition = np.array([conditions.index(name) for name in names])[found]
    family, families = _codes(table, "family")
    state = _state(table)
    counted = ~np.isin(state, [STATES.index(name) for name in UNSCORED])
    brier, top, top_right = _letters(table)
    return Columns(
        conditions=conditions,
        families=families,
        condition=condition,
        family=family,
        cluster=_joined(benchmark, group),
        unit=unit,
        n_questions=int(question.max()) + 1,
        rows=_rows(table, condition, unit, len(conditions)),
        state=state,
        counted=counted,
        right=counted & (_flags(table, "correct") == 1),
        cued=counted & _present(table, "cue"),
        followed=_flags(table, "followed_cue") == 1,
        concludes=_present(table, "concluded"),
        judged=np.where(counted, _flags(table, "judged"), -1),
        consistent=np.where(counted, _flags(table, "consistent"), -1),
        acknowledges=np.where(counted, _flags(table, "acknowledges"), -1),
        under_cue=np.where(counted, _choices(table, "under_cue", UNDER_CUE), -1),
        p_correct=np.where(counted, _numbers(table, "p_correct", np.nan, np.float64), np.nan),
        entropy=np.where(counted, _numbers(table, "letter_entropy", np.nan, np.float64), np.nan),
        outside=np.where(counted, _numbers(table, "letters_outside", np.nan, np.float64), np.nan),
        brier=np.where(counted, brier, np.nan),
        top=np.where(counted, top, np.nan),
        top_right=top_right,
    )


def need(table: pa.Table) -> None:
    """Raises `BadInput` for a table without rows or without a column that every measure needs."""
    missing = [name for name in NEEDED if name not in table.column_names]
    if missing:
        raise BadInput(
            f"the trials table lacks the column(s) {', '.join(missing)}; is it a trials.parquet of a run?"
        )
    if table.num_rows == 0:
        raise BadInput("the trials table has no rows; run an audit first")


def the_only(table: pa.Table, name: str) -> str:
    """The one value of the string column `name`, empty where unknown. Raises `BadInput` for several."""
    found = [value for value in column(table, name).unique().to_pylist() if value]
    if len(found) > 1:
        raise BadInput(
            f"the trials table holds {len(found)} values of {name!r} ({', '.join(sorted(found)[:5])}); "
            "measure one run of one model at a time"
        )
    return found[0] if found else ""


def column(table: pa.Table, name: str) -> pa.ChunkedArray:
    """The column called `name` in its type of the schema (strings may be dictionary-encoded or large),
    all null where the table has none. Raises `BadInput` where it holds something else."""
    kind = SCHEMA.field(name).type
    if name not in table.column_names:
        return pa.chunked_array([pa.nulls(table.num_rows, kind)])
    found = table.column(name)
    text = found.type.value_type if pa.types.is_dictionary(found.type) else found.type
    if kind == pa.string() and (pa.types.is_string(text) or pa.types.is_large_string(text)):
        return found
    try:
        return found.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as e:
        raise BadInput(f"trials column {name!r} holds {found.type}, not {kind}; see the trials page") from e


def _encoded(table: pa.Table, name: str) -> tuple[Ints, list[str | None]]:
    encoded = column(table, name).combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0)
    if not pa.types.is_dictionary(encoded.type):
        encoded = pc.dictionary_encode(encoded)
    codes = np.asarray(encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)).astype(np.int64)
    return codes, encoded.dictionary.to_pylist()


def _codes(table: pa.Table, name: str) -> tuple[Ints, tuple[str, ...]]:
    codes, names = _encoded(table, name)
    if (codes < 0).any():
        raise BadInput(f"trials row {int(np.argmax(codes < 0))}: {name!r} is null; every trial must have one")
    used, codes = np.unique(codes, return_inverse=True)  # a dictionary may hold names that no row uses
    return codes, tuple(str(names[i]) for i in used)


def _choices(table: pa.Table, name: str, allowed: tuple[str, ...]) -> Ints:
    codes, names = _encoded(table, name)
    wrong = [str(name) for name in names if name not in allowed]
    if wrong:
        raise BadInput(f"trials column {name!r} holds {wrong[0]!r}; there are: {', '.join(allowed)}")
    code_of = np.array([*(allowed.index(str(n)) for n in names), -1])  # a null, code -1, picks the last
    found: Ints = code_of[codes]
    return found


def _state(table: pa.Table) -> Ints:
    state = _choices(table, "state", STATES)
    if (state < 0).any():
        raise BadInput(f"trials row {int(np.argmax(state < 0))}: 'state' is null; every trial must have one")
    return state


def _numbers(table: pa.Table, name: str, null: float, kind: type[np.generic]) -> npt.NDArray[Any]:
    values = column(table, name).fill_null(null)
    numbers: npt.NDArray[Any] = np.asarray(values.to_numpy()).astype(kind, copy=False)
    return numbers


def _present(table: pa.Table, name: str) -> Bools:
    return np.asarray(column(table, name).is_valid().to_numpy())


def _flags(table: pa.Table, name: str) -> Ints:
    flags: Ints = np.asarray(column(table, name).cast(pa.int8()).fill_null(-1).to_numpy())
    return flags


def _joined(first: Ints, second: Ints) -> Ints:
    """One dense code for each pair of codes that occurs."""
    dense: Ints = np.unique(first * (int(second.max()) + 1) + second, return_inverse=True)[1]
    return dense


def _rows(table: pa.Table, condition: Ints, unit: Ints, n_conditions: int) -> Ints:
    rows = np.full((n_conditions, int(unit.max()) + 1), -1, np.int32)
    here = np.arange(len(unit), dtype=np.int32)
    rows[condition, unit] = here
    twice = rows[condition, unit] != here
    if twice.any():
        i = int(np.argmax(twice))
        what = {k: table.column(k)[i].as_py() for k in ("benchmark", "uid", "condition", "sample")}
        raise BadInput(
            f"trials row {i}: the trial {what} is there more than once; measure one run of one model"
        )
    return rows


def _letters(table: pa.Table) -> tuple[Floats, Floats, Floats]:
    """Brier score, largest P(option), and whether that is the right option; nan without letters."""
    n = table.num_rows
    brier, top, top_right = np.full(n, np.nan), np.full(n, np.nan), np.full(n, np.nan)
    lists = column(table, "letters")
    length = np.asarray(pc.list_value_length(lists).fill_null(0).to_numpy()).astype(np.int64)
    here = np.flatnonzero(length)
    if not len(here):
        return brier, top, top_right
    p = np.asarray(pc.list_flatten(lists).to_numpy()).astype(float)
    count = length[here]
    start = np.cumsum(count) - count
    gold = _numbers(table, "gold", -1, np.int64)[here]
    wrong = (gold < 0) | (gold >= count) | ~np.isfinite(np.add.reduceat(p, start))
    if wrong.any():
        raise BadInput(
            f"trials row {int(here[np.argmax(wrong)])}: 'letters' must give a probability for each option, "
            "the right one ('gold') among them"
        )
    p_gold, largest = p[start + gold], np.maximum.reduceat(p, start)
    ties = np.add.reduceat((p == np.repeat(largest, count)).astype(float), start)
    # Sum over options of (p - [right])^2, opened up.
    brier[here] = np.add.reduceat(p * p, start) - 2 * p_gold + 1
    top[here] = largest
    top_right[here] = (p_gold == largest) / ties
    return brier, top, top_right
