"""Wrong options for a count, where the benchmark has none: the numbers around the right one."""

from __future__ import annotations

from unswayed.benchmarks import shuffling


def nearby_numbers(count: int, *key: object, options: int = 4) -> tuple[tuple[str, ...], int]:
    """`options` consecutive numbers that include `count`, ascending, and the index of `count`.

    `key` identifies the row and seeds the choice. Every index is equally likely, so neither the middle nor an
    end is a good guess; no number is below 0, so small counts have smaller indices. Show them shuffled.
    """
    below = shuffling.seeded_number("near", *key) % min(options, count + 1)
    return tuple(str(count - below + k) for k in range(options)), below
