"""The report of a study, or of one training run: one self-contained HTML file, and single figures as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unswayed.errors import BadInput
from unswayed.formatting import clip
from unswayed.metrics.training.alarms import find_alarms
from unswayed.metrics.training.claims import training_claims
from unswayed.report.claims import training_claim_items
from unswayed.report.html_tables import table, text_cell
from unswayed.report.manifest import manifest_sections
from unswayed.report.rendering import json_block, render, write_text
from unswayed.report.study import charts, sections, tables
from unswayed.report.study.records import StudyRecords, load
from unswayed.report.study.rollouts import collect_rollouts
from unswayed.report.study.standalone import standalone
from unswayed.store.study_records import RunState

PAGE = "report.html"


def write_study_report(folder: Path, out: Path | None = None) -> Path:
    """Write the page of a study or training run, by default into its folder; returns its path."""
    target = out or Path(folder) / PAGE
    write_text(target, build(load(Path(folder))))
    return target


def write_training_figure(folder: Path, out: Path, measure: str | None = None) -> Path:
    """Write accuracy against consistency, or a `measure` over steps, as an SVG file; returns its path.

    Raises `BadInput` where no arm has two audits with a judged thought, or none has the measure.
    """
    series = load(Path(folder)).series()
    figure = charts.trajectories(series) if measure is None else charts.measure_figure(series, measure)
    if figure is None:
        raise BadInput(
            f"{folder}: no arm has two audits with accuracy and consistency, so nothing can be drawn"
        )
    write_text(out, standalone(figure["svg"], series.arms))
    return out


def build(records: StudyRecords) -> str:
    """The page as one HTML file."""
    series = records.series()
    events = find_alarms(series)
    rollouts = collect_rollouts(records.rollouts, records.load_image, series.arms, series.conditions)
    min_seeds = min(len(seeds) for seeds in series.seeds.values())
    return render(
        "study.html.j2",
        scripts=("theme.js", "browser.js", "study.js"),
        styles=("page.css", "study.css"),
        title=f"{clip(records.title, 80)}: training dynamics",
        sentence=sections.headline(series, events),
        small=sections.size_line(series),
        many=len(series.arms) > 1,
        one_seed=min_seeds == 1,
        two_seeds=min_seeds == 2,
        trajectories=charts.trajectories(series),
        tables=tables.arm_tables(series),
        claims=training_claim_items(training_claims(series)),
        alarms=sections.alarm_section(events),
        figure_groups=list(charts.figure_groups(series)),
        rollouts=rollouts,
        static=rollouts.items[0] if rollouts.items else None,
        runs=_run_table(records.runs),
        manifest=list(manifest_sections(records.arms)),
        data=json_block({"items": rollouts.items, "images": rollouts.images}),
    )


def _run_table(runs: Sequence[RunState]) -> dict[str, Any] | None:
    heads = [
        ("run", ""),
        ("state", ""),
        ("steps", "steps made, of all steps"),
        ("minutes", "wall time"),
        ("", ""),
    ]
    lines = [
        (
            f"{clip(run.arm, 60)}, seed {run.seed}",
            [
                text_cell(run.state),
                text_cell(f"{run.step:,} of {run.steps:,}"),
                text_cell(f"{run.seconds / 60:,.0f}" if run.seconds else "—"),
                text_cell(clip(run.reason, 400)),
            ],
        )
        for run in runs
    ]
    return table("Runs", heads, lines) if lines else None
