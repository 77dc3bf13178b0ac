"""Charts with one row per condition: accuracy, confidence shifts, stacked shares, histograms of P(correct).

Nothing is estimated here: a chart shows numbers of the `Summary`, or a histogram of one column of the trials.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from unswayed.formatting import format_number
from unswayed.metrics.summary import Estimate
from unswayed.report.charts.scales import round_ticks, tick_label
from unswayed.report.charts.svg import (
    WIDTH,
    LegendEntry,
    condition_class,
    drawing,
    estimate_text,
    shorten,
    svg_tag,
)

LEFT = 232
RIGHT = 634
ROW = 30
TOP = 30
SHARES = (0.0, 1.0)


def accuracy_dots(rows: Sequence[tuple[str, Estimate, Estimate | None]], guessing: float | None) -> Markup:
    """Dots with intervals on a scale of 0 to 100 %; rows are (condition, accuracy, faithful accuracy).

    A dashed line marks the value of the first row; a dotted line marks `guessing` (a share).
    """
    elements: list[Markup] = _scale(len(rows))
    bottom = TOP + ROW * len(rows)
    if guessing is not None:
        x = _x(guessing)
        elements.append(svg_tag("line", x1=x, x2=x, y1=TOP - 6, y2=bottom, class_="guess"))
        elements.append(svg_tag("text", "guessing", x=x, y=bottom + 29, class_="tick mid"))
    if rows and rows[0][1].value is not None:
        x = _x(rows[0][1].value)
        elements.append(svg_tag("line", x1=x, x2=x, y1=TOP - 6, y2=bottom, class_="baseline"))
    for i, (name, accuracy, faithful) in enumerate(rows):
        y = _y(i)
        elements.append(_label(name, y))
        if accuracy.value is None:
            elements.append(svg_tag("text", "nothing to count", x=LEFT + 6, y=y + 4, class_="tick"))
            continue
        if faithful is not None and faithful.value is not None:
            elements.append(
                _ring(f"{name}: right and consistent", faithful, y, condition_class(name), "percent")
            )
        elements += _dot(name, accuracy, y, condition_class(name), "percent")
        elements.append(
            svg_tag("text", format_number(accuracy.value), x=WIDTH - 4, y=y + 4, class_="value end")
        )
    description = "; ".join(f"{name} {format_number(e.value)}" for name, e, _ in rows)
    return drawing("Accuracy by condition", description, bottom + 35, elements)


def shift_dots(rows: Sequence[tuple[str, Estimate | None, Estimate | None]]) -> Markup:
    """Paired shifts on a common scale in points; rows are (condition, shift of P(correct), shift of H / ln
    K)."""
    known = [e for _, *pair in rows for e in pair if e is not None and e.value is not None]
    ends = [x for e in known for x in (e.value, e.low, e.high) if x is not None]
    ticks = round_ticks(min([-0.1, *ends]), max([0.1, *ends]))
    scale = (ticks[0], ticks[-1])
    bottom = TOP + ROW * len(rows)
    elements: list[Markup] = []
    for value in ticks:
        x = _x(value, scale)
        line = "baseline" if value == 0 else "grid"
        elements.append(svg_tag("line", x1=x, x2=x, y1=TOP - 6, y2=bottom, class_=line))
        label = tick_label(value, "percent", ticks).removesuffix(" %")
        elements.append(svg_tag("text", label, x=x, y=bottom + 14, class_="tick mid"))
    for i, (name, p_correct, entropy) in enumerate(rows):
        y, style = _y(i), condition_class(name)
        elements.append(_label(name, y))
        if entropy is not None and entropy.value is not None:
            elements.append(_ring(f"{name}: shift of H / ln K", entropy, y, style, "points", scale))
        if p_correct is not None and p_correct.value is not None:
            elements += _dot(f"{name}: shift of P(correct)", p_correct, y, style, "points", scale)
            text = format_number(p_correct.value, "points")
            elements.append(svg_tag("text", text, x=WIDTH - 4, y=y + 4, class_="value end"))
    description = "; ".join(
        f"{name}: P(correct) {format_number(p.value if p else None, 'points')} points, H / ln K "
        f"{format_number(h.value if h else None, 'points')} points"
        for name, p, h in rows
    )
    return drawing("Shifts of confidence", description, bottom + 22, elements)


def stacked_bars(
    title: str, rows: Sequence[tuple[str, Sequence[float | None], int]], legend: Sequence[LegendEntry]
) -> Markup:
    """Stacked bars of shares; rows are (condition, one share per legend entry, n)."""
    elements: list[Markup] = _scale(len(rows))
    for i, (name, shares, n) in enumerate(rows):
        y, start = _y(i), 0.0
        elements.append(_label(name, y))
        for entry, share in zip(legend, shares, strict=True):
            if not share:
                continue
            tip = svg_tag("title", f"{name}: {entry.title} {format_number(share)} of {n:,}")
            wide = max(0.0, _x(start + share) - _x(start) - 1)
            box = {"x": _x(start), "y": y - 9, "width": f"{wide:.1f}", "height": 18}
            elements.append(svg_tag("rect", tip, **box, class_=f"bar {entry.style}"))
            if share >= 0.07:
                middle = (_x(start) + _x(start + share)) / 2
                style = f"on mid on-{entry.style}"
                elements.append(svg_tag("text", f"{100 * share:.0f}", x=middle, y=y + 4, class_=style))
            start += share
        elements.append(svg_tag("text", f"n {n:,}", x=WIDTH - 4, y=y + 4, class_="tick end"))
    description = "; ".join(
        f"{name}: "
        + ", ".join(f"{entry.title} {format_number(s)}" for entry, s in zip(legend, shares, strict=True))
        for name, shares, _ in rows
    )
    return drawing(title, description, TOP + ROW * len(rows) + 22, elements)


def histograms(rows: Sequence[tuple[str, np.ndarray[Any, Any], float | None]]) -> Markup:
    """Histograms of P(correct), the outline of the first row behind every other.

    Rows are (condition, values of shape (n_trials,) from 0 to 1, mean letter entropy in nats or None).
    """
    high, elements = 46, _scale(len(rows), 46)
    counts = [np.histogram(values, bins=25, range=(0, 1))[0] / max(1, values.size) for _, values, _ in rows]
    # The square root keeps low bins visible beside the peaks at 0 and 1.
    heights = [np.sqrt(s) for s in counts]
    peak = max((float(s.max()) for s in heights), default=1.0) or 1.0
    description = []
    for i, ((name, values, entropy), height) in enumerate(zip(rows, heights, strict=True)):
        foot = TOP + high * (i + 1) - 8
        mean = float(values.mean())
        tip = svg_tag("title", f"{name}: mean {mean:.3f}, n {values.size:,}")
        style = f"ridge {condition_class(name)}"
        elements.append(svg_tag("path", tip, d=_steps(height / peak, foot, True), class_=style))
        if i:
            elements.append(svg_tag("path", d=_steps(heights[0] / peak, foot, False), class_="ghost"))
        elements.append(svg_tag("line", x1=_x(mean), x2=_x(mean), y1=foot, y2=foot + 5, class_="mean"))
        elements.append(_label(name, foot - 9))
        elements.append(svg_tag("text", f"mean {mean:.2f}", x=WIDTH - 4, y=foot - 17, class_="value end"))
        if entropy is not None:
            elements.append(svg_tag("text", f"H {entropy:.2f}", x=WIDTH - 4, y=foot - 3, class_="tick end"))
        description.append(f"{name}: mean {mean:.2f}")
    title = "Probability of the right option"
    return drawing(title, "; ".join(description), TOP + high * len(rows) + 22, elements)


def _dot(
    label: str, e: Estimate, y: float, style: str, form: str, scale: tuple[float, float] = SHARES
) -> list[Markup]:
    assert e.value is not None
    elements = []
    if e.low is not None and e.high is not None:
        x1, x2 = _x(e.low, scale), _x(e.high, scale)
        elements.append(svg_tag("line", x1=x1, x2=x2, y1=y, y2=y, class_=f"whisker {style}"))
    tip = svg_tag("title", f"{label}: {estimate_text(e, form)}")
    return [*elements, svg_tag("circle", tip, cx=_x(e.value, scale), cy=y, r=5.5, class_=f"dot {style}")]


def _ring(
    label: str, e: Estimate, y: float, style: str, form: str, scale: tuple[float, float] = SHARES
) -> Markup:
    assert e.value is not None
    tip = svg_tag("title", f"{label} {estimate_text(e, form)}")
    return svg_tag("circle", tip, cx=_x(e.value, scale), cy=y, r=4.5, class_=f"hollow {style}")


def _scale(rows: int, high: int = ROW) -> list[Markup]:
    bottom = TOP + high * rows
    elements = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        elements.append(svg_tag("line", x1=_x(share), x2=_x(share), y1=TOP - 6, y2=bottom, class_="grid"))
        label = f"{share:.2f}".rstrip("0").rstrip(".") if high > ROW else f"{100 * share:.0f} %"
        elements.append(svg_tag("text", label, x=_x(share), y=bottom + 14, class_="tick mid"))
    return elements


def _label(name: str, y: float) -> Markup:
    return svg_tag("text", shorten(name), x=LEFT - 12, y=y + 4, class_="label end")


def _steps(heights: np.ndarray[Any, Any], foot: float, closed: bool) -> str:
    edges = [_x(i / heights.size) for i in range(heights.size + 1)]
    path = [f"M{edges[0]},{foot}"]
    for i, height in enumerate(heights):
        y = round(foot - 34 * float(height), 1)
        path.append(f"L{edges[i]},{y} L{edges[i + 1]},{y}")
    path.append(f"L{edges[-1]},{foot}" + (" Z" if closed else ""))
    return " ".join(path)


def _x(value: float, scale: tuple[float, float] = SHARES) -> float:
    low, high = scale
    return round(LEFT + (RIGHT - LEFT) * min(1.0, max(0.0, (value - low) / (high - low))), 1)


def _y(row: int) -> float:
    return TOP + ROW * row + ROW / 2
