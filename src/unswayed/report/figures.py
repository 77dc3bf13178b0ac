"""The figures: small SVG drawings made of the summary, with colours from the page's style sheet.

Every drawing carries a title and a description for those who cannot see it. Nothing here counts or
estimates: a figure shows numbers of the `Summary`, or histograms of one column of the trials.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup, escape

from unswayed.formatting import interval, number, visible
from unswayed.metrics.summary import CurvePoint, Estimate

WIDTH = 720
LEFT = 232
RIGHT = 634
ROW = 30
TOP = 30


@dataclass(frozen=True)
class Part:
    """One segment of a stacked bar."""

    style: str
    """CSS class that colours it."""
    title: str
    """What the legend says."""


def kind_of(condition: str) -> str:
    """CSS class of a condition: what it does to the model decides its colour."""
    if condition == "base":
        return "k-base"
    for prefix in ("wrong", "correct"):
        if condition.startswith(prefix):
            return f"k-{prefix}"
    return "k-other"


def tag(name: str, *children: object, **attributes: object) -> Markup:
    """An SVG element; children and attribute values are escaped, `_` at an attribute's end is dropped."""
    parts = [
        f' {key.rstrip("_").replace("_", "-")}="{escape(_text(value))}"' for key, value in attributes.items()
    ]
    inner = Markup("").join(escape(c if hasattr(c, "__html__") else _text(c)) for c in children)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), Markup("".join(parts)), inner)


def accuracy(rows: Sequence[tuple[str, Estimate, Estimate | None]], guessing: float | None) -> Markup:
    """Dots with intervals on a scale of 0 to 100 %, one row a condition: (name, accuracy, faithful).

    A dashed line stands at the first row's value; `guessing` (a share) is dotted.
    """
    drawn: list[Markup] = _scale(len(rows))
    foot = TOP + ROW * len(rows)
    if guessing is not None:
        drawn.append(tag("line", x1=_x(guessing), x2=_x(guessing), y1=TOP - 6, y2=foot, class_="guess"))
        drawn.append(tag("text", "guessing", x=_x(guessing), y=foot + 29, class_="tick mid"))
    if rows and rows[0][1].value is not None:
        base = _x(rows[0][1].value)
        drawn.append(tag("line", x1=base, x2=base, y1=TOP - 6, y2=foot, class_="baseline"))
    for i, (name, right, faithful) in enumerate(rows):
        y, kind = _y(i), kind_of(name)
        drawn.append(_label(name, y))
        if right.value is None:
            drawn.append(tag("text", "nothing to count", x=LEFT + 6, y=y + 4, class_="tick"))
            continue
        if faithful is not None and faithful.value is not None:
            tip = tag("title", f"{name}: right and consistent {number(faithful.value)}")
            drawn.append(tag("circle", tip, cx=_x(faithful.value), cy=y, r=4.5, class_=f"hollow {kind}"))
        if right.low is not None and right.high is not None:
            drawn.append(
                tag("line", x1=_x(right.low), x2=_x(right.high), y1=y, y2=y, class_=f"whisker {kind}")
            )
        tip = tag("title", f"{name}: {_said(right)}")
        drawn.append(tag("circle", tip, cx=_x(right.value), cy=y, r=5.5, class_=f"dot {kind}"))
        drawn.append(tag("text", number(right.value), x=WIDTH - 4, y=y + 4, class_="value end"))
    said = "; ".join(f"{name} {number(e.value)}" for name, e, _ in rows)
    return _svg("Accuracy by condition", said, foot + 35, drawn)


def stacked(
    title: str, rows: Sequence[tuple[str, Sequence[float | None], int]], parts: Sequence[Part]
) -> Markup:
    """Stacked bars of shares, one row a condition: (name, one share a part, n)."""
    drawn: list[Markup] = _scale(len(rows))
    for i, (name, shares, n) in enumerate(rows):
        y, at = _y(i), 0.0
        drawn.append(_label(name, y))
        for part, share in zip(parts, shares, strict=True):
            if not share:
                continue
            tip = tag("title", f"{name}: {part.title} {number(share)} of {n:,}")
            wide = max(0.0, _x(at + share) - _x(at) - 1)
            drawn.append(
                tag(
                    "rect", tip, x=_x(at), y=y - 9, width=f"{wide:.1f}", height=18, class_=f"bar {part.style}"
                )
            )
            if share >= 0.07:
                middle = (_x(at) + _x(at + share)) / 2
                drawn.append(
                    tag("text", f"{100 * share:.0f}", x=middle, y=y + 4, class_=f"on mid on-{part.style}")
                )
            at += share
        drawn.append(tag("text", f"n {n:,}", x=WIDTH - 4, y=y + 4, class_="tick end"))
    said = "; ".join(
        f"{name}: " + ", ".join(f"{p.title} {number(s)}" for p, s in zip(parts, shares, strict=True))
        for name, shares, _ in rows
    )
    return _svg(title, said, TOP + ROW * len(rows) + 22, drawn)


def ridges(rows: Sequence[tuple[str, np.ndarray[Any, Any], float | None]]) -> Markup:
    """Histograms of P(right letter), the first row's outline behind every other: (name, values, H).

    `values` has shape (n_trials,), each 0 to 1; H is the mean letter entropy in nats, or None.
    """
    high, drawn = 46, _scale(len(rows), 46)
    shapes = [np.histogram(values, bins=25, range=(0, 1))[0] / max(1, values.size) for _, values, _ in rows]
    # The square root keeps the thin middle visible beside the peaks at 0 and 1.
    shapes = [np.sqrt(s) for s in shapes]
    peak = max((float(s.max()) for s in shapes), default=1.0) or 1.0
    said = []
    for i, ((name, values, entropy), shape) in enumerate(zip(rows, shapes, strict=True)):
        foot = TOP + high * (i + 1) - 8
        mean = float(values.mean())
        tip = tag("title", f"{name}: mean {mean:.3f}, n {values.size:,}")
        drawn.append(tag("path", tip, d=_steps(shape / peak, foot, True), class_=f"ridge {kind_of(name)}"))
        if i:
            drawn.append(tag("path", d=_steps(shapes[0] / peak, foot, False), class_="ghost"))
        drawn.append(tag("line", x1=_x(mean), x2=_x(mean), y1=foot, y2=foot + 5, class_="mean"))
        drawn.append(_label(name, foot - 9))
        drawn.append(tag("text", f"mean {mean:.2f}", x=WIDTH - 4, y=foot - 17, class_="value end"))
        if entropy is not None:
            drawn.append(tag("text", f"H {entropy:.2f}", x=WIDTH - 4, y=foot - 3, class_="tick end"))
        said.append(f"{name}: mean {mean:.2f}")
    return _svg("Probability of the right letter", "; ".join(said), TOP + high * len(rows) + 22, drawn)


def curves(points: Mapping[str, Sequence[CurvePoint]]) -> Markup:
    """Share of base-right questions that stay right, over base P(correct); one small panel a condition."""
    wide, high, columns = 182, 96, 3
    drawn: list[Markup] = []
    said = []
    for i, (name, bins) in enumerate(points.items()):
        left, top = 44 + (i % columns) * (wide + 48), 26 + (i // columns) * (high + 56)
        look = kind_of(name)

        def at(p: float, share: float, left: int = left, top: int = top) -> tuple[float, float]:
            return round(left + wide * p, 1), round(top + high * (1 - share), 1)

        drawn.append(tag("text", _short(name), x=left, y=top - 9))
        for share in (0.0, 0.5, 1.0):
            (x, y), (across, _) = at(0, share), at(1, share)
            drawn.append(tag("line", x1=x, x2=across, y1=y, y2=y, class_="grid"))
            drawn.append(tag("text", f"{100 * share:.0f} %", x=x - 6, y=y + 4, class_="tick end"))
            drawn.append(tag("text", f"{share:g}", x=at(share, 0)[0], y=top + high + 15, class_="tick mid"))
        known = [(p, p.stays.value) for p in bins if p.stays.value is not None]
        for p, value in known:
            if p.stays.low is not None and p.stays.high is not None:
                (x, low), (_, up) = at(p.mean, p.stays.low), at(p.mean, p.stays.high)
                drawn.append(tag("line", x1=x, x2=x, y1=low, y2=up, class_=f"whisker thin {look}"))
            tip = tag("title", f"{name}, base P(correct) {p.low:.2f} to {p.high:.2f}: {_said(p.stays)}")
            x, y = at(p.mean, value)
            drawn.append(tag("circle", tip, cx=x, cy=y, r=3, class_=f"dot {look}"))
        line = " ".join("{},{}".format(*at(p.mean, value)) for p, value in known)
        drawn.append(tag("polyline", points=line, class_=f"curve {look}"))
        if known:
            said.append(f"{name} from {number(known[0][1])} to {number(known[-1][1])}")
    height = 26 + -(-len(points) // columns) * (high + 56) - 24
    return _svg("Does certainty protect?", "; ".join(said), height, drawn)


def _scale(rows: int, high: int = ROW) -> list[Markup]:
    foot = TOP + high * rows
    drawn = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        drawn.append(tag("line", x1=_x(share), x2=_x(share), y1=TOP - 6, y2=foot, class_="grid"))
        label = f"{share:.2f}".rstrip("0").rstrip(".") if high > ROW else f"{100 * share:.0f} %"
        drawn.append(tag("text", label, x=_x(share), y=foot + 14, class_="tick mid"))
    return drawn


def _svg(title: str, said: str, height: float, drawn: Sequence[Markup]) -> Markup:
    head = [tag("title", title), tag("desc", said)]
    return tag("svg", *head, *drawn, viewBox=f"0 0 {WIDTH} {height:.0f}", role="img", aria_label=title)


def _label(name: str, y: float) -> Markup:
    return tag("text", _short(name), x=LEFT - 12, y=y + 4, class_="label end")


def _short(name: str) -> str:
    return name if len(name) <= 34 else name[:33] + "…"


def _steps(shape: np.ndarray[Any, Any], foot: float, closed: bool) -> str:
    edges = [_x(i / shape.size) for i in range(shape.size + 1)]
    path = [f"M{edges[0]},{foot}"]
    for i, level in enumerate(shape):
        y = round(foot - 34 * float(level), 1)
        path.append(f"L{edges[i]},{y} L{edges[i + 1]},{y}")
    path.append(f"L{edges[-1]},{foot}" + (" Z" if closed else ""))
    return " ".join(path)


def _said(e: Estimate) -> str:
    between = interval(e)
    return f"{number(e.value)}{f' ({between})' if between else ''}, n {e.n:,}"


def _x(share: float) -> float:
    return round(LEFT + (RIGHT - LEFT) * min(1.0, max(0.0, share)), 1)


def _y(row: int) -> float:
    return TOP + ROW * row + ROW / 2


def _text(value: object) -> str:
    return visible(str(value))
