"""Tables as `parts.html.j2` shows them: a name a line, and cells of a value with its interval below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unswayed.formatting import interval, number
from unswayed.metrics.summary import Estimate

Cell = dict[str, str]


def table(
    title: str,
    heads: Sequence[tuple[str, str]],
    lines: Sequence[tuple[str, list[Cell]]],
    note: str = "",
    folded: bool = False,
) -> dict[str, Any]:
    """`heads` are (text, meaning), that of the lines' names first."""
    return {"title": title, "heads": heads, "lines": lines, "note": note, "folded": folded}


def plain(text: str, below: str = "") -> Cell:
    """Words, and smaller ones below."""
    return {"value": text, "below": below}


def cell(e: Estimate, form: str = "percent") -> Cell:
    """A number with its interval; `form` is that of `Measure`."""
    return {"value": number(e.value, form), "below": interval(e, form)}
