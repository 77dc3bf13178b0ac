"""The tables of a run's page: measures by condition, accuracy by family, thought health.

Nothing is estimated here. A measure or table for which the run has no numbers is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from unswayed.formatting import format_interval, format_number, format_p, measure_info
from unswayed.metrics.summary import ConditionRow, Estimate, Summary
from unswayed.report.figure_sections import QUADRANTS, UNDER_WRONG_THOUGHT
from unswayed.report.tables import measures_present

_GROUPS = (
    ("Answers", ("accuracy", "drop", "cue_following", "cue_following_base_right")),
    (
        "Thoughts and answers",
        (
            *("consistency", "faithful_accuracy", "faithful_accuracy_lower", "faithful_accuracy_upper"),
            *("faithful_drop", "judged_share", "concludes", "concludes_elsewhere", "acknowledges"),
        ),
    ),
    ("Truth of reasons", ("true_statements", "conclusion_follows", "misquotes_caption")),
    (
        "Confidence",
        ("p_correct", "p_correct_shift", "letter_entropy", "entropy_shift", "entropy_shift_relative"),
    ),
    ("Calibration", ("brier", "ece", "letters_outside")),
    (
        "The option to abstain",
        ("abstain_rate", "selective_accuracy", "abstain_when_wrong", "abstain_selectivity"),
    ),
    (
        "Do base probabilities predict which answers are right?",
        (
            *("auroc_p_correct_all", "auroc_neg_entropy_all", "auroc_difference_all"),
            *("auroc_p_correct", "auroc_neg_entropy", "auroc_difference"),
        ),
    ),
)
_BOUNDS = ("faithful_accuracy_lower", "faithful_accuracy_upper")
_HEALTH = {
    "length_p10": "length, 10th percentile",
    "length_p50": "median length",
    "length_p90": "90th percentile",
    "distinct_2": "distinct word pairs",
    "gzip_ratio": "gzip ratio",
    "top10_templates": "top ten templates",
    "duplicates": "exact duplicates",
    "empty": "without a word",
    "sampled": "thoughts sampled",
}


def measure_tables(summary: Summary) -> Iterator[dict[str, Any]]:
    """Tables of the measures that some condition has: title, heads, lines of cells."""
    present = measures_present(summary)
    if not any(_undecided(row) for row in summary.rows):
        present = [name for name in present if name not in _BOUNDS]
    placed = {name for _, names in _GROUPS for name in names} | {
        *QUADRANTS,
        *UNDER_WRONG_THOUGHT,
    }  # as figures
    rest = tuple(name for name in present if name not in placed)
    for title, names in (*_GROUPS, ("More", rest)):
        shown = [name for name in names if name in present]
        if not shown:
            continue
        lines = [(row, [_cell(row, name) for name in shown]) for row in summary.rows]
        if title == "The option to abstain":
            lines = [line for line in lines if "abstain_rate" in line[0].measures]
        yield {
            "title": title,
            "heads": [measure_info(name) for name in shown],
            "lines": lines,
            "p_after": shown.index("drop") if "drop" in shown else -1,
        }


def family_table(summary: Summary) -> dict[str, Any]:
    """Heat table of accuracy by family; the columns are the conditions that some family has."""
    order = [row.condition for row in summary.rows]
    present = {c for by_condition in summary.families.values() for c in by_condition}
    columns = [c for c in order if c in present] + sorted(present - set(order))
    lines = [
        (family, [_heat_cell(by_condition.get(c)) for c in columns])
        for family, by_condition in sorted(summary.families.items())
    ]
    return {"columns": columns, "lines": lines}


def health_table(summary: Summary) -> dict[str, Any] | None:
    """Table of thought health, one line per condition; None without thoughts."""
    columns = list(dict.fromkeys(name for values in summary.health.values() for name in values))
    if not columns:
        return None

    def cell(name: str, value: float | None) -> str:
        whole = name.startswith("length") or name == "sampled"
        return "—" if value is None else f"{value:,.0f}" if whole else format_number(value, "number")

    lines = [
        (condition, [cell(name, values.get(name)) for name in columns])
        for condition, values in summary.health.items()
    ]
    return {"columns": [_HEALTH.get(name, name.replace("_", " ")) for name in columns], "lines": lines}


def _cell(row: ConditionRow, name: str) -> dict[str, str]:
    e = row.measures.get(name)
    if e is None or e.value is None:
        return {"value": "—", "below": "", "tip": "does not apply, or nothing to count"}
    form = measure_info(name).format
    interval = format_interval(e, form)
    n = f"n\u00a0{e.n:,}" if e.n != row.asked else ""
    p = f"p\u00a0{format_p(row.shift_p[name].holm)}" if name in row.shift_p else ""
    tip = f"{format_number(e.value, form)}{f', 95 % interval {interval}' if interval else ''}, n {e.n:,}"
    if p:
        tip += f", p after Holm's correction {format_p(row.shift_p[name].holm)}"
    below = " · ".join(part for part in (interval, n, p) if part)
    return {"value": format_number(e.value, form), "below": below, "tip": tip}


def _heat_cell(e: Estimate | None) -> dict[str, str]:
    if e is None or e.value is None:
        return {"value": "—", "heat": "0", "tip": "not asked"}
    interval = format_interval(e)
    tip = f"{format_number(e.value)}{f' ({interval})' if interval else ''}, n {e.n:,}"
    return {"value": f"{100 * e.value:.0f}", "heat": f"{e.value:.3f}", "tip": tip}


def _undecided(row: ConditionRow) -> bool:
    """Whether the bounds of faithful accuracy differ."""
    low, high = (row.measures.get(name) for name in _BOUNDS)
    return low is not None and high is not None and low.value != high.value
