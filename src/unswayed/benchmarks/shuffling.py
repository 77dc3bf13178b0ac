"""In which order options are shown where the source's own order would give the answer away.

The order follows from a fixed seed and the row's identity alone, so that everybody who reads the
benchmark asks the same questions; it stands in the question's `meta`.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

SEED = 0
"""Of every order here. Another seed is another benchmark, so it is no setting."""

_ABOUT_OTHERS = re.compile(
    r"\b(all|none|both|neither|either) of (the|these|them)\b|\b(both|neither) [A-H] (and|or|nor) [A-H]\b"
    r"|\b(above|other) (options?|choices?|answers?)\b",
    re.IGNORECASE,
)


def number(*key: object) -> int:
    """64 bits that follow from `key` and `SEED`, the same in every process."""
    return int.from_bytes(hashlib.sha256("/".join(map(str, (SEED, *key))).encode()).digest()[:8])


def shuffled(
    options: Sequence[str], gold: int, *key: object
) -> tuple[tuple[str, ...], int, Mapping[str, Any]]:
    """The options in seeded order, where the right one then stands, and what to note in `meta`.

    `key` names the row. `meta["order"]` holds for each place shown the option's place in the source.
    Options that speak of others ("none of the above") keep their places.
    """
    places = [k for k, option in enumerate(options) if not _ABOUT_OTHERS.search(option)]
    mixed = list(places)
    random.Random(number("order", *key)).shuffle(mixed)
    order = list(range(len(options)))
    for place, source in zip(places, mixed, strict=True):
        order[place] = source
    shown = tuple(options[k] for k in order)
    return shown, order.index(gold), {"order": order, "order_seed": SEED}
