"""The drawings of a study: how measures move, arm by arm, with the lines of the seeds.

An arm has one colour throughout (classes `a0` to `a7`). Nothing here estimates: a drawing shows the points
that it is given. `standalone` makes a drawing a file of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from unswayed.formatting import (
    clip,
    interval,
    minus,
    number,
)
from unswayed.metrics.summary import Estimate
from unswayed.report.figures import WIDTH, Part, tag

COLOURS = 8


@dataclass(frozen=True)
class Line:
    """One measure of one arm over steps."""

    arm: str
    style: str
    steps: Sequence[int]
    mean: Sequence[Estimate]
    """Over seeds, one a step, with the band."""
    seeds: Sequence[tuple[int, Sequence[float | None]]]
    """(seed, one value a step)."""


@dataclass(frozen=True)
class Panel:
    """Lines that share one small drawing."""

    title: str
    lines: Sequence[Line]


@dataclass(frozen=True)
class Walk:
    """One arm's way through the plane of two measures: a point (across, up) a step."""

    arm: str
    style: str
    steps: Sequence[int]
    mean: Sequence[tuple[float, float]]
    seeds: Sequence[Sequence[tuple[float, float]]]


def style(i: int) -> str:
    """CSS class of the i-th arm."""
    return f"a{i % COLOURS}"


def legend(arms: Sequence[str]) -> tuple[Part, ...]:
    """Swatches of the arms."""
    return tuple(Part(f"arm {style(i)}", clip(arm, 60)) for i, arm in enumerate(arms))


def panels(title: str, drawn: Sequence[Panel], form: str, columns: int = 3) -> Markup:
    """Small line charts side by side on one scale: means as lines, their intervals as bands, seeds thin."""
    columns = min(columns, len(drawn))
    left, gap, high = 56, 54, 128 if columns > 1 else 190
    wide = (WIDTH - left - 12 - gap * (columns - 1)) / columns
    low, up = _range([line for panel in drawn for line in panel.lines], form)
    ticks = _ticks(low, up)
    low, up = min(low, ticks[0]), max(up, ticks[-1])
    last = max((line.steps[-1] for p in drawn for line in p.lines), default=1) or 1
    parts: list[Markup] = []
    for i, panel in enumerate(drawn):
        x0, y0 = left + (i % columns) * (wide + gap), 26 + (i // columns) * (high + 54)

        def at(step: float, value: float, x0: float = x0, y0: float = y0) -> str:
            share = (min(max(value, low), up) - low) / (up - low)
            return f"{x0 + wide * step / last:.1f},{y0 + high * (1 - share):.1f}"

        parts.append(tag("text", clip(panel.title, 34), x=f"{x0:.1f}", y=y0 - 9))
        for t in ticks:
            y = at(0, t).split(",")[1]
            parts.append(tag("line", x1=f"{x0:.1f}", x2=f"{x0 + wide:.1f}", y1=y, y2=y, class_="grid"))
            label = _tick(t, form, ticks)
            parts.append(tag("text", label, x=f"{x0 - 6:.1f}", y=f"{float(y) + 4:.1f}", class_="tick end"))
        for step, where in ((0, "tick"), (last, "tick end")):
            x = at(step, low).split(",")[0]
            parts.append(tag("text", f"{step:,}", x=x, y=y0 + high + 15, class_=where))
        for line in panel.lines:
            parts.extend(_line(line, at, form))
    rows = -(-len(drawn) // columns)
    return _svg(title, _said(drawn, form), 26 + rows * (high + 54) - 26, parts)


def _line(line: Line, at: object, form: str) -> list[Markup]:
    assert callable(at)
    known = [
        (s, e.low, e.high)
        for s, e in zip(line.steps, line.mean, strict=True)
        if e.low is not None and e.high is not None
    ]
    parts = []
    if len(known) > 1:
        edge = [at(s, up) for s, _, up in known] + [at(s, low) for s, low, _ in reversed(known)]
        parts.append(tag("polygon", points=" ".join(edge), class_=f"band {line.style}"))
    if len(line.seeds) > 1:
        for seed, values in line.seeds:
            way = " ".join(at(s, v) for s, v in zip(line.steps, values, strict=True) if v is not None)
            tip = tag("title", f"{line.arm}, seed {seed}")
            parts.append(tag("polyline", tip, points=way, class_=f"seed {line.style}"))
    found = [(s, e) for s, e in zip(line.steps, line.mean, strict=True) if e.value is not None]
    if found:
        first, end = found[0][1], found[-1][1]
        about = f"{line.arm}: {number(first.value, form)} to {number(end.value, form)}"
        tip = tag("title", f"{about}{f' ({interval(end, form)})' if interval(end, form) else ''}")
        way = " ".join(at(s, e.value) for s, e in found)
        parts.append(tag("polyline", tip, points=way, class_=f"curve {line.style}"))
        x, y = at(found[-1][0], end.value).split(",")
        parts.append(tag("circle", cx=x, cy=y, r=2.6, class_=f"dot {line.style}"))
    return parts


def walks(title: str, drawn: Sequence[tuple[str, Sequence[Walk]]], across: str, up: str) -> Markup:
    """Ways through the plane of two shares, one panel each: ring at the start, dot at the end, seeds thin."""
    columns = len(drawn)
    left, gap = 54, 60
    wide = (WIDTH - left - 24 - gap * (columns - 1)) / max(1, columns)
    high = min(300.0, wide)
    points = [p for _, ways in drawn for w in ways for way in (w.mean, *w.seeds) for p in way]
    xs, ys = (_ticks(*_share([p[i] for p in points])) for i in (0, 1))
    parts: list[Markup] = []
    for i, (name, ways) in enumerate(drawn):
        x0, y0 = left + i * (wide + gap), 28

        def at(p: tuple[float, float], x0: float = x0, y0: float = y0) -> tuple[float, float]:
            x = x0 + wide * (p[0] - xs[0]) / (xs[-1] - xs[0])
            return round(x, 1), round(y0 + high * (1 - (p[1] - ys[0]) / (ys[-1] - ys[0])), 1)

        parts.append(tag("text", clip(name, 40), x=f"{x0:.1f}", y=y0 - 12))
        for t in xs:
            x, y = at((t, ys[0]))
            parts.append(tag("line", x1=x, x2=x, y1=y, y2=y0, class_="grid"))
            parts.append(tag("text", _tick(t, "percent", xs), x=x, y=y + 15, class_="tick mid"))
        for t in ys:
            x, y = at((xs[0], t))
            parts.append(tag("line", x1=x, x2=x + wide, y1=y, y2=y, class_="grid"))
            parts.append(tag("text", _tick(t, "percent", ys), x=x - 6, y=y + 4, class_="tick end"))
        parts.append(tag("text", f"{across} →", x=f"{x0 + wide:.1f}", y=y0 + high + 32, class_="tick end"))
        parts.append(tag("text", f"↑ {up}", x=f"{x0 + wide:.1f}", y=y0 - 12, class_="tick end"))
        for w in ways:
            for way in w.seeds if len(w.seeds) > 1 else ():
                line = " ".join("{},{}".format(*at(p)) for p in way)
                parts.append(tag("polyline", points=line, class_=f"seed {w.style}"))
        for w in ways:
            line = " ".join("{},{}".format(*at(p)) for p in w.mean)
            parts.append(tag("polyline", tag("title", w.arm), points=line, class_=f"curve {w.style}"))
            for p, step in ((w.mean[0], w.steps[0]), (w.mean[-1], w.steps[-1])):
                (x, y), end = at(p), step == w.steps[-1]
                tip = tag("title", f"{w.arm}, step {step}: {number(p[0])} across, {number(p[1])} up")
                kind = "dot" if end else "hollow"
                parts.append(tag("circle", tip, cx=x, cy=y, r=5 if end else 3.8, class_=f"{kind} {w.style}"))
    said = "; ".join(
        f"{name}, {w.arm}: from {number(w.mean[0][0])}, {number(w.mean[0][1])} "
        f"to {number(w.mean[-1][0])}, {number(w.mean[-1][1])}"
        for name, ways in drawn
        for w in ways
    )
    return _svg(title, said, 28 + high + 42, parts)


def standalone(drawing: Markup, arms: Sequence[str]) -> str:
    """A drawing as an SVG file with its legend, light or dark as its reader likes."""
    head, rest = str(drawing).split(">", 1)
    size = head[head.index('viewBox="') + 9 :].split('"', 1)[0].split(" ")
    height = float(size[3]) + 30
    names, x = [], 14.0
    for i, arm in enumerate(arms):
        shown = clip(arm, 24)
        names.append(tag("circle", cx=f"{x:.0f}", cy=14, r=5, class_=f"dot {style(i)}"))
        names.append(tag("text", shown, x=f"{x + 10:.0f}", y=18))
        x += 32 + 7.0 * len(shown)
    wide = max(float(WIDTH), x)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:.0f} {height:.0f}" '
        f'width="{wide:.0f}" height="{height:.0f}" role="img"><style>{_STYLE}</style>'
        f'<rect width="100%" height="100%" class="paper"/>{Markup("").join(names)}'
        f'<g transform="translate(0 30)">{rest.removesuffix("</svg>")}</g></svg>\n'
    )


_LIGHT = ("#1d1f21", "#0072b2", "#c98a00", "#c85200", "#00805c", "#b0578b", "#56b4e9", "#7a7f86")
_DARK = ("#e6e4df", "#4fa8de", "#efb43c", "#f0813b", "#2fbf95", "#d48fb6", "#7cc4ee", "#8d939a")


def _theme(paper: str, line: str, soft: str, colours: Sequence[str]) -> str:
    arms = "".join(f".a{i}{{color:{c}}}" for i, c in enumerate(colours))
    return (
        f".paper{{fill:{paper}}}text{{fill:{colours[0]}}}.tick{{fill:{soft}}}.grid{{stroke:{line}}}"
        f".hollow{{fill:{paper}}}{arms}"
    )


_STYLE = (
    "text{font:12.5px system-ui,sans-serif}.tick{font-size:11px}.end{text-anchor:end}.mid{text-anchor:middle}"
    ".dot{fill:currentColor}.hollow{stroke:currentColor;stroke-width:1.6}"
    ".curve{fill:none;stroke:currentColor;stroke-width:2}"
    ".seed{fill:none;stroke:currentColor;stroke-width:.8;opacity:.45}"
    ".band{fill:currentColor;opacity:.12}"
    + _theme("#fdfcf9", "#e2dfd7", "#5c6066", _LIGHT)
    + "@media(prefers-color-scheme:dark){"
    + _theme("#16181b", "#33373c", "#a3a7ad", _DARK)
    + "}"
)


def _said(drawn: Sequence[Panel], form: str) -> str:
    said = []
    for panel in drawn:
        for line in panel.lines:
            found = [e.value for e in line.mean if e.value is not None]
            if found:
                said.append(
                    f"{panel.title}, {line.arm}: {number(found[0], form)} to {number(found[-1], form)}"
                )
    return "; ".join(said)


def _svg(title: str, said: str, height: float, drawn: Sequence[Markup]) -> Markup:
    head = [tag("title", title), tag("desc", clip(said, 2000))]
    return tag("svg", *head, *drawn, viewBox=f"0 0 {WIDTH} {height:.0f}", role="img", aria_label=title)


def _range(lines: Sequence[Line], form: str) -> tuple[float, float]:
    """What the means and seeds reach; bands may be cut, so that one wide band does not flatten everything."""
    found = [e.value for line in lines for e in line.mean if e.value is not None]
    found += [v for line in lines for _, values in line.seeds for v in values if v is not None]
    low, up = _share(found) if form == "percent" else _wide(found)
    if form != "percent" and min(found, default=0) >= 0:
        low = max(0.0, low)
    return low, up


def _share(values: Sequence[float]) -> tuple[float, float]:
    """The same for shares, never less than ten points wide."""
    low, up = _wide(values)
    more = max(0.0, 0.1 - (up - low)) / 2
    return max(0.0, min(low - more, 0.9)), min(1.0, max(up + more, 0.1))


def _wide(values: Sequence[float]) -> tuple[float, float]:
    """A range with some air, never without width."""
    if not values:
        return 0.0, 1.0
    low, up = min(values), max(values)
    air = max(0.06 * (up - low), 1e-3, 0.01 * abs(up))
    return low - air, up + air


def _ticks(low: float, up: float) -> list[float]:
    """Three to six round numbers that hold the range."""
    raw = (up - low) / 4
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(m * unit for m in (1, 2, 2.5, 5, 10) if m * unit >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(up / step - 1e-9)
    return [round(i * step, 10) for i in range(first, max(last, first + 1) + 1)]


def _tick(value: float, form: str, ticks: Sequence[float]) -> str:
    scale, unit = (100, " %") if form == "percent" else (1, "")
    step = scale * (ticks[1] - ticks[0])
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    if round(step, digits) != round(step, digits + 1):  # 2.5
        digits += 1
    return minus(f"{scale * value:,.{digits}f}") + unit
