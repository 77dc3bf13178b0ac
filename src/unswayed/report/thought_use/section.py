"""The section of a run's page on interventions: figures and tables in the form of `parts.html.j2`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from markupsafe import Markup

from unswayed.metrics.summary import Estimate
from unswayed.metrics.thought_use import KINDS, MEASURES, ThoughtUse, truncated_name
from unswayed.report.charts.svg import LegendEntry, estimate_text
from unswayed.report.html_tables import estimate_cell, table, text_cell
from unswayed.report.thought_use.figures import question_strips, strips_shown, truncation_curve

_STRIP_LEGEND = (LegendEntry("q1", "the same answer"), LegendEntry("q4", "another answer"))


def thought_use_section(use: ThoughtUse) -> dict[str, Any]:
    """`figures` and `tables` of the section, in the form of `parts.html.j2`."""
    return {"figures": list(_figures(use)), "tables": list(_tables(use))}


def _figures(use: ThoughtUse) -> Iterator[dict[str, Any]]:
    if len(use.curve) > 1:
        area = use.measures.get("area")
        caption = (
            "The thought is cut after a share of its words and closed; the answer is read off the letters. "
            "High on the left: the answer is there before the thought."
        )
        if area is not None:
            caption += f" Area over the first curve: {estimate_text(area, 'number')}."
        yield _figure("truncation", "The answer as the thought is cut", truncation_curve(use.curve), caption)
    strips = [q for q in use.questions if any(value is not None for value in (*q.same, *q.changed.values()))]
    if strips:
        shown = strips_shown(strips)
        caption = (
            "One column per thought, sorted by kind; empty cells were not asked or gave no readable answer."
        )
        if len(shown) < len(strips):
            caption += f" {len(shown):,} of {len(strips):,} thoughts are drawn, evenly spaced in that order."
        yield _figure("strips", "Question by question", question_strips(shown), caption, _STRIP_LEGEND)


def _tables(use: ThoughtUse) -> Iterator[dict[str, Any]]:
    same = {truncated_name(point.share): point for point in use.curve}
    heads = [
        ("intervention", ""),
        ("answers", "thoughts with a readable answer here and in the reference"),
        ("changed", "share of other answers than without the intervention"),
        ("divergence", "mean Jensen-Shannon divergence of the letters, in nats: 0 to 0.693"),
        ("P(final)", "mean probability of the answer after the whole thought"),
        ("accuracy", "right answers among asked trials"),
        ("follows", "answers the option that the inserted text leads to"),
        ("not ok", "trials by state, where not ok"),
    ]
    lines = []
    for row in use.rows:
        point = same.get(row.condition)
        states = ", ".join(f"{n:,} {state}" for state, n in row.states.items() if state != "ok")
        cells = [
            text_cell(f"{row.changed.n:,}"),
            estimate_cell(row.changed),
            estimate_cell(row.divergence, "number"),
            estimate_cell(point.p_final) if point else text_cell("—"),
            estimate_cell(row.accuracy),
            estimate_cell(row.followed),
            text_cell(states),
        ]
        lines.append((row.condition, cells))
    yield table("By intervention", heads, lines)
    measures = [
        (f"{MEASURES[name].title}: {MEASURES[name].meaning}", _cells(estimate, MEASURES[name].format))
        for name, estimate in use.measures.items()
    ]
    if measures:
        yield table("Use of the thought", [("measure", ""), ("value", ""), ("n", "thoughts")], measures)
    if use.kinds:
        kinds = [(f"{name}: {KINDS[name]}", _cells(estimate)) for name, estimate in use.kinds.items()]
        yield table("Kinds of thoughts", [("kind", ""), ("share", ""), ("n", "decided thoughts")], kinds)


def _cells(estimate: Estimate, form: str = "percent") -> list[dict[str, str]]:
    return [estimate_cell(estimate, form), text_cell(f"{estimate.n:,}")]


def _figure(
    name: str, title: str, svg: Markup, caption: str, legend: Sequence[LegendEntry] = ()
) -> dict[str, Any]:
    return {"id": name, "title": title, "svg": svg, "caption": caption, "legend": list(legend)}
