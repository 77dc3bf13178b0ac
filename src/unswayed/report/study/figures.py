"""Charts of a study: measures over training steps, and paths of arms through the plane of two measures.

Each arm has one colour in all charts (CSS classes `a0` to `a7`). Nothing is estimated here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from unswayed.formatting import (
    clip,
    format_interval,
    format_number,
)
from unswayed.metrics.summary import Estimate
from unswayed.report.charts.scales import padded_range, round_ticks, share_range, tick_label
from unswayed.report.charts.svg import WIDTH, LegendEntry, drawing, svg_tag

COLOURS = 8


@dataclass(frozen=True)
class ArmLine:
    """One measure of one arm over steps."""

    arm: str
    style: str
    """CSS class of the arm."""
    steps: Sequence[int]
    mean: Sequence[Estimate]
    """Mean over seeds with its interval, one per step."""
    seeds: Sequence[tuple[int, Sequence[float | None]]]
    """(seed, one value per step)."""


@dataclass(frozen=True)
class LineChart:
    """A small chart of one measure."""

    title: str
    lines: Sequence[ArmLine]


@dataclass(frozen=True)
class ArmPath:
    """The path of an arm through the plane of two measures: one point (horizontal, vertical) per step."""

    arm: str
    style: str
    """CSS class of the arm."""
    steps: Sequence[int]
    mean: Sequence[tuple[float, float]]
    seeds: Sequence[Sequence[tuple[float, float]]]


def arm_class(i: int) -> str:
    """CSS class of the arm with index `i`."""
    return f"a{i % COLOURS}"


def legend(arms: Sequence[str]) -> tuple[LegendEntry, ...]:
    """Swatches of the arms."""
    return tuple(LegendEntry(f"arm {arm_class(i)}", clip(arm, 60)) for i, arm in enumerate(arms))


def line_charts(title: str, charts: Sequence[LineChart], form: str, columns: int = 3) -> Markup:
    """Small line charts on one vertical scale: means as thick lines, intervals as bands, seeds as thin
    lines."""
    columns = min(columns, len(charts))
    left, spacing, height = 56, 54, 128 if columns > 1 else 190
    width = (WIDTH - left - 12 - spacing * (columns - 1)) / columns
    low, up = _range([line for chart in charts for line in chart.lines], form)
    ticks = round_ticks(low, up)
    low, up = min(low, ticks[0]), max(up, ticks[-1])
    last = max((line.steps[-1] for p in charts for line in p.lines), default=1) or 1
    parts: list[Markup] = []
    for i, chart in enumerate(charts):
        x0, y0 = left + (i % columns) * (width + spacing), 26 + (i // columns) * (height + 54)

        def at(step: float, value: float, x0: float = x0, y0: float = y0) -> str:
            share = (min(max(value, low), up) - low) / (up - low)
            return f"{x0 + width * step / last:.1f},{y0 + height * (1 - share):.1f}"

        parts.append(svg_tag("text", clip(chart.title, 34), x=f"{x0:.1f}", y=y0 - 9))
        for t in ticks:
            y = at(0, t).split(",")[1]
            parts.append(svg_tag("line", x1=f"{x0:.1f}", x2=f"{x0 + width:.1f}", y1=y, y2=y, class_="grid"))
            label = tick_label(t, form, ticks)
            parts.append(
                svg_tag("text", label, x=f"{x0 - 6:.1f}", y=f"{float(y) + 4:.1f}", class_="tick end")
            )
        for step, where in ((0, "tick"), (last, "tick end")):
            x = at(step, low).split(",")[0]
            parts.append(svg_tag("text", f"{step:,}", x=x, y=y0 + height + 15, class_=where))
        for line in chart.lines:
            parts.extend(_line(line, at, form))
    rows = -(-len(charts) // columns)
    return drawing(title, clip(_description(charts, form), 2000), 26 + rows * (height + 54) - 26, parts)


def _line(line: ArmLine, at: object, form: str) -> list[Markup]:
    assert callable(at)
    bands = [
        (s, e.low, e.high)
        for s, e in zip(line.steps, line.mean, strict=True)
        if e.low is not None and e.high is not None
    ]
    parts = []
    if len(bands) > 1:
        edge = [at(s, up) for s, _, up in bands] + [at(s, low) for s, low, _ in reversed(bands)]
        parts.append(svg_tag("polygon", points=" ".join(edge), class_=f"band {line.style}"))
    if len(line.seeds) > 1:
        for seed, values in line.seeds:
            points = " ".join(at(s, v) for s, v in zip(line.steps, values, strict=True) if v is not None)
            tip = svg_tag("title", f"{line.arm}, seed {seed}")
            parts.append(svg_tag("polyline", tip, points=points, class_=f"seed {line.style}"))
    known_means = [(s, e) for s, e in zip(line.steps, line.mean, strict=True) if e.value is not None]
    if known_means:
        first, end = known_means[0][1], known_means[-1][1]
        label = f"{line.arm}: {format_number(first.value, form)} to {format_number(end.value, form)}"
        tip = svg_tag(
            "title", f"{label}{f' ({format_interval(end, form)})' if format_interval(end, form) else ''}"
        )
        points = " ".join(at(s, e.value) for s, e in known_means)
        parts.append(svg_tag("polyline", tip, points=points, class_=f"curve {line.style}"))
        x, y = at(known_means[-1][0], end.value).split(",")
        parts.append(svg_tag("circle", cx=x, cy=y, r=2.6, class_=f"dot {line.style}"))
    return parts


def plane_charts(title: str, charts: Sequence[tuple[str, Sequence[ArmPath]]], across: str, up: str) -> Markup:
    """Paths through the plane of two shares, one chart per (title, paths): ring at the start, dot at the end,
    seeds as thin lines."""
    columns = len(charts)
    left, spacing = 54, 60
    width = (WIDTH - left - 24 - spacing * (columns - 1)) / max(1, columns)
    height = min(300.0, width)
    points = [
        p
        for _, paths in charts
        for arm_path in paths
        for path in (arm_path.mean, *arm_path.seeds)
        for p in path
    ]
    xs, ys = (round_ticks(*share_range([p[i] for p in points])) for i in (0, 1))
    parts: list[Markup] = []
    for i, (name, paths) in enumerate(charts):
        x0, y0 = left + i * (width + spacing), 28

        def at(p: tuple[float, float], x0: float = x0, y0: float = y0) -> tuple[float, float]:
            x = x0 + width * (p[0] - xs[0]) / (xs[-1] - xs[0])
            return round(x, 1), round(y0 + height * (1 - (p[1] - ys[0]) / (ys[-1] - ys[0])), 1)

        parts.append(svg_tag("text", clip(name, 40), x=f"{x0:.1f}", y=y0 - 12))
        for t in xs:
            x, y = at((t, ys[0]))
            parts.append(svg_tag("line", x1=x, x2=x, y1=y, y2=y0, class_="grid"))
            parts.append(svg_tag("text", tick_label(t, "percent", xs), x=x, y=y + 15, class_="tick mid"))
        for t in ys:
            x, y = at((xs[0], t))
            parts.append(svg_tag("line", x1=x, x2=x + width, y1=y, y2=y, class_="grid"))
            parts.append(svg_tag("text", tick_label(t, "percent", ys), x=x - 6, y=y + 4, class_="tick end"))
        parts.append(
            svg_tag("text", f"{across} →", x=f"{x0 + width:.1f}", y=y0 + height + 32, class_="tick end")
        )
        parts.append(svg_tag("text", f"↑ {up}", x=f"{x0 + width:.1f}", y=y0 - 12, class_="tick end"))
        for arm_path in paths:
            for path in arm_path.seeds if len(arm_path.seeds) > 1 else ():
                line = " ".join("{},{}".format(*at(p)) for p in path)
                parts.append(svg_tag("polyline", points=line, class_=f"seed {arm_path.style}"))
        for arm_path in paths:
            line = " ".join("{},{}".format(*at(p)) for p in arm_path.mean)
            parts.append(
                svg_tag(
                    "polyline", svg_tag("title", arm_path.arm), points=line, class_=f"curve {arm_path.style}"
                )
            )
            for p, step in ((arm_path.mean[0], arm_path.steps[0]), (arm_path.mean[-1], arm_path.steps[-1])):
                (x, y), end = at(p), step == arm_path.steps[-1]
                tip = svg_tag(
                    "title",
                    f"{arm_path.arm}, step {step}: {format_number(p[0])} across, {format_number(p[1])} up",
                )
                kind = "dot" if end else "hollow"
                parts.append(
                    svg_tag("circle", tip, cx=x, cy=y, r=5 if end else 3.8, class_=f"{kind} {arm_path.style}")
                )
    description = "; ".join(
        f"{name}, {arm_path.arm}: from {format_number(arm_path.mean[0][0])}, "
        f"{format_number(arm_path.mean[0][1])} to {format_number(arm_path.mean[-1][0])}, "
        f"{format_number(arm_path.mean[-1][1])}"
        for name, paths in charts
        for arm_path in paths
    )
    return drawing(title, clip(description, 2000), 28 + height + 42, parts)


def _description(charts: Sequence[LineChart], form: str) -> str:
    parts = []
    for chart in charts:
        for line in chart.lines:
            values = [e.value for e in line.mean if e.value is not None]
            if values:
                parts.append(
                    f"{chart.title}, {line.arm}: {format_number(values[0], form)} to "
                    f"{format_number(values[-1], form)}"
                )
    return "; ".join(parts)


def _range(lines: Sequence[ArmLine], form: str) -> tuple[float, float]:
    """The range of means and seeds. Bands may exceed it, so that one wide band does not flatten all lines."""
    reached = [e.value for line in lines for e in line.mean if e.value is not None]
    reached += [v for line in lines for _, values in line.seeds for v in values if v is not None]
    low, up = share_range(reached) if form == "percent" else padded_range(reached)
    if form != "percent" and min(reached, default=0) >= 0:
        low = max(0.0, low)
    return low, up
