"""Ranges and ticks of chart axes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from unswayed.formatting import typographic_minus


def share_range(values: Sequence[float]) -> tuple[float, float]:
    """A range around shares, at least ten points wide, within 0 to 1."""
    low, up = padded_range(values)
    widening = max(0.0, 0.1 - (up - low)) / 2
    return max(0.0, min(low - widening, 0.9)), min(1.0, max(up + widening, 0.1))


def padded_range(values: Sequence[float]) -> tuple[float, float]:
    """A range around `values` with a margin; 0 to 1 without values."""
    if not values:
        return 0.0, 1.0
    low, up = min(values), max(values)
    margin = max(0.06 * (up - low), 1e-3, 0.01 * abs(up))
    return low - margin, up + margin


def round_ticks(low: float, up: float) -> list[float]:
    """Round tick values that enclose the range from `low` to `up`."""
    raw = (up - low) / 4
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(m * unit for m in (1, 2, 2.5, 5, 10) if m * unit >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(up / step - 1e-9)
    return [round(i * step, 10) for i in range(first, max(last, first + 1) + 1)]


def tick_label(value: float, form: str, ticks: Sequence[float]) -> str:
    """A tick's label, with as many digits as the step between `ticks` needs; `form` is that of `Measure`."""
    scale, unit = (100, " %") if form == "percent" else (1, "")
    step = scale * (ticks[1] - ticks[0])
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    if round(step, digits) != round(step, digits + 1):  # 2.5
        digits += 1
    return typographic_minus(f"{scale * value:,.{digits}f}") + unit
