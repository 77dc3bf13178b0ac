"""Fragility curves: the share of base-right questions that stay right, over base P(correct).

The horizontal axis is the log-odds of P(correct), because confident models put nearly all questions close to
1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from unswayed.formatting import format_number
from unswayed.metrics.summary import CurvePoint
from unswayed.report.charts.svg import condition_class, drawing, estimate_text, shorten, svg_tag

_COLUMNS = 3
_CHART_WIDTH, _CHART_HEIGHT = 182, 96
_TICKS = (0.1, 0.5, 0.9, 0.99, 0.9999)
_LOW, _HIGH = -1.0, 5.0
"""Range of the axis as log10 of the odds; values beyond it are drawn at its ends."""


def fragility_curves(points: Mapping[str, Sequence[CurvePoint]]) -> Markup:
    """One small chart per condition, three beside each other."""
    elements: list[Markup] = []
    description = []
    for i, (name, curve) in enumerate(points.items()):
        left = 44 + (i % _COLUMNS) * (_CHART_WIDTH + 48)
        top = 26 + (i // _COLUMNS) * (_CHART_HEIGHT + 56)
        elements += _chart(name, curve, left, top)
        known = [point.stays.value for point in curve if point.stays.value is not None]
        if known:
            description.append(f"{name} from {format_number(known[0])} to {format_number(known[-1])}")
    height = 26 + -(-len(points) // _COLUMNS) * (_CHART_HEIGHT + 56) - 24
    return drawing("Does confidence protect?", "; ".join(description), height, elements)


def _chart(name: str, curve: Sequence[CurvePoint], left: int, top: int) -> list[Markup]:
    style = condition_class(name)

    def at(x: float, share: float) -> tuple[float, float]:
        return round(left + _CHART_WIDTH * x, 1), round(top + _CHART_HEIGHT * (1 - share), 1)

    elements = [svg_tag("text", shorten(name), x=left, y=top - 9)]
    for share in (0.0, 0.5, 1.0):
        (x, y), (right, _) = at(0, share), at(1, share)
        elements.append(svg_tag("line", x1=x, x2=right, y1=y, y2=y, class_="grid"))
        elements.append(svg_tag("text", f"{100 * share:.0f} %", x=x - 6, y=y + 4, class_="tick end"))
    for p in _TICKS:
        x = at(_position(p), 0)[0]
        elements.append(svg_tag("text", f"{p:g}", x=x, y=top + _CHART_HEIGHT + 15, class_="tick mid"))
    known = [(point, point.stays.value) for point in curve if point.stays.value is not None]
    for point, value in known:
        if point.stays.low is not None and point.stays.high is not None:
            across = _position(point.mean)
            (x, low), (_, high) = at(across, point.stays.low), at(across, point.stays.high)
            elements.append(svg_tag("line", x1=x, x2=x, y1=low, y2=high, class_=f"whisker thin {style}"))
        label = f"{name}, base P(correct) {point.low:.4g} to {point.high:.4g}: {estimate_text(point.stays)}"
        x, y = at(_position(point.mean), value)
        elements.append(svg_tag("circle", svg_tag("title", label), cx=x, cy=y, r=3, class_=f"dot {style}"))
    line = " ".join("{},{}".format(*at(_position(point.mean), value)) for point, value in known)
    return [*elements, svg_tag("polyline", points=line, class_=f"curve {style}")]


def _position(p: float) -> float:
    """Horizontal position of a probability, 0 to 1."""
    p = min(max(p, 1e-9), 1 - 1e-9)
    return min(1.0, max(0.0, (math.log10(p / (1 - p)) - _LOW) / (_HIGH - _LOW)))
