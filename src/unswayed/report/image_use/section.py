"""The section of a run's page on the picture: figures, tables and triptychs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from markupsafe import Markup

from unswayed.formatting import format_interval, format_number, format_p
from unswayed.metrics.image_use import DESCRIBES, MEASURES, RESPONSES, Grounding, ImageUse
from unswayed.metrics.summary import Estimate
from unswayed.report.charts.svg import LegendEntry
from unswayed.report.html_tables import estimate_cell, table, text_cell
from unswayed.report.image_use.figures import grounding_plot, strength_curves

_CURVES = (LegendEntry("dot-base", "accuracy"), LegendEntry("dot-other", "mean P(correct)"))
_CAPTIONS = (LegendEntry("dot-correct", "correct caption"), LegendEntry("dot-wrong", "wrong caption"))
_CELL_TITLES = {
    "accuracy": "accuracy",
    "follows": "follows the caption",
    "acknowledges": "says they disagree",
    "admits": "names the caption",
    "cannot_see": "says it cannot see",
    "abstains": "abstains",
    "p_correct": "P(correct)",
    "entropy": "letter entropy",
}


def image_use_section(use: ImageUse, triptychs: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """`figures`, `tables` and `triptychs` of the section."""
    return {"figures": list(_figures(use)), "tables": list(_tables(use)), "triptychs": list(triptychs)}


def _figures(use: ImageUse) -> Iterator[dict[str, Any]]:
    if use.grounding:
        caption = (
            "A grounded model uses the caption where the picture says nothing: from left to right the lines "
            "run apart. Interaction (effect of the caption with the evidence masked, minus visible): "
            + "; ".join(
                f"{'with the option to abstain ' if g.abstain else ''}{interaction_text(g)}"
                for g in use.grounding
            )
            + "."
        )
        yield _figure("grounding", "Caption and evidence", grounding_plot(use.grounding), caption, _CAPTIONS)
    if use.curves:
        caption = (
            "Noise: share of every pixel's value that is replaced. Blur: standard deviation as a share of "
            "the shorter side. Low resolution: share of the pixels of each side that is kept. A model that "
            "does not look has flat lines."
        )
        title = "Accuracy as the picture is degraded"
        yield _figure("strengths", title, strength_curves(use.curves), caption, _CURVES)


def interaction_text(grounding: Grounding) -> str:
    """Points, interval and p-value of the interaction."""
    e = grounding.interaction
    interval = format_interval(e, "points")
    p = "" if grounding.p_value is None else f", p {format_p(grounding.p_value)}"
    return f"{format_number(e.value, 'points')} points{f' ({interval})' if interval else ''}{p}"


def _tables(use: ImageUse) -> Iterator[dict[str, Any]]:
    measures = [
        (f"{MEASURES[name].title}: {MEASURES[name].meaning}", _cells(estimate, MEASURES[name].format))
        for name, estimate in use.measures.items()
    ]
    if measures:
        heads = [("measure", ""), ("value", "differences in points"), ("n", "questions")]
        yield table("Image reliance", heads, measures)
    heads = [
        ("condition", ""),
        ("asked", "questions that reached the model"),
        ("accuracy", "of the option that is right; for turned pictures it moved with the picture"),
        ("drop", "accuracy under base minus accuracy here, on the same questions, in points"),
        ("same answer", "share with the answer of base again"),
        ("P(correct)", "mean probability of the right option"),
        ("not ok", "trials by state, where not ok"),
    ]
    lines = []
    for row in use.rows:
        states = ", ".join(f"{n:,} {state}" for state, n in row.states.items() if state != "ok")
        cells = [
            text_cell(f"{row.accuracy.n:,}"),
            estimate_cell(row.accuracy),
            estimate_cell(row.drop, "points"),
            estimate_cell(row.same_answer),
            estimate_cell(row.p_correct),
            text_cell(states),
        ]
        lines.append((row.condition, cells))
    yield table("By picture", heads, lines)
    for grounding in use.grounding:
        yield _grounding_table(grounding)
    if use.described:
        lines = [(f"{name}: {DESCRIBES[name]}", _cells(e)) for name, e in use.described.items()]
        heads = [("the thought's statements", ""), ("share", ""), ("n", "statements that tell the two apart")]
        yield table("What a thought describes under a swapped picture", heads, lines)
    if use.hints:
        yield _hint_table(use)


def _grounding_table(grounding: Grounding) -> dict[str, Any]:
    names = [name for name in _CELL_TITLES if name in grounding.cells[0].measures]
    lines = [
        (
            f"{cell.caption.replace('-', ' ')}, evidence {cell.evidence}",
            [estimate_cell(cell.measures[n], "number" if n == "entropy" else "percent") for n in names],
        )
        for cell in grounding.cells
    ]
    responses = "; ".join(
        f"{name} {format_number(e.value)} ({RESPONSES[name]})" for name, e in grounding.responses.items()
    )
    title = "Caption and evidence" + (", with the option to abstain" if grounding.abstain else "")
    heads = [("cell", ""), *((_CELL_TITLES[name], "") for name in names)]
    n = grounding.interaction.n
    return table(
        title, heads, lines, f"{n:,} questions. Under a wrong caption with the evidence masked: {responses}."
    )


def _hint_table(use: ImageUse) -> dict[str, Any]:
    heads = [
        ("wrong caption, evidence", ""),
        ("turned", "answers the caption's option, of the questions that base answered with another one"),
        ("n", "questions that could be turned"),
        ("admits it", "the thought names the caption as a source, of the turned answers with a thought"),
        ("n", "turned answers with a thought"),
        ("by chance", "share that changed to one given option that the caption does not assert"),
    ]
    lines = [
        (
            test.evidence,
            [*_cells(test.turned), *_cells(test.admits), estimate_cell(test.elsewhere)],
        )
        for test in use.hints
    ]
    return table("Does the thought admit the caption that turned the answer?", heads, lines)


def _cells(estimate: Estimate, form: str = "percent") -> list[dict[str, str]]:
    return [estimate_cell(estimate, form), text_cell(f"{estimate.n:,}")]


def _figure(
    name: str, title: str, svg: Markup, caption: str, legend: Sequence[LegendEntry] = ()
) -> dict[str, Any]:
    return {"id": name, "title": title, "svg": svg, "caption": caption, "legend": list(legend)}
