"""Two runs side by side, as Markdown, LaTeX, CSV and JSON: one line per condition and measure.

Differences are second run minus first. CSV and JSON hold full precision and shares from 0 to 1.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import asdict

from unswayed.formatting import format_number, format_p, measure_info
from unswayed.metrics.compare import Comparison, ConditionComparison, MeasureComparison
from unswayed.metrics.summary import Estimate
from unswayed.report.tables import csv_text, estimate_words, exact, latex_table, markdown_table

_COUNTS = ("only_first", "only_second", "unscored", "other_cue", "other_wording")


def compare_rows(comparison: Comparison, intervals: bool = True) -> tuple[list[str], list[list[str]]]:
    """Head and lines of the rounded table. A condition without pairs has one line without numbers.

    Without `intervals` only the differences have one.
    """
    head = [
        "condition",
        "measure",
        "pairs",
        *comparison.titles,
        "difference",
        "p",
        "p (Holm)",
    ]
    lines = []
    for row in comparison.rows:
        if not row.measures:
            lines.append([row.condition, "—", "0", *["—"] * 5])
        for name, m in row.measures.items():
            info = measure_info(name)
            form = "points" if info.format == "percent" else info.format
            unit = " (points)" if info.format == "points" else " (nats)" if info.unit == "nats" else ""
            words = estimate_words if intervals else _value
            values = [words(e, info.format) for e in (m.first, m.second)]
            p_values = [format_p(m.p_value), format_p(m.p_holm)]
            difference = estimate_words(m.difference, form)
            lines.append(
                [row.condition, info.title + unit, str(m.difference.n), *values, difference, *p_values]
            )
    return head, lines


def compare_markdown(comparison: Comparison) -> str:
    """The rounded table in GitHub's Markdown."""
    return markdown_table(*compare_rows(comparison))


def compare_latex(comparison: Comparison) -> str:
    """The rounded table for the `booktabs` package."""
    return latex_table(*compare_rows(comparison))


def compare_csv(comparison: Comparison) -> str:
    """One line per condition and measure, numbers at full precision; an empty cell means "not known"."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    parts = [side + part for side in ("first", "second", "difference") for part in ("", "_low", "_high")]
    writer.writerow(
        [
            *("first_model", "second_model", "condition", "measure", "n"),
            *(*parts, "p_value", "p_holm", *_COUNTS, "first_format", "second_format"),
        ]
    )
    formats = [csv_text(text) for text in (comparison.first_format, comparison.second_format)]
    for row, name, m in _each(comparison):
        sides = (m.first, m.second, m.difference) if m else (Estimate(None),) * 3
        numbers = [exact(x) for e in sides for x in (e.value, e.low, e.high)]
        p_values = [exact(m.p_value), exact(m.p_holm)] if m else ["", ""]
        names = [csv_text(text) for text in (comparison.first, comparison.second, row.condition, name)]
        writer.writerow(
            [*names, sides[2].n, *numbers, *p_values, *(getattr(row, count) for count in _COUNTS), *formats]
        )
    return out.getvalue()


def compare_json(comparison: Comparison) -> str:
    """The whole comparison as JSON: the fields of `metrics.Comparison`."""
    return json.dumps(asdict(comparison), indent=2, allow_nan=False) + "\n"


def _value(e: Estimate, form: str) -> str:
    return format_number(e.value, form)


def _each(comparison: Comparison) -> Iterator[tuple[ConditionComparison, str, MeasureComparison | None]]:
    for row in comparison.rows:
        if not row.measures:
            yield row, "", None
        for name, m in row.measures.items():
            yield row, name, m
