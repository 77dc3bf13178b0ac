"""The truncation curve, and a strip for every question."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from unswayed.formatting import format_number
from unswayed.interventions import INTERVENTIONS
from unswayed.metrics.summary import Estimate
from unswayed.metrics.thought_use import KINDS, SHARES, TRUNCATED, QuestionUse, TruncationPoint
from unswayed.report.charts.svg import WIDTH, drawing, estimate_text, svg_tag

MOST_STRIPS = 120
"""Questions drawn as strips; of more, every n-th of the sorted ones."""
_LEFT, _TOP, _HEIGHT = 150, 24, 190
_SERIES = (("same", "answer is the final one", "k-base"), ("p_final", "P(final answer)", "k-wrong"))


def truncation_curve(curve: Sequence[TruncationPoint]) -> Markup:
    """Share of final answers, and their mean probability, over the share of the thought that is kept."""
    width = WIDTH - 60 - 190

    def at(x: float, y: float) -> tuple[float, float]:
        return round(60 + width * x, 1), round(_TOP + _HEIGHT * (1 - y), 1)

    elements: list[Markup] = []
    for tick in SHARES:
        (x, y), (right, _) = at(0, tick), at(1, tick)
        elements.append(svg_tag("line", x1=x, x2=right, y1=y, y2=y, class_="grid"))
        elements.append(svg_tag("text", f"{tick:.0%}", x=x - 8, y=y + 4, class_="tick end"))
        x, y = at(tick, 0)
        elements.append(svg_tag("text", f"{tick:.0%}", x=x, y=y + 17, class_="tick mid"))
    elements.append(
        svg_tag(
            "text", "share of the thought's words", x=at(0.5, 0)[0], y=_TOP + _HEIGHT + 34, class_="tick mid"
        )
    )
    ends: list[float] = []
    for field, title, style in _SERIES:
        points: list[tuple[float, float]] = []
        for point in curve:
            estimate: Estimate = getattr(point, field)
            if estimate.value is None:
                continue
            x, y = at(point.share, estimate.value)
            if estimate.low is not None and estimate.high is not None:
                low, high = at(point.share, estimate.low)[1], at(point.share, estimate.high)[1]
                elements.append(svg_tag("line", x1=x, x2=x, y1=low, y2=high, class_=f"whisker thin {style}"))
            tip = svg_tag("title", f"{title} at {point.share:.0%}: {estimate_text(estimate)}")
            elements.append(svg_tag("circle", tip, cx=x, cy=y, r=3.5, class_=f"dot {style}"))
            points.append((x, y))
        if points:
            line = " ".join(f"{x},{y}" for x, y in points)
            elements.append(svg_tag("polyline", points=line, class_=f"curve {style}"))
            x, y = points[-1]
            y = max([y, *(end + 17 for end in ends)])
            ends.append(y)
            elements.append(svg_tag("circle", cx=x + 17, cy=y, r=4, class_=f"dot {style}"))
            elements.append(svg_tag("text", title, x=x + 27, y=y + 4))
    known = [p for p in curve if p.same.value is not None]
    description = "; ".join(f"{p.share:.0%}: {format_number(p.same.value)} final" for p in known)
    return drawing("The answer as the thought is cut", description, _TOP + _HEIGHT + 44, elements)


def strips_shown(questions: Sequence[QuestionUse]) -> list[QuestionUse]:
    """At most `MOST_STRIPS` thoughts, sorted by kind and area, evenly spaced."""
    kinds = [*KINDS, None]
    order = sorted(
        questions, key=lambda q: (kinds.index(q.kind), q.area or 0.0, q.benchmark, q.uid, q.sample)
    )
    if len(order) <= MOST_STRIPS:
        return order
    return [order[i * len(order) // MOST_STRIPS] for i in range(MOST_STRIPS)]


def question_strips(questions: Sequence[QuestionUse]) -> Markup:
    """A column per thought, a row per intervention; colour says whether the answer held."""
    names = [name for name in INTERVENTIONS if any(_held(q, name) is not None for q in questions)]
    step = min(14.0, (WIDTH - _LEFT) / len(questions))
    height, top = 17, 40
    elements: list[Markup] = []
    for row, name in enumerate(names):
        y = top + row * height
        elements.append(svg_tag("text", name, x=_LEFT - 8, y=y + 12, class_="tick end"))
        for column, question in enumerate(questions):
            held = _held(question, name)
            if held is None:
                continue
            what = f"{question.uid}, {name}: {'the same answer' if held else 'another answer'}"
            x = round(_LEFT + column * step, 2)
            elements.append(
                svg_tag(
                    "rect",
                    svg_tag("title", what),
                    x=x,
                    y=y,
                    width=round(step * 0.86, 2),
                    height=height - 2,
                    class_="q1" if held else "q4",
                )
            )
    elements += _kind_heads(questions, step, top + len(names) * height)
    counts = ", ".join(f"{sum(q.kind == kind for q in questions)} {kind}" for kind in KINDS)
    return drawing("Question by question", counts, top + len(names) * height + 6, elements)


def _kind_heads(questions: Sequence[QuestionUse], step: float, bottom: int) -> Iterator[Markup]:
    """The name of each kind above its columns, in two rows, and a line where it begins."""
    starts = [i for i, q in enumerate(questions) if not i or q.kind != questions[i - 1].kind]
    for n, start in enumerate(starts):
        x = round(_LEFT + start * step - step * 0.07, 2)
        y = 13 + 14 * (n % 2)
        yield svg_tag("line", x1=x, x2=x, y1=y - 9, y2=bottom, class_="grid")
        yield svg_tag("text", questions[start].kind or "undecided", x=x + 3, y=y, class_="tick")


def _held(question: QuestionUse, name: str) -> bool | None:
    if name.startswith(TRUNCATED):
        return question.same[SHARES.index(float(name.split("@")[1]))]
    changed = question.changed.get(name)
    return None if changed is None else not changed
