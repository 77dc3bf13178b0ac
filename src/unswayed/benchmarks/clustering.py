"""Groups of rows that have something in common, directly or through other rows."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence


def connected_rows(shared: Sequence[Iterable[Hashable]]) -> list[int]:
    """For each row the number of the first row of its group (connected components, by disjoint-set union).

    `shared` holds for each row its items (image, set, original row). Rows with an equal item are in one
    group.

    >>> connected_rows([["a"], ["b"], ["b", "a"], ["c"]])
    [0, 0, 0, 3]
    """
    parent = list(range(len(shared)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = row = parent[parent[row]]
        return row

    owner: dict[Hashable, int] = {}
    for row, items in enumerate(shared):
        for item in items:
            first, second = sorted((root(row), root(owner.setdefault(item, row))))
            parent[second] = first
    return [root(row) for row in range(len(shared))]
