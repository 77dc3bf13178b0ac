"""The measures of a probe of the picture. Formulas: docs/interventions.md. Pure; intervals are clustered by
`group`."""

from __future__ import annotations

import pyarrow as pa

from unswayed.errors import BadInput
from unswayed.metrics.image_use.grounding import groundings, hint_tests
from unswayed.metrics.image_use.names import (
    BASE,
    BLANK,
    DESCRIBES,
    ELSEWHERE,
    MASKED,
    MEASURES,
    STRENGTHS,
    SWAPPED,
    strength_name,
)
from unswayed.metrics.image_use.picture_trials import PictureTrials
from unswayed.metrics.image_use.results import (
    ImageUse,
    PictureReadings,
    PictureRow,
    StrengthCurve,
    StrengthPoint,
    Triptych,
)
from unswayed.metrics.summary import Estimate
from unswayed.metrics.table_columns import check_columns, single_value


def image_use(base: pa.Table, probe: pa.Table, readings: PictureReadings) -> ImageUse:
    """The measures of a picture probe: `base` is the trials table of the audit, `probe` that of the picture
    interventions.

    Raises `BadInput` for tables without rows or needed columns, or of two models.
    """
    for table in (base, probe):
        check_columns(table)
    model = single_value(probe, "model")
    if single_value(base, "model") != model:
        raise BadInput(
            f"the audit is of {single_value(base, 'model')!r}, its probe of {model!r}; probe it again"
        )
    trials = PictureTrials(base, probe)
    names = [BASE, *([] if BLANK in trials.probed or not trials.asked(BLANK) else [BLANK]), *trials.probed]
    return ImageUse(
        model=model,
        n_questions=len(trials.units),
        n_groups=len(set(trials.cluster.tolist())),
        rows=tuple(_row(trials, name) for name in names),
        curves=tuple(
            curve for kind, strengths in STRENGTHS.items() if (curve := _curve(trials, kind, strengths))
        ),
        measures=_measures(trials, readings),
        described=_described(trials, readings),
        grounding=tuple(groundings(trials)),
        hints=tuple(hint_tests(trials)),
        swapped=tuple(_triptych(trials, readings, i) for i in trials.asked(BASE, SWAPPED)),
    )


def _row(trials: PictureTrials, name: str) -> PictureRow:
    asked = trials.asked(name)
    same = {}
    for i in asked:
        here, there = trials.row(name, i)["answer"], trials.row(BASE, i)["answer"]
        if here is not None and there is not None:
            same[i] = here == there
    return PictureRow(
        condition=name,
        states=trials.states(name),
        accuracy=trials.accuracy(name),
        drop=Estimate(None) if name == BASE else trials.drop(BASE, name),
        same_answer=Estimate(None) if name == BASE else trials.share(same),
        p_correct=trials.average({i: trials.row(name, i)["p_correct"] for i in asked}),
    )


def _curve(trials: PictureTrials, kind: str, strengths: tuple[float, ...]) -> StrengthCurve | None:
    present = [s for s in strengths if trials.asked(strength_name(kind, s))]
    if not present:
        return None
    names = [strength_name(kind, s) for s in present]
    kept = trials.asked(BASE, *names)

    def point(name: str, strength: float) -> StrengthPoint:
        p_correct = trials.average({i: trials.row(name, i)["p_correct"] for i in kept})
        return StrengthPoint(strength, trials.accuracy(name, kept), p_correct)

    points = tuple(point(name, s) for name, s in zip(names, present, strict=True))
    return StrengthCurve(kind, point(BASE, 1.0 if strengths[0] > strengths[-1] else 0.0), points)


def _measures(trials: PictureTrials, readings: PictureReadings) -> dict[str, Estimate]:
    swapped, blank = trials.asked(BASE, SWAPPED), trials.asked(BLANK)
    known = [i for i in swapped if trials.units[i] in readings.shown]
    new = {i: trials.row(SWAPPED, i)["answer"] == readings.shown[trials.units[i]] for i in known}
    triptychs = {i: _triptych(trials, readings, i) for i in swapped}
    measures = {
        "needs_picture": trials.drop(BASE, BLANK),
        "needs_own_picture": trials.drop(BASE, SWAPPED),
        "uses_evidence": trials.drop(ELSEWHERE, MASKED),
        "language_only": trials.accuracy(BLANK),
        "above_chance": trials.average(
            {i: trials.right(BLANK, i) - 1 / trials.row(BLANK, i)["n_options"] for i in blank}, (-1.0, 1.0)
        ),
        "dependent_accuracy": trials.share(
            {i: trials.right(BASE, i) and not trials.right(SWAPPED, i) for i in swapped}
        ),
        "paired_accuracy": trials.share({i: trials.right(BASE, i) and new[i] for i in known}),
        "answers_new": trials.share(new),
        "same_answer": trials.share(
            {
                i: t.same_answer
                for i, t in triptychs.items()
                if trials.row(SWAPPED, i)["answer"] is not None and trials.row(BASE, i)["answer"] is not None
            }
        ),
        "same_words": trials.share({i: t.same_words for i, t in triptychs.items()}),
    }
    return {name: measures[name] for name in MEASURES if measures[name].n}


def _described(trials: PictureTrials, readings: PictureReadings) -> dict[str, Estimate]:
    """Shares of statements: ratio estimators over questions."""
    kept = [i for i in trials.asked(SWAPPED) if sum(readings.described.get(trials.units[i], {}).values())]
    if not kept:
        return {}
    counts = {i: readings.described[trials.units[i]] for i in kept}
    # One row a statement, clustered by the question's group.
    owner = [i for i in kept for _ in range(sum(counts[i].values()))]
    kinds = [name for i in kept for name, n in counts[i].items() for _ in range(n)]
    return {name: trials.statement_share([kind == name for kind in kinds], owner) for name in DESCRIBES}


def _triptych(trials: PictureTrials, readings: PictureReadings, i: int) -> Triptych:
    here, there = trials.row(SWAPPED, i), trials.row(BASE, i)
    benchmark, uid, sample = trials.units[i]
    words = (here["text"] or "").split()
    return Triptych(
        benchmark,
        uid,
        sample,
        readings.shown.get(trials.units[i]),
        here["answer"] is not None and here["answer"] == there["answer"],
        bool(words) and words == (there["text"] or "").split(),
    )
