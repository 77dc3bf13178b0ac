"""The tables of a study's page: arms at the last common audit, their change, and each against the reference
arm."""

from __future__ import annotations

from typing import Any

from unswayed.formatting import clip, format_p
from unswayed.metrics.paired import BASE
from unswayed.metrics.stats import holm
from unswayed.metrics.training.catalogue import study_measure_info
from unswayed.metrics.training.claims import GRPO
from unswayed.metrics.training.series import ALL_CONDITIONS, ROBUST, StudySeries
from unswayed.metrics.training.trajectories import Effect, arm_difference, fitted_change, value_at
from unswayed.report.html_tables import Cell, estimate_cell, table, text_cell
from unswayed.report.study.charts import within_range

_OVERVIEW = (
    ("accuracy", BASE),
    ("accuracy", "wrong-caption"),
    ("accuracy", "wrong-think"),
    (ROBUST, ALL_CONDITIONS),
    ("consistency", BASE),
    ("letter_entropy", BASE),
    ("thought_length", BASE),
)
_COMPARED = ("accuracy", ROBUST, "faithful_accuracy", "consistency", "cue_following", "letter_entropy")


def reference_arm(study: StudySeries) -> str:
    """The arm that the others are compared with: `grpo`, or the first."""
    return GRPO if GRPO in study.arms else study.arms[0]


def value_of(study: StudySeries, arm: str, name: str, condition: str, step: int) -> Effect | None:
    """A measure of an arm at one step."""
    series = study.find(arm, name, condition)
    return None if series is None else value_at(series, step, study.bootstrap)


def change_of(study: StudySeries, arm: str, name: str, condition: str = BASE) -> Effect | None:
    """The change of a measure of an arm from its first audit to its last, by the fitted line."""
    series = study.find(arm, name, condition)
    return None if series is None else fitted_change(series, study.bootstrap)


def arm_tables(study: StudySeries) -> list[dict[str, Any]]:
    """The arms side by side at the last step that all runs have, and each against the reference arm."""
    steps = study.common()
    if not steps:
        return []
    shown = [key for key in _OVERVIEW if any(study.find(arm, *key) for arm in study.arms)]
    heads = [("arm", ""), *((_title(name, c), study_measure_info(name).meaning) for name, c in shown)]
    values = [
        (clip(arm, 60), [_value_cell(study, arm, *key, steps[-1]) for key in shown]) for arm in study.arms
    ]
    changes = [
        (clip(arm, 60), [_effect_cell(change_of(study, arm, *key), _signed(key[0])) for key in shown])
        for arm in study.arms
    ]
    note = "Means over seeds; intervals over questions and seeds."
    result = [table(f"At step {steps[-1]:,}", heads, values, note)]
    note = "By the line fitted to all audits; shares in points."
    result.append(table("Change from the first audit to the last", heads, changes, note))
    if len(study.arms) > 1:
        result += [t for name in _COMPARED if (t := _difference_table(study, name, steps[-1]))]
    return result


def _difference_table(study: StudySeries, name: str, step: int) -> dict[str, Any] | None:
    """Every other arm minus the reference by condition, with Holm's correction over the whole table."""
    reference = reference_arm(study)
    others = [arm for arm in study.arms if arm != reference]
    conditions = [c for c in (*study.conditions, ALL_CONDITIONS) if study.find(reference, name, c)]
    effects: dict[tuple[str, str], Effect] = {}
    for condition in conditions:
        second = study.find(reference, name, condition)
        for arm in others:
            first = study.find(arm, name, condition)
            effect = arm_difference(first, second, step, study.bootstrap) if first and second else None
            if effect is not None:
                effects[condition, arm] = effect
    if not effects:
        return None
    adjusted = dict(zip(effects, holm([e.p for e in effects.values()]), strict=True))
    lines = []
    for condition in conditions:
        cells = [_value_cell(study, reference, name, condition, step)]
        for arm in others:
            cell = _effect_cell(effects.get((condition, arm)), _signed(name))
            p = adjusted.get((condition, arm))
            below = f"{cell['below']} · p {format_p(p)}" if p is not None else cell["below"]
            cells.append(text_cell(cell["value"], below))
        lines.append(("all conditions" if condition == ALL_CONDITIONS else condition, cells))
    heads = [("condition", ""), (clip(reference, 40), "value of the reference arm")]
    heads += [(f"{clip(arm, 40)} minus {clip(reference, 40)}", "paired by question") for arm in others]
    info = study_measure_info(name)
    note = (
        f"{info.meaning[:1].upper()}{info.meaning[1:]}. Differences are paired by question; the seeds of "
        "the arms are independent; p after Holm's correction over the whole table."
    )
    return table(f"{info.title} against {clip(reference, 40)}", heads, lines, note, name != "accuracy")


def _title(name: str, condition: str) -> str:
    return study_measure_info(name).title + ("" if condition == ALL_CONDITIONS else f", {condition}")


def _effect_cell(effect: Effect | None, form: str) -> Cell:
    return text_cell("—") if effect is None else estimate_cell(effect.estimate, form)


def _value_cell(study: StudySeries, arm: str, name: str, condition: str, step: int) -> Cell:
    effect = value_of(study, arm, name, condition, step)
    if effect is None:
        return text_cell("—")
    return estimate_cell(within_range(effect.estimate, name), study_measure_info(name).format)


def _signed(name: str) -> str:
    return "points" if study_measure_info(name).format == "percent" else "number"
