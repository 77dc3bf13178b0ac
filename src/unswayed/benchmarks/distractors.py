"""Wrong options for a counted number, where the benchmark has none: numbers beside it."""

from __future__ import annotations

from unswayed.benchmarks import shuffling


def near(count: int, *key: object, options: int = 4) -> tuple[tuple[str, ...], int]:
    """`options` numbers in a row that hold `count`, ascending, and where it stands; `key` names the row.

    Each place is as likely as the others, so that neither the middle nor an end is a good guess; none
    is below 0, so small counts stand further left. Show them shuffled.
    """
    below = shuffling.number("near", *key) % min(options, count + 1)
    return tuple(str(count - below + k) for k in range(options)), below
