"""Numbers that the paper published, shown beside measured ones as reference; they enter no computation.

Source: table 1 of arXiv 2602.12506 as quoted in public notes on the paper (the table itself was not at hand):
base accuracy in %, under prompts that are not known exactly, without intervals.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from unswayed.formats.registry import model_name
from unswayed.report.html_tables import estimate_cell, table, text_cell
from unswayed.report.suite.tables import matrix
from unswayed.suite.results import ModelEntry, Results

SOURCE = (
    "Published: base accuracy in table 1 of arXiv 2602.12506, as quoted in public notes on the paper. Its "
    "exact prompts and sample are not known, so a difference is no error of either side. Nothing else on "
    "this page uses these numbers."
)
_BENCHMARKS = ("3dsrbench", "cvbench")
PUBLISHED: dict[str, tuple[float, float]] = {
    "Qwen/Qwen2.5-VL-7B-Instruct": (55.25, 78.60),
    "RUBBISHLIKE/SpaceR": (56.66, 78.12),
    "Video-R1/Video-R1-7B": (56.56, 72.68),
    "Osilly/Vision-R1-7B": (54.22, 73.84),
    "UCSC-VLAA/VLAA-Thinker-Qwen2.5VL-7B": (57.59, 77.01),
    "gsarch/ViGoRL-7b-Spatial": (53.27, 82.29),
}
"""Hub id -> base accuracy in % on 3DSRBench and CV-Bench."""


def published_table(results: Results) -> dict[str, Any] | None:
    """Published and measured base accuracy side by side; None where the suite has none of these models."""
    lines = []
    for model, benchmark, name, value in _matches(results):
        measured = matrix(results, "accuracy", benchmark).get((model.name, "base"))
        cells = [
            text_cell(name),
            text_cell(f"{value:.2f} %"),
            estimate_cell(measured) if measured else text_cell("—"),
            text_cell(f"{measured.n:,}" if measured else "—"),
        ]
        lines.append((model.name, cells))
    heads = [
        ("model", ""),
        ("benchmark", ""),
        ("published", "base accuracy, as the paper states it"),
        ("measured", "accuracy under base in this suite"),
        ("n", "trials measured"),
    ]
    return table("Published and measured accuracy under base", heads, lines, SOURCE) if lines else None


def _matches(results: Results) -> Iterator[tuple[ModelEntry, str, str, float]]:
    for model in results.models:
        for benchmark in results.benchmarks:
            values = PUBLISHED.get(model_name(model.model))
            if values and benchmark.benchmark in _BENCHMARKS:
                yield (
                    model,
                    benchmark.name,
                    benchmark.benchmark,
                    values[_BENCHMARKS.index(benchmark.benchmark)],
                )
