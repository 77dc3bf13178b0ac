"""Seeded order of options, for sources whose own order would give the answer away.

The order follows from a fixed seed and the row's identity alone, so everybody who reads the benchmark gets
the same questions. It is noted in the question's `meta`.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

SEED = 0
"""Seed of every order. It is no setting: another seed would be another benchmark."""

_REFERS_TO_OTHERS = re.compile(
    r"\b(all|none|both|neither|either) of (the|these|them)\b|\b(both|neither) [A-H] (and|or|nor) [A-H]\b"
    r"|\b(above|other) (options?|choices?|answers?)\b",
    re.IGNORECASE,
)


def seeded_number(*key: object) -> int:
    """64 bits that follow from `key` and `SEED`; the same in every process."""
    return int.from_bytes(hashlib.sha256("/".join(map(str, (SEED, *key))).encode()).digest()[:8])


def shuffled(
    options: Sequence[str], gold: int, *key: object
) -> tuple[tuple[str, ...], int, Mapping[str, Any]]:
    """The options in seeded order, the new index of the right one, and an entry for `meta`.

    `key` identifies the row. ``meta["order"]`` holds for each position shown the option's index in the
    source. Options that refer to others ("none of the above") keep their positions.
    """
    movable = [k for k, option in enumerate(options) if not _REFERS_TO_OTHERS.search(option)]
    permuted = list(movable)
    random.Random(seeded_number("order", *key)).shuffle(permuted)
    order = list(range(len(options)))
    for position, source in zip(movable, permuted, strict=True):
        order[position] = source
    shown = tuple(options[k] for k in order)
    return shown, order.index(gold), {"order": order, "order_seed": SEED}
