"""Which thoughts a person is asked about: drawn by condition and verdict, in an order of no meaning.

Every stratum (condition × verdict) that occurs gets its share of the sample, and at least one thought,
so that rare outcomes are looked at too; the labels are later weighed by what they stand for.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class Sample:
    """Keys of trials, in the order in which they are shown."""

    keys: tuple[str, ...]
    stratum: Mapping[str, str]
    """Key -> `condition, verdict`."""
    sizes: Mapping[str, int]
    """Stratum -> thoughts of the run in it."""


def draw(trials: pa.Table, n: int, seed: int = 0) -> Sample:
    """About `n` thoughts: a few more where there are many strata, all where there are fewer than `n`.

    The same for the same run and `seed`, whatever the order of its trials.
    """
    strata: dict[str, list[str]] = {}
    rows = trials.select(["key", "condition", "state", "thought", "judged", "concluded", "answer"])
    for row in rows.to_pylist():
        if row["state"] == "ok" and row["thought"]:
            strata.setdefault(f"{row['condition']}, {_verdict(row)}", []).append(row["key"])

    def chance(key: str) -> bytes:
        return hashlib.sha256(f"{seed}/{key}".encode()).digest()

    whole = sum(map(len, strata.values()))
    picked: dict[str, str] = {}
    for name, keys in strata.items():
        wanted = min(len(keys), max(1, math.ceil(n * len(keys) / whole - 0.5)))
        picked |= dict.fromkeys(sorted(keys, key=chance)[:wanted], name)
    order = tuple(sorted(picked, key=chance))
    return Sample(order, picked, {name: len(keys) for name, keys in strata.items()})


def _verdict(row: Mapping[str, object]) -> str:
    if not row["judged"]:
        return "abstains"
    if row["concluded"] is None:
        return "nothing"
    return "consistent" if row["concluded"] == row["answer"] else "inconsistent"
