"""The report of a run: one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from unswayed.conditions import condition
from unswayed.errors import BadInput
from unswayed.formatting import clip, format_p
from unswayed.metrics.columns import CONCLUDED_WORDS
from unswayed.metrics.image_use import ImageUse
from unswayed.metrics.judges.results import JudgeReport
from unswayed.metrics.summary import Summary
from unswayed.metrics.thought_use import ThoughtUse
from unswayed.report import judges, sections
from unswayed.report.charts.svg import condition_class
from unswayed.report.claims import claim_items
from unswayed.report.examples import OUTCOMES, ImageLoader, collect_examples
from unswayed.report.figure_sections import figure_sections
from unswayed.report.headline import endpoint_notes, headline, key_figures, robust_note, thought_note
from unswayed.report.image_use.section import image_use_section
from unswayed.report.image_use.triptychs import collect_triptychs
from unswayed.report.manifest import format_name, manifest_sections
from unswayed.report.rendering import json_block, render
from unswayed.report.thought_use.section import thought_use_section
from unswayed.trial import SCHEMA

STATIC_EXAMPLES = 6
"""Examples shown where scripts are disabled."""


def build(
    summary: Summary,
    trials: pa.Table,
    manifest: Mapping[str, Any],
    load_image: ImageLoader,
    *,
    title: str | None = None,
    judge_report: JudgeReport | None = None,
    thought_use: ThoughtUse | None = None,
    image_use: ImageUse | None = None,
    probe_trials: pa.Table | None = None,
) -> str:
    """The report as one HTML file of at most about 6 MB.

    `trials` has the columns of `trial.SCHEMA` (`concluded_words` may be missing, as in runs of older
    versions); `manifest` is any JSON object and is shown as it is; `load_image` returns an image file's bytes
    for its SHA-256, or None; `judge_report` is given if the run was judged again or checked by a person,
    `thought_use`, `image_use` and the table `probe_trials` if it was probed.
    Raises `BadInput` where the table lacks a column.
    """
    missing = set(SCHEMA.names) - set(trials.column_names) - {CONCLUDED_WORDS}
    if missing:
        raise BadInput(
            f"the trials table lacks the column(s) {', '.join(sorted(missing))}; see docs/trials.md"
        )
    triptychs = (
        collect_triptychs(image_use, trials, probe_trials, load_image)
        if image_use is not None and probe_trials is not None
        else []
    )
    examples = collect_examples(trials, load_image, [row.condition for row in summary.rows])
    return render(
        "page.html.j2",
        scripts=("theme.js", "browser.js", "page.js"),
        styles=("page.css",),
        title=title or f"{clip(summary.model, 80)}: robustness and reasoning consistency",
        summary=summary,
        sentence=headline(summary),
        prompt_format=format_name(manifest),
        key_figures=key_figures(summary),
        robust_note=" ".join(
            note for note in (robust_note(summary), thought_note(summary), *endpoint_notes(manifest)) if note
        ),
        claims=claim_items(summary.claims),
        groups=list(sections.measure_tables(summary)),
        figures=list(figure_sections(summary, trials)),
        families=sections.family_table(summary),
        health=sections.health_table(summary),
        judging=None if judge_report is None else judges.judge_section(judge_report),
        thought_use=None if thought_use is None else thought_use_section(thought_use),
        image_use=None if image_use is None else image_use_section(image_use, triptychs),
        p_text=format_p,
        examples=examples,
        static=examples.trials[:STATIC_EXAMPLES],
        present=_filter_values(examples.trials),
        outcomes=OUTCOMES,
        states=list(dict.fromkeys(state for row in summary.rows for state in row.states)),
        summaries={row.condition: _condition_summary(row.condition) for row in summary.rows},
        kinds={row.condition: condition_class(row.condition) for row in summary.rows},
        manifest=list(manifest_sections(manifest)),
        data=json_block({"trials": examples.trials, "images": examples.images, "outcomes": OUTCOMES}),
    )


def _condition_summary(name: str) -> str:
    try:
        return condition(name).summary
    except BadInput:  # a condition that this version does not know
        return ""


def _filter_values(trials: tuple[dict[str, Any], ...]) -> dict[str, list[str]]:
    """The values of each filter, in the order of the page."""
    return {
        "condition": list(dict.fromkeys(t["condition"] for t in trials)),
        "outcome": [name for name in OUTCOMES if any(name in t["outcomes"] for t in trials)],
        "family": sorted({t["family"] for t in trials}),
    }
