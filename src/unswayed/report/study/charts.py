"""The figures of a study's page: paths through accuracy and consistency, and measures over training steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from unswayed.errors import BadInput
from unswayed.metrics.paired import BASE, WRONG_CUES
from unswayed.metrics.summary import Estimate
from unswayed.metrics.training.catalogue import study_measure_info
from unswayed.metrics.training.series import ALL_CONDITIONS, ROBUST, StudySeries
from unswayed.metrics.training.trajectories import Series, value_at
from unswayed.report.study.figures import (
    ArmLine,
    ArmPath,
    LineChart,
    arm_class,
    legend,
    line_charts,
    plane_charts,
)

_GROUPS = (
    ("Answers", ("accuracy", ROBUST, "faithful_accuracy", "cue_following", "image_reliance")),
    (
        "Thoughts and answers",
        (
            *("consistency", "concludes", "concludes_elsewhere", "revises", "flips", "acknowledges"),
            *("reader_agreement", "masked_gain"),
            *("true_statements", "conclusion_follows", "misquotes_caption"),
        ),
    ),
    ("Confidence", ("letter_entropy", "p_correct", "letters_outside")),
    (
        "Thought health",
        (
            *("thought_length", "template_share", "duplicate_thoughts", "empty_thoughts", "truncated"),
            *("health_distinct_2", "health_gzip_ratio", "thought_entropy", "answer_entropy"),
        ),
    ),
    ("Training", ("kl_start", "dead_groups", "reward", "total", "format", "correct", "consistent")),
)
"""Groups of measures in the order of the page; further training metrics follow in the last group."""
_OPEN = ("accuracy", ROBUST, "consistency", "letter_entropy", "thought_length", "template_share", "kl_start")
_HIDDEN = ("tokens", "readable", "judged_share", "brier")


def trajectories(study: StudySeries) -> dict[str, Any] | None:
    """Accuracy against consistency from the first audit to the last, under base and over the wrong cues."""
    charts = []
    cues = [c for c in study.conditions if c in WRONG_CUES]
    for title, conditions in (("base", [BASE]), ("wrong cues, mean", cues)):
        paths = [
            path for i, arm in enumerate(study.arms) if (path := _path(study, arm, arm_class(i), conditions))
        ]
        if paths:
            charts.append((title, paths))
    if not charts:
        return None
    return {
        "id": "trajectories",
        "title": "Accuracy against consistency",
        "svg": plane_charts("Accuracy against consistency", charts, "accuracy", "consistency"),
        "caption": "The path of each arm from its first audit (ring) to its last (dot), as the mean over "
        "its seeds; thin lines are single seeds.",
        "legend": legend(study.arms),
    }


def _path(study: StudySeries, arm: str, style: str, conditions: Sequence[str]) -> ArmPath | None:
    by_measure = []
    for name in ("accuracy", "consistency"):
        series = [s for c in conditions if (s := study.find(arm, name, c)) is not None]
        if not conditions or len(series) < len(conditions):
            return None
        by_measure.append(series)
    steps = sorted(
        set.intersection(*(set(s.steps[s.complete].tolist()) for many in by_measure for s in many))
    )
    if len(steps) < 2:
        return None
    x, y = (np.mean([s.values[:, np.isin(s.steps, steps)] for s in many], axis=0) for many in by_measure)
    seeds = [list(zip(a.tolist(), b.tolist(), strict=True)) for a, b in zip(x, y, strict=True)]
    mean = list(zip(x.mean(axis=0).tolist(), y.mean(axis=0).tolist(), strict=True))
    return ArmPath(arm, style, steps, mean, seeds)


def figure_groups(study: StudySeries) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """(heading, figures) of every measure over steps; the most important figures are open, the others
    folded."""
    present = {name for _, name, _ in study.series}
    placed = {name for _, names in _GROUPS for name in names}
    more = sorted({m for _, m, _ in study.series if m not in placed and _by_seed_only(study, m)} - {*_HIDDEN})
    for heading, names in _GROUPS:
        shown = [name for name in names if name in present]
        shown += more if heading == _GROUPS[-1][0] else []
        if shown:
            yield heading, [measure_figure(study, name) for name in shown]


def _by_seed_only(study: StudySeries, name: str) -> bool:
    """Whether the measure has no values by question."""
    return any(s.total.shape[2] == 1 for (_, m, _), s in study.series.items() if m == name)


def measure_figure(study: StudySeries, name: str) -> dict[str, Any]:
    """One measure over steps, one chart per condition. Raises `BadInput` for a measure that the study
    lacks."""
    present = sorted({m for _, m, _ in study.series})
    if name not in present:
        raise BadInput(f"the records have no measure {name!r}; there are: {', '.join(present)}")
    info = study_measure_info(name)
    other = sorted({c for _, m, c in study.series if m == name} - {*study.conditions})
    charts = []
    for condition in (*study.conditions, *other):
        lines = [
            _line(study, series, name, arm_class(i))
            for i, arm in enumerate(study.arms)
            if (series := study.find(arm, name, condition)) is not None
        ]
        if lines:
            charts.append(LineChart("" if condition == ALL_CONDITIONS else condition, lines))
    unit = "" if info.format == "percent" else f" Unit: {info.unit}."
    return {
        "id": name,
        "title": info.title,
        "svg": line_charts(info.title, charts, info.format),
        "caption": f"{info.meaning[:1].upper()}{info.meaning[1:]}, over steps.{unit}",
        "legend": legend(study.arms) if len(study.arms) > 1 else (),
        "open": name in _OPEN,
    }


def _line(study: StudySeries, series: Series, name: str, style: str) -> ArmLine:
    effects = [value_at(series, int(step), study.bootstrap) for step in series.steps]
    mean = [Estimate(None) if e is None else within_range(e.estimate, name) for e in effects]
    values = [[None if v != v else float(v) for v in row] for row in series.values]
    seeds = list(zip(series.seeds, values, strict=True))
    return ArmLine(series.arm, style, series.steps.tolist(), mean, seeds)


def within_range(e: Estimate, name: str) -> Estimate:
    """The estimate with its interval cut to 0 to 1 where the measure is a share."""
    if e.low is None or e.high is None or study_measure_info(name).format != "percent":
        return e
    return Estimate(e.value, max(0.0, e.low), min(1.0, e.high), e.n)
