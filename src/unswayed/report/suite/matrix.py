"""The matrix of a suite's page: models by conditions, one heat table for each measure and benchmark."""

from __future__ import annotations

from typing import Any

from unswayed.formatting import format_interval, format_number, format_p, measure_info
from unswayed.metrics.summary import Estimate
from unswayed.report.charts.svg import condition_class
from unswayed.report.suite.tables import ALL, MATRIX, benchmarks, matrix
from unswayed.suite.results import Results


def matrix_section(results: Results) -> dict[str, Any]:
    """Measures, benchmarks, and a table for each pair of them; the first is shown at first."""
    names = benchmarks(results)
    p_values = {(c.model, c.benchmark, c.condition): c.p_holm for c in results.cells}
    tables = []
    for measure in MATRIX:
        for benchmark in names:
            cells = matrix(results, measure, benchmark)
            columns = [c for c in results.conditions if any((m.name, c) in cells for m in results.models)]
            if not columns:
                continue
            lines = []
            for model in results.models:
                line = []
                for condition in columns:
                    p = p_values.get((model.name, benchmark, condition)) if measure == "drop" else None
                    line.append(_cell(cells.get((model.name, condition)), measure, p))
                lines.append((model.name, line))
            tables.append(
                {
                    "measure": measure,
                    "benchmark": benchmark,
                    "title": f"{measure_info(measure).title}, {benchmark or ALL}",
                    "columns": [(c, condition_class(c)) for c in columns],
                    "lines": lines,
                }
            )
    present = {t["measure"] for t in tables}
    return {
        "measures": [(m, measure_info(m)) for m in MATRIX if m in present],
        "benchmarks": [(b, b or ALL) for b in names],
        "tables": tables,
    }


def _cell(e: Estimate | None, measure: str, p: float | None) -> dict[str, str]:
    if e is None or e.value is None:
        return {
            "value": "—",
            "below": "",
            "heat": "0",
            "sign": "none",
            "tip": "not asked, or nothing to count",
        }
    form = measure_info(measure).format
    interval = format_interval(e, form)
    tip = f"{format_number(e.value, form)}{f', 95 % interval {interval}' if interval else ''}, n {e.n:,}"
    if p is not None:
        tip += f", p after Holm's correction over the conditions {format_p(p)}"
    value = format_number(e.value, form).removesuffix(" %")
    sign = "loss" if form == "points" and e.value > 0 else "gain"
    return {
        "value": value,
        "below": interval,
        "heat": f"{min(1.0, abs(e.value)):.3f}",
        "sign": sign,
        "tip": tip,
    }
