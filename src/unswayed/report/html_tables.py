"""Tables in the form of `parts.html.j2`: lines of a name and cells, each cell a value with small text
below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unswayed.formatting import format_interval, format_number
from unswayed.metrics.summary import Estimate

Cell = dict[str, str]


def table(
    title: str,
    heads: Sequence[tuple[str, str]],
    lines: Sequence[tuple[str, list[Cell]]],
    note: str = "",
    folded: bool = False,
) -> dict[str, Any]:
    """A table; `heads` are (text, meaning), the first for the lines' names; `folded` tables are closed at
    first."""
    return {"title": title, "heads": heads, "lines": lines, "note": note, "folded": folded}


def text_cell(text: str, below: str = "") -> Cell:
    """A text with small text below."""
    return {"value": text, "below": below}


def estimate_cell(e: Estimate, form: str = "percent") -> Cell:
    """A number with its interval below; `form` is that of `Measure`."""
    return {"value": format_number(e.value, form), "below": format_interval(e, form)}
