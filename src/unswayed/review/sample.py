"""A stratified sample of thoughts for a person to label, shown in random order.

Every stratum (condition × verdict) that occurs gets its share of the sample, and at least one thought, so
that rare outcomes are covered. The labels are later weighted by the size of their stratum.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class ReviewSample:
    """The trials to label."""

    keys: tuple[str, ...]
    """In the order in which they are shown."""
    stratum: Mapping[str, str]
    """Key -> `condition, verdict`."""
    sizes: Mapping[str, int]
    """Stratum -> number of thoughts of the run in it."""


def sample_thoughts(trials: pa.Table, n: int, seed: int = 0) -> ReviewSample:
    """About `n` thoughts: a few more where there are many strata, all where there are fewer than `n`.

    The sample depends on the run and the `seed`, and not on the order of the trials.
    """
    strata: dict[str, list[str]] = {}
    rows = trials.select(["key", "condition", "state", "thought", "judged", "concluded", "consistent"])
    for row in rows.to_pylist():
        if row["state"] == "ok" and row["thought"]:
            strata.setdefault(f"{row['condition']}, {_verdict(row)}", []).append(row["key"])

    def random_rank(key: str) -> bytes:
        return hashlib.sha256(f"{seed}/{key}".encode()).digest()

    total = sum(map(len, strata.values()))
    stratum_of: dict[str, str] = {}
    for name, keys in strata.items():
        count = min(len(keys), max(1, math.ceil(n * len(keys) / total - 0.5)))
        stratum_of |= dict.fromkeys(sorted(keys, key=random_rank)[:count], name)
    order = tuple(sorted(stratum_of, key=random_rank))
    return ReviewSample(order, stratum_of, {name: len(keys) for name, keys in strata.items()})


def _verdict(row: Mapping[str, object]) -> str:
    if not row["judged"]:
        return "abstains"
    if row["consistent"] is None:
        return "nothing"
    return "consistent" if row["consistent"] else "inconsistent"
