"""Strength curves of the changed pictures, and the 2×2 of caption and evidence."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from unswayed.formatting import format_number
from unswayed.metrics.image_use import Grounding, StrengthCurve
from unswayed.metrics.summary import Estimate
from unswayed.report.charts.svg import WIDTH, drawing, estimate_text, svg_tag

_LEFT, _TOP, _HEIGHT, _GAP = 52, 40, 170, 34
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
_SERIES = (("accuracy", "accuracy", "k-base"), ("p_correct", "P(correct)", "k-other"))
_TITLES = {"noise": "noise", "blur": "blur", "low-resolution": "low resolution"}
Point = tuple[str, Estimate]
"""Label on the horizontal axis, and value."""


def strength_curves(curves: Sequence[StrengthCurve]) -> Markup:
    """A panel for each kind of change: accuracy and mean P(correct) from base to the strongest change."""
    width = _panel_width(3)
    elements: list[Markup] = []
    words = []
    for n, curve in enumerate(curves):
        left = _LEFT + n * (width + _GAP)
        points = (curve.base, *curve.points)
        labels = ["base", *(f"{point.strength:.0%}" for point in curve.points)]
        elements += _panel(left, width, _TITLES.get(curve.kind, curve.kind), labels, ticks=n == 0)
        for field, title, style in _SERIES:
            series = [(label, getattr(p, field)) for label, p in zip(labels, points, strict=True)]
            shift = 0 if field == "accuracy" else 7  # beside each other where they are equal
            elements += _line(left + shift, width, series, f"{curve.kind}, {title}", style)
        words.append(f"{curve.kind}: " + ", ".join(format_number(p.accuracy.value) for p in points))
    return drawing("Accuracy as the picture is degraded", "; ".join(words), _TOP + _HEIGHT + 28, elements)


def grounding_plot(groundings: Sequence[Grounding]) -> Markup:
    """Accuracy under the correct and the wrong caption, with the evidence visible and masked.

    Lines that run apart from left to right: the caption counts where the picture says nothing.
    """
    width = _panel_width(2)
    elements: list[Markup] = []
    words = []
    for n, grounding in enumerate(groundings):
        left = _LEFT + n * (width + _GAP)
        title = f"{'with' if grounding.abstain else 'without'} the option to abstain"
        elements += _panel(left, width, title, ["evidence visible", "evidence masked"], ticks=n == 0)
        for style, caption in (("k-correct", "correct-caption"), ("k-wrong", "wrong-caption")):
            cells = [cell for cell in grounding.cells if cell.caption == caption]
            series = [(cell.evidence, cell.measures["accuracy"]) for cell in cells]
            elements += _line(left, width, series, caption, style)
            words += [
                f"{caption}, {cell.evidence}: {format_number(e.value)}"
                for cell, (_, e) in zip(cells, series, strict=True)
            ]
    return drawing("Caption and evidence", "; ".join(words), _TOP + _HEIGHT + 28, elements)


def _panel_width(panels: int) -> float:
    return (WIDTH - _LEFT - 20 - (panels - 1) * _GAP) / panels


def _panel(left: float, width: float, title: str, labels: Sequence[str], *, ticks: bool) -> list[Markup]:
    """Grid, title and axis labels of a panel; `ticks`: also those of the vertical axis."""
    elements = [svg_tag("text", title, x=left, y=_TOP - 18, class_="label")]
    for tick in _TICKS:
        y = _y(tick)
        elements.append(svg_tag("line", x1=left, x2=round(left + width, 1), y1=y, y2=y, class_="grid"))
        if ticks:
            elements.append(svg_tag("text", f"{tick:.0%}", x=left - 8, y=y + 4, class_="tick end"))
    for n, label in enumerate(labels):
        x = _x(left, width, n, len(labels))
        elements.append(svg_tag("text", label, x=x, y=_TOP + _HEIGHT + 18, class_="tick mid"))
    return elements


def _line(left: float, width: float, series: Sequence[Point], title: str, style: str) -> list[Markup]:
    elements: list[Markup] = []
    points = []
    for n, (label, estimate) in enumerate(series):
        if estimate.value is None:
            continue
        x, y = _x(left, width, n, len(series)), _y(estimate.value)
        if estimate.low is not None and estimate.high is not None:
            ends = {"y1": _y(estimate.low), "y2": _y(estimate.high)}
            elements.append(svg_tag("line", x1=x, x2=x, **ends, class_=f"whisker thin {style}"))
        tip = svg_tag("title", f"{title}, {label}: {estimate_text(estimate)}")
        elements.append(svg_tag("circle", tip, cx=x, cy=y, r=4, class_=f"dot {style}"))
        points.append(f"{x},{y}")
    if len(points) > 1:
        elements.append(svg_tag("polyline", points=" ".join(points), class_=f"curve {style}"))
    return elements


def _x(left: float, width: float, n: int, count: int) -> float:
    return round(left + width * (n + 0.5) / count, 1)


def _y(value: float) -> float:
    return round(_TOP + _HEIGHT * (1 - value), 1)
