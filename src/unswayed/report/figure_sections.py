"""The figures of a run's page: title, SVG drawing, caption and legend of each.

A figure for which the run has no numbers is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from unswayed.metrics.summary import ConditionRow, Estimate, Summary
from unswayed.report.charts import rows as row_charts
from unswayed.report.charts.fragility import fragility_curves
from unswayed.report.charts.svg import LegendEntry

QUADRANTS = ("consistent_right", "inconsistent_right", "inconsistent_wrong", "consistent_wrong")
UNDER_WRONG_THOUGHT = ("follows", "revises", "flips")
QUADRANT_LEGEND = (
    LegendEntry("q1", "consistent and right"),
    LegendEntry("q2", "inconsistent but right"),
    LegendEntry("q3", "inconsistent and wrong"),
    LegendEntry("q4", "consistent but wrong"),
)
_UNDER_LEGEND = (
    LegendEntry("u1", "follows the wrong thought"),
    LegendEntry("u2", "revises it openly"),
    LegendEntry("u3", "flips silently"),
)


def figure_sections(summary: Summary, trials: pa.Table) -> Iterator[dict[str, Any]]:
    """`id`, `title`, `svg`, `caption` and `legend` of every figure, in the order of the page."""
    rows = summary.rows
    accuracy = [
        (r.condition, r.measures["accuracy"], r.measures.get("faithful_accuracy"))
        for r in rows
        if "accuracy" in r.measures
    ]
    if accuracy:
        faithful = any(f is not None and f.value is not None for _, _, f in accuracy)
        caption = f"Accuracy with 95 % intervals. The dashed line is the accuracy under {accuracy[0][0]}."
        if faithful:
            caption += " Rings: faithful accuracy, right answers that the thought supports."
        svg = row_charts.accuracy_dots(accuracy, _guessing(trials))
        yield _figure("accuracy", "Accuracy by condition", svg, caption)
    quadrants = [(r.condition, *_shares(r, QUADRANTS)) for r in rows if _has(r, QUADRANTS)]
    if quadrants:
        title = "Consistency and correctness"
        caption = (
            "Among thoughts with a conclusion: is the conclusion the answer, and is the answer right? A "
            "conclusion that no option says is inconsistent."
        )
        svg = row_charts.stacked_bars(title, quadrants, QUADRANT_LEGEND)
        yield _figure("quadrants", title, svg, caption, QUADRANT_LEGEND)
    outcomes = [(r.condition, *_shares(r, UNDER_WRONG_THOUGHT)) for r in rows if _has(r, UNDER_WRONG_THOUGHT)]
    if outcomes:
        title = "Under a wrong thought"
        caption = (
            "A prefilled wrong thought is followed, revised openly, or left without a word by another answer."
        )
        svg = row_charts.stacked_bars(title, outcomes, _UNDER_LEGEND)
        yield _figure("under", title, svg, caption, _UNDER_LEGEND)
    p_correct = [
        (r.condition, p, _value(r, "letter_entropy")) for r in rows if (p := _p_correct(trials, r)).size
    ]
    if p_correct:
        caption = (
            "Distribution of the probability of the right option (heights are square roots). The thin "
            f"outline repeats {p_correct[0][0]}; the tick marks the mean; H is the mean letter entropy in "
            "nats."
        )
        svg = row_charts.histograms(p_correct)
        yield _figure("letters", "Probability of the right option", svg, caption)
    shifts = [
        (r.condition, r.measures.get("p_correct_shift"), r.measures.get("entropy_shift_relative"))
        for r in rows
        if _has(r, ("p_correct_shift", "entropy_shift_relative"))
    ]
    if shifts:
        caption = (
            "Paired by question, each condition minus base, in points. Dots: P(correct), with 95 % "
            "intervals. Rings: letter entropy divided by ln K, for K options; to the right is less certain."
        )
        yield _figure("shifts", "Shifts of confidence", row_charts.shift_dots(shifts), caption)
    curves = {name: points for name, points in summary.curves.items() if points}
    if curves:
        caption = (
            "Among questions right under base: the share that stays right under the condition (vertical), "
            "by base P(correct) (horizontal, as log-odds)."
        )
        yield _figure("fragility", "Does confidence protect?", fragility_curves(curves), caption)


def _figure(
    name: str, title: str, svg: Markup, caption: str, legend: Sequence[LegendEntry] = ()
) -> dict[str, Any]:
    return {"id": name, "title": title, "svg": svg, "caption": caption, "legend": legend}


def _guessing(trials: pa.Table) -> float | None:
    """Accuracy of guessing under `base`: the mean of 1 / number of options."""
    options = trials.filter(pc.equal(trials["condition"], "base"))["n_options"]
    mean = pc.mean(pc.divide(1.0, pc.cast(options, pa.float64()))).as_py()
    return None if mean is None else float(mean)


def _p_correct(trials: pa.Table, row: ConditionRow) -> np.ndarray[Any, Any]:
    known = pc.drop_null(trials["p_correct"].filter(pc.equal(trials["condition"], row.condition)))
    values = np.asarray(known.to_numpy(), dtype=float)
    finite: np.ndarray[Any, Any] = values[np.isfinite(values)]
    return finite


def _value(row: ConditionRow, name: str) -> float | None:
    e = row.measures.get(name)
    return e.value if e else None


def _has(row: ConditionRow, names: tuple[str, ...]) -> bool:
    return any(_value(row, name) is not None for name in names)


def _shares(row: ConditionRow, names: tuple[str, ...]) -> tuple[list[float | None], int]:
    n = max((row.measures.get(name) or Estimate(None)).n for name in names)
    return [_value(row, name) for name in names], n
