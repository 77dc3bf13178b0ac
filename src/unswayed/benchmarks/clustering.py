"""Which rows are statistically one thing: those that share something, directly or over others."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Original:
    """The row that circular and flipped copies are copies of: wrong cues of all are drawn for it."""

    uid: str
    options: tuple[str, ...]
    """In its own order."""
    gold: int
    """0-based."""


def joined(shared: Sequence[Iterable[Hashable]]) -> list[int]:
    """For each row the first row that it is one thing with (disjoint-set union).

    `shared` holds for each row what it has in common with others: its picture, its set, the question
    that it is a copy of. Rows with an equal item are joined, and so are all who are joined to them.

    >>> joined([["a"], ["b"], ["b", "a"], ["c"]])
    [0, 0, 0, 3]
    """
    first = list(range(len(shared)))

    def root(row: int) -> int:
        while first[row] != row:
            first[row] = row = first[first[row]]
        return row

    owner: dict[Hashable, int] = {}
    for row, items in enumerate(shared):
        for item in items:
            a, b = sorted((root(row), root(owner.setdefault(item, row))))
            first[b] = a
    return [root(row) for row in range(len(shared))]
