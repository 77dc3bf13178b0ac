"""The page of a suite: one self-contained HTML file."""

from __future__ import annotations

from pathlib import Path

from unswayed.formatting import clip
from unswayed.report.claims import claim_items
from unswayed.report.manifest import manifest_sections
from unswayed.report.rendering import json_block, render
from unswayed.report.suite import sections
from unswayed.report.suite.examples import PATTERNS, collect_suite_examples
from unswayed.report.suite.figures import figures
from unswayed.report.suite.matrix import matrix_section
from unswayed.report.suite.published import published_table
from unswayed.suite.collect import Collected

PAGE = "report.html"


def page_path(folder: Path) -> Path:
    """Where the page of a suite lies by default."""
    return folder / PAGE


def build(collected: Collected) -> str:
    """The page as one HTML file of at most about 6 MB."""
    results = collected.results
    examples = collect_suite_examples(collected)
    items = examples.trials
    return render(
        "suite.html.j2",
        scripts=("theme.js", "matrix.js", "browser.js", "suite.js"),
        styles=("page.css", "study.css", "suite.css"),
        title=f"{clip(results.title, 80)}: robustness and consistency of {len(results.models)} models",
        sentence=sections.headline(results),
        results=results,
        key_figures=sections.key_figures(results),
        matrix=matrix_section(results),
        figures=list(figures(results)),
        pairs=sections.pair_section(results),
        claims=claim_items(results.claims),
        shifts=sections.shift_table(results),
        fragility=sections.fragility_table(results),
        ranks=sections.rank_table(results),
        orders=sections.order_table(results),
        scores=sections.score_table(results),
        published=published_table(results),
        models=sections.model_table(results),
        runs=sections.run_table(results),
        stops=sections.stop_table(results),
        warnings=collected.warnings,
        examples=examples,
        static=items[:3],
        patterns=PATTERNS,
        present={
            "benchmark": sorted({item["benchmark"] for item in items}),
            "condition": [c for c in results.conditions if any(item["condition"] == c for item in items)],
            "pattern": [name for name in PATTERNS if any(item["pattern"] == name for item in items)],
            "wrong": [m.name for m in results.models],
        },
        manifest=list(manifest_sections(collected.about)),
        data=json_block({"items": items, "images": examples.images, "patterns": PATTERNS}),
    )
