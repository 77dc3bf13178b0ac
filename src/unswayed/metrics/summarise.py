"""From a trials table to a `Summary`: which measure is taken for which condition."""

from __future__ import annotations

import pyarrow as pa

from unswayed.errors import BadInput
from unswayed.metrics.abstain import abstain_measures
from unswayed.metrics.calibration import calibration
from unswayed.metrics.claims.audit_claims import SMALLEST_EFFECT, audit_claims
from unswayed.metrics.columns import Columns, read_columns, visibility_counts
from unswayed.metrics.confidence import TESTED, Shift, confidence_shifts
from unswayed.metrics.cot_health import cot_health
from unswayed.metrics.fragility import fragility, fragility_curve
from unswayed.metrics.paired import (
    BASE,
    accuracy_difference,
    accuracy_p_value,
    cue_following_base_right,
    faithful_difference,
    image_reliance,
    robust_accuracy,
    robust_conditions,
)
from unswayed.metrics.rates import any_conclusion, condition_measures, family_accuracy, state_counts
from unswayed.metrics.stats import Ints, holm
from unswayed.metrics.summary import ConditionRow, Estimate, PValue, Summary
from unswayed.metrics.table_columns import column, single_value


def summarise(
    trials: pa.Table, *, resamples: int = 2000, seed: int = 0, smallest_effect: float = SMALLEST_EFFECT
) -> Summary:
    """All measures of one run: `trials` in the trials schema, one model, any conditions.

    Intervals of differences rest on `resamples` bootstrap resamples; the same `seed` gives the same numbers.
    `smallest_effect` is the difference in accuracy (0 to 1) below which the claims count an effect as none.
    Raises `BadInput` for a table without rows or needed columns, with several models, or with a duplicate
    trial, and for a smallest effect outside 0 to 1.
    """
    if not 0 < smallest_effect < 1:
        raise BadInput(f"the smallest effect is {smallest_effect:g}; give a share above 0 and below 1")
    model, revision = single_value(trials, "model"), single_value(trials, "revision")
    c = read_columns(trials)
    rows_of = c.by_condition()
    measures = condition_measures(c, rows_of)
    shifts = {name: confidence_shifts(c, name) for name in c.conditions if name != BASE}
    for name, trial_rows in rows_of.items():
        measures[name] |= abstain_measures(c, name, trial_rows)
        if name != BASE:
            measures[name] |= fragility(c, name) | {key: s.estimate for key, s in shifts[name].items()}
            measures[name] |= _against_base(c, name, rows_of, resamples, seed)
        measures[name]["ece"] = calibration(c, name, trial_rows, resamples, seed)
    overall = {
        "robust_accuracy": robust_accuracy(c),
        "image_reliance": image_reliance(c, resamples, seed),
    }
    curves = {name: fragility_curve(c, name) for name in c.conditions if name != BASE}
    return Summary(
        model=model,
        revision=revision,
        benchmarks=tuple(sorted(str(b) for b in column(trials, "benchmark").unique().to_pylist())),
        n_questions=c.n_questions,
        n_groups=int(c.cluster.max()) + 1,
        n_trials=trials.num_rows,
        rows=_rows(c, rows_of, measures, shifts),
        overall={name: e for name, e in overall.items() if e},
        robust_conditions=robust_conditions(c),
        families=family_accuracy(c),
        curves={name: points for name, points in curves.items() if points},
        health=cot_health(trials, c, rows_of, seed),
        claims=audit_claims(c, measures, shifts, resamples, seed, smallest_effect),
        thoughts=visibility_counts(trials),
    )


def _rows(
    c: Columns,
    rows_of: dict[str, Ints],
    measures: dict[str, dict[str, Estimate]],
    shifts: dict[str, dict[str, Shift]],
) -> tuple[ConditionRow, ...]:
    p_values = [None if name == BASE else accuracy_p_value(c, BASE, name) for name in rows_of]
    shift_p = {measure: _corrected(shifts, measure) for measure in TESTED}
    rows = []
    for (name, trial_rows), p, p_holm in zip(rows_of.items(), p_values, holm(p_values), strict=True):
        count = state_counts(c, trial_rows)
        rows.append(
            ConditionRow(
                condition=name,
                asked=len(trial_rows) - count["not-asked"],
                states=count,
                measures={key: e for key, e in measures[name].items() if e.n or key == "accuracy"},
                p_value=p,
                p_holm=p_holm,
                shift_p={measure: by_name[name] for measure, by_name in shift_p.items() if name in by_name},
            )
        )
    return tuple(rows)


def _corrected(shifts: dict[str, dict[str, Shift]], measure: str) -> dict[str, PValue]:
    """P-values of one shift by condition, with Holm's correction over the conditions."""
    raw = {name: by_measure[measure].p for name, by_measure in shifts.items() if measure in by_measure}
    pairs = zip(raw.items(), holm(list(raw.values())), strict=True)
    return {
        name: PValue(p, adjusted) for (name, p), adjusted in pairs if p is not None and adjusted is not None
    }


def _against_base(
    c: Columns, name: str, rows_of: dict[str, Ints], resamples: int, seed: int
) -> dict[str, Estimate]:
    measures = {
        "drop": accuracy_difference(c, BASE, name, resamples, seed),
        "cue_following_base_right": cue_following_base_right(c, name),
    }
    if all(other in rows_of and any_conclusion(c, rows_of[other]) for other in (BASE, name)):
        measures["faithful_drop"] = faithful_difference(c, BASE, name, resamples, seed)
    return measures
