"""Several suites on one page, from their results files alone; nothing of them is trusted but checked numbers.

Models of different suites are only comparable on the same benchmark, in the same version and under the same
condition, so the page has one table for each benchmark, with the version and number of questions of each row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from unswayed.formatting import clip, format_interval, format_number, measure_info, visible
from unswayed.metrics.paired import BASE
from unswayed.metrics.summary import Estimate
from unswayed.report.rendering import render
from unswayed.suite.results import BenchmarkEntry, CellResult, ModelEntry, Results

COLUMNS = (
    ("accuracy", BASE),
    ("consistency", BASE),
    ("faithful_accuracy", BASE),
    ("drop", "wrong-caption"),
    ("faithful_accuracy", "wrong-caption"),
    ("drop", "wrong-think"),
    ("faithful_accuracy", "wrong-think"),
    ("drop", "wrong-think-quoted"),
)
"""(measure, condition) of each column."""


@dataclass(frozen=True)
class _Row:
    suite: str
    model: ModelEntry
    benchmark: BenchmarkEntry
    cells: dict[str, CellResult]


def build_leaderboard(sources: Sequence[tuple[str, Results]], title: str = "Leaderboard") -> str:
    """The page of several suites, each with the name under which it was given."""
    rows = [row for name, results in sources for row in _rows(name, results)]
    benchmarks = list(dict.fromkeys(row.benchmark.benchmark for row in rows))
    return render(
        "leaderboard.html.j2",
        scripts=("theme.js", "sort.js"),
        styles=("page.css", "study.css", "suite.css"),
        title=title,
        sentence=f"{len(rows)} results of {len(sources)} suite{'' if len(sources) == 1 else 's'} "
        f"on {len(benchmarks)} benchmark{'' if len(benchmarks) == 1 else 's'}.",
        heads=[(measure_info(m).title, c, measure_info(m)) for m, c in COLUMNS],
        boards=[_board(name, [r for r in rows if r.benchmark.benchmark == name]) for name in benchmarks],
        suites=[_suite(name, results) for name, results in sources],
    )


def _rows(suite: str, results: Results) -> Iterator[_Row]:
    for model in results.models:
        for benchmark in results.benchmarks:
            cells = {
                c.condition: c
                for c in results.cells
                if (c.model, c.benchmark) == (model.name, benchmark.name) and c.asked
            }
            if cells:
                yield _Row(suite, model, benchmark, cells)


def _board(name: str, rows: list[_Row]) -> dict[str, Any]:
    """One benchmark: its rows, those with the highest base accuracy first."""
    versions = list(dict.fromkeys(row.benchmark.version for row in rows))

    def order(row: _Row) -> tuple[float, str]:
        e = _estimate(row, "accuracy", BASE)
        return (-e.value if e and e.value is not None else 1.0, row.model.name)

    return {
        "name": clip(name, 80),
        "versions": len(versions),
        "lines": [_line(row, versions) for row in sorted(rows, key=order)],
    }


def _line(row: _Row, versions: list[str]) -> dict[str, Any]:
    number = versions.index(row.benchmark.version) + 1
    about = [clip(row.model.model, 60), row.model.weights]
    about += [f"{row.model.size:g} B"] if row.model.size else []
    about += [f"format {clip(row.model.format, 40)}"] if row.model.format != "common" else []
    return {
        "model": clip(row.model.name, 60),
        "about": " · ".join(about),
        "suite": clip(row.suite, 60),
        "questions": row.benchmark.questions,
        "version": f"v{number}" if len(versions) > 1 else "",
        "cells": [_cell(_estimate(row, measure, condition), measure) for measure, condition in COLUMNS],
    }


def _estimate(row: _Row, measure: str, condition: str) -> Estimate | None:
    cell = row.cells.get(condition)
    return cell.measures.get(measure) if cell else None


def _cell(e: Estimate | None, measure: str) -> dict[str, str]:
    form = measure_info(measure).format
    if e is None or e.value is None:
        return {"value": "—", "below": "", "key": ""}
    return {
        "value": format_number(e.value, form).removesuffix(" %"),
        "below": format_interval(e, form),
        "key": repr(e.value),
    }


def _suite(name: str, results: Results) -> dict[str, Any]:
    return {
        "name": clip(name, 80),
        "title": clip(results.title, 120),
        "models": len(results.models),
        "judges": ", ".join(clip(visible(judge), 60) for judge in results.judges[:6]),
        "date": clip(results.date, 20),
        "made_with": clip(results.made_with, 20),
    }
