"""Selection of the examples on a run's page: deterministic and stratified by outcome.

Every (condition, outcome) that occurs gets some trials, rarest first, where possible of questions that are
already selected, so that a question can be compared across conditions. The remaining places are filled with
whole questions. The selection works on columns: a million rows take a second.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from unswayed.conditions import ABSTAIN_SUFFIX
from unswayed.metrics.columns import CONCLUDED_WORDS
from unswayed.trial import STATES

MAX_EXAMPLES = 300

OUTCOMES = {
    "right": "right",
    "wrong": "wrong",
    "followed": "answered the cue's option",
    "follows": "follows the wrong thought",
    "revises": "revises the wrong thought openly",
    "flips": "flips silently",
    "inconsistent": "thought and answer disagree",
    "elsewhere": "concludes something that no option says",
    "acknowledges": "says that text and image disagree",
    "abstained": 'chose "I\'m not sure"',
    **{state: state.replace("-", " ") for state in STATES if state != "ok"},
}
"""Outcomes by which examples can be filtered; a trial can have several."""


def outcome_masks(trials: pa.Table) -> dict[str, np.ndarray[Any, Any]]:
    """Boolean mask (n_trials,) of every outcome, in the order of `OUTCOMES`."""

    def is_true(mask: Any) -> np.ndarray[Any, Any]:
        return np.asarray(pc.fill_null(mask, False).to_numpy(), dtype=bool)

    ok = is_true(pc.equal(trials["state"], "ok"))
    offered = is_true(pc.ends_with(trials["condition"].cast(pa.string()), ABSTAIN_SUFFIX))
    words = is_true(pc.is_valid(trials[CONCLUDED_WORDS])) if CONCLUDED_WORDS in trials.column_names else False
    inconsistent = is_true(pc.invert(trials["consistent"]))
    no_option = is_true(trials["judged"]) & is_true(pc.is_null(trials["concluded"]))
    masks = {
        "right": ok & is_true(trials["correct"]),
        "wrong": ok & is_true(pc.invert(trials["correct"])),
        "followed": is_true(trials["followed_cue"]),
        "inconsistent": inconsistent,
        "elsewhere": no_option & (inconsistent | words),
        "acknowledges": is_true(trials["acknowledges"]),
        "abstained": offered & is_true(pc.equal(trials["answer"], pc.subtract(trials["n_options"], 1))),
    }
    for name in ("follows", "revises", "flips"):
        masks[name] = is_true(pc.equal(trials["under_cue"], name))
    for state in STATES[1:]:
        masks[state] = is_true(pc.equal(trials["state"], state))
    return {name: masks[name] for name in OUTCOMES}


def choose_trials(trials: pa.Table, limit: int = MAX_EXAMPLES) -> list[int]:
    """At most `limit` row numbers, those of rare outcomes first. The selection does not depend on the order
    of rows."""
    if not trials.num_rows or limit <= 0:
        return []
    question, rank = _questions(trials)
    condition_code, n_conditions = _codes(trials["condition"])
    sample = trials["sample"].to_numpy()
    order = np.lexsort((condition_code, sample, rank[question]))
    cells = [
        rows
        for mask in outcome_masks(trials).values()
        for with_outcome in (order[mask[order]],)
        for c in range(n_conditions)
        if (rows := with_outcome[condition_code[with_outcome] == c]).size
    ]
    cells.sort(key=len)
    each = max(1, limit // (2 * len(cells))) if cells else 0
    chosen: dict[int, None] = {}
    shown = np.zeros(rank.size, dtype=bool)
    taken = np.zeros(trials.num_rows, dtype=bool)
    for rows in cells:
        missing = each - int(taken[rows].sum())
        if missing <= 0:
            continue
        free = rows[~taken[rows]]
        of_shown = shown[question[free]]
        for row in np.concatenate([free[of_shown][:missing], free[~of_shown][:missing]])[:missing].tolist():
            chosen[row], taken[row], shown[question[row]] = None, True, True
    first = order[shown[question[order]] & (sample[order] == 0)]
    rest = order[~shown[question[order]] & (sample[order] == 0)]
    for row in np.concatenate([first[: 2 * limit], rest[:limit]]).tolist():
        chosen.setdefault(row)
    return list(chosen)[:limit]


def _codes(column: pa.ChunkedArray) -> tuple[np.ndarray[Any, Any], int]:
    """Codes of strings, in alphabetical order, and the number of distinct strings."""
    encoded = pc.fill_null(column, "").combine_chunks().dictionary_encode()
    names = encoded.dictionary.to_pylist()
    rank = np.empty(len(names), dtype=np.int64)
    rank[np.array(sorted(range(len(names)), key=lambda i: names[i]), dtype=np.int64)] = np.arange(len(names))
    return rank[encoded.indices.to_numpy()], len(names)


def _questions(trials: pa.Table) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Question number of every row, and the rank of every question in a fixed random order (by a hash)."""
    names = pc.binary_join_element_wise(
        pc.fill_null(trials["benchmark"], ""), pc.fill_null(trials["uid"], ""), "\x1f"
    )
    encoded = names.combine_chunks().dictionary_encode()
    unique = encoded.dictionary.to_pylist()
    hashes = [(zlib.crc32(name.encode()), name) for name in unique]
    rank = np.empty(len(unique), dtype=np.int64)
    rank[sorted(range(len(unique)), key=hashes.__getitem__)] = np.arange(len(unique))
    return encoded.indices.to_numpy(), rank
