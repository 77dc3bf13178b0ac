"""From a trials table to a `Summary`: which measure is taken for which condition."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from unswayed.metrics import cot_health, paired
from unswayed.metrics import fragility as sureness
from unswayed.metrics.calibration import calibration
from unswayed.metrics.claims import claims
from unswayed.metrics.columns import (
    Columns,
    column,
    read,
    the_only,
)
from unswayed.metrics.rates import (
    family_accuracy,
    has_conclusions,
    own_measures,
    states,
)
from unswayed.metrics.stats import Ints, holm
from unswayed.metrics.summary import ConditionRow, Estimate, Summary

BASE = paired.BASE


def summarise(trials: pa.Table, *, resamples: int = 2000, seed: int = 0) -> Summary:
    """All measures of one run: `trials` in the trials schema, one model, any conditions.

    `resamples` bootstrap draws stand behind each interval of a difference; the same `seed` gives the
    same numbers. Raises `BadInput` for a table without rows or needed columns, with several models, or
    with a trial twice.
    """
    model, revision = the_only(trials, "model"), the_only(trials, "revision")
    c = read(trials)
    rows_of = c.by_condition()
    own = own_measures(c, rows_of)
    fragility = {name: sureness.fragility(c, name) for name in c.conditions if name != BASE}
    rows = []
    for name, trial_rows in rows_of.items():
        measures = own[name] | fragility.get(name, {})
        measures["ece"] = calibration(c, name, trial_rows, resamples, seed)
        if name != BASE:
            measures |= _against_base(c, name, rows_of, resamples, seed)
        count = states(c, trial_rows)
        rows.append(
            ConditionRow(
                condition=name,
                asked=len(trial_rows) - count["not-asked"],
                states=count,
                measures={k: e for k, e in measures.items() if e.n or k == "accuracy"},
                p_value=paired.accuracy_p_value(c, BASE, name) if name != BASE else None,
            )
        )
    corrected = holm([row.p_value for row in rows])
    overall = {
        "robust_accuracy": paired.robust_accuracy(c),
        "image_reliance": paired.image_reliance(c, resamples, seed),
    }
    curves = {name: sureness.curve(c, name) for name in c.conditions if name != BASE}
    return Summary(
        model=model,
        revision=revision,
        benchmarks=tuple(sorted(str(b) for b in column(trials, "benchmark").unique().to_pylist())),
        n_questions=c.n_questions,
        n_groups=int(c.cluster.max()) + 1,
        n_trials=trials.num_rows,
        rows=tuple(replace(row, p_holm=p) for row, p in zip(rows, corrected, strict=True)),
        overall={name: found for name, found in overall.items() if found},
        families=family_accuracy(c),
        curves={name: points for name, points in curves.items() if points},
        health=cot_health.health(trials, c, rows_of, seed),
        claims=claims(c, fragility, resamples, seed),
    )


def _against_base(
    c: Columns, name: str, rows_of: dict[str, Ints], resamples: int, seed: int
) -> dict[str, Estimate]:
    found = {
        "drop": paired.accuracy_difference(c, BASE, name, resamples, seed),
        "cue_following_base_right": paired.cue_following_base_right(c, name),
    }
    if all(other in rows_of and has_conclusions(c, rows_of[other]) for other in (BASE, name)):
        found["faithful_drop"] = paired.faithful_difference(c, BASE, name, resamples, seed)
    return found
