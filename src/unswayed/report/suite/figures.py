"""The figures of a suite's page: drops by model, quadrants by model, fragility by model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from markupsafe import Markup

from unswayed.formatting import format_number
from unswayed.metrics.paired import BASE
from unswayed.metrics.summary import Estimate
from unswayed.report.charts.rows import LEFT, RIGHT, TOP, stacked_bars
from unswayed.report.charts.scales import round_ticks, tick_label
from unswayed.report.charts.svg import WIDTH, LegendEntry, drawing, estimate_text, shorten, svg_tag
from unswayed.report.figure_sections import QUADRANT_LEGEND, QUADRANTS
from unswayed.report.suite.tables import matrix
from unswayed.suite.results import Results

_DROPS = (
    ("wrong-caption", "s0"),
    ("wrong-caption-disclaimer", "s1"),
    ("wrong-think", "s2"),
    ("wrong-think-but", "s3"),
    ("wrong-think-quoted", "s4"),
)
_STEP = 13
Row = tuple[str, Sequence[tuple[str, str, Estimate]]]
"""A model, and (label, CSS class, estimate) of each dot."""


def figures(results: Results) -> Iterator[dict[str, Any]]:
    """`id`, `title`, `svg`, `caption` and `legend` of each figure for which there are numbers."""
    benchmark = "" if len(results.benchmarks) > 1 else results.benchmarks[0].name
    over = benchmark or "means over benchmarks"
    drops = matrix(results, "drop", benchmark)
    rows: list[Row] = []
    for model in results.models:
        dots = [
            (name, style, drops[model.name, name]) for name, style in _DROPS if (model.name, name) in drops
        ]
        if dots:
            rows.append((model.name, dots))
    if rows:
        shown = {name for _, dots in rows for name, _, _ in dots}
        legend = [LegendEntry(f"dot-swatch {style}", name) for name, style in _DROPS if name in shown]
        yield {
            "id": "drops",
            "title": "Accuracy lost to a wrong cue",
            "svg": grouped_dots("Accuracy lost to a wrong cue", rows),
            "caption": f"Drop against base, paired by question, with 95 % intervals ({over}), in points.",
            "legend": legend,
        }
    for condition in (BASE, "wrong-caption", "wrong-think"):
        shares = {name: matrix(results, name, benchmark) for name in QUADRANTS}
        lines = [
            (
                m.name,
                [s[m.name, condition].value if (m.name, condition) in s else None for s in shares.values()],
                max(s[m.name, condition].n for s in shares.values() if (m.name, condition) in s),
            )
            for m in results.models
            if any((m.name, condition) in s for s in shares.values())
        ]
        if lines:
            title = f"Consistency and correctness under {condition}"
            yield {
                "id": f"quadrants-{condition}",
                "title": title,
                "svg": stacked_bars(title, lines, QUADRANT_LEGEND),
                "caption": f"Among thoughts with a conclusion and an answer ({over}).",
                "legend": QUADRANT_LEGEND,
            }


def grouped_dots(title: str, rows: Sequence[Row]) -> Markup:
    """Dots with intervals in points, several for each row, on a common scale that contains 0."""
    ends = [x for _, dots in rows for _, _, e in dots for x in (e.value, e.low, e.high) if x is not None]
    ticks = round_ticks(min([0.0, *ends]), max([0.1, *ends]))
    high = [_STEP * max(1, len(dots)) + 14 for _, dots in rows]
    bottom = TOP + sum(high)

    def x(value: float) -> float:
        return round(LEFT + (RIGHT - LEFT) * (value - ticks[0]) / (ticks[-1] - ticks[0]), 1)

    elements: list[Markup] = []
    for tick in ticks:
        line = "baseline" if tick == 0 else "grid"
        elements.append(svg_tag("line", x1=x(tick), x2=x(tick), y1=TOP - 6, y2=bottom, class_=line))
        label = tick_label(tick, "percent", ticks).removesuffix(" %")
        elements.append(svg_tag("text", label, x=x(tick), y=bottom + 14, class_="tick mid"))
    top = TOP
    for (name, dots), height in zip(rows, high, strict=True):
        middle = top + height / 2
        elements.append(svg_tag("text", shorten(name), x=LEFT - 12, y=middle + 4, class_="label end"))
        for i, (label, style, e) in enumerate(dots):
            y = middle + _STEP * (i - (len(dots) - 1) / 2)
            if e.low is not None and e.high is not None:
                elements.append(
                    svg_tag("line", x1=x(e.low), x2=x(e.high), y1=y, y2=y, class_=f"whisker {style}")
                )
            tip = svg_tag("title", f"{name}, {label}: {estimate_text(e, 'points')}")
            elements.append(svg_tag("circle", tip, cx=x(e.value or 0), cy=y, r=4.5, class_=f"dot {style}"))
            text = format_number(e.value, "points")
            elements.append(svg_tag("text", text, x=WIDTH - 4, y=y + 4, class_="tick end"))
        top += height
    description = "; ".join(
        f"{name}: " + ", ".join(f"{label} {format_number(e.value, 'points')}" for label, _, e in dots)
        for name, dots in rows
    )
    return drawing(title, description, bottom + 22, elements)
