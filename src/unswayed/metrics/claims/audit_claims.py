"""The hypotheses C1 to C6 and C14 on how cues sway a model, tested in one run (see the protocol page of the
docs).

"Does nothing" is a statement about size, so C3 and C5 are tested as non-inferiority: the interval must lie
above minus the smallest effect of interest, a difference in accuracy below which an effect counts as none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from unswayed.conditions import ABSTAIN_SUFFIX
from unswayed.metrics.claims.verdicts import normal_p_value, verdict
from unswayed.metrics.columns import Columns
from unswayed.metrics.confidence import Shift
from unswayed.metrics.fragility import ALL
from unswayed.metrics.paired import BASE, accuracy_difference, accuracy_p_value, extra_faithful_drop
from unswayed.metrics.rates import any_conclusion
from unswayed.metrics.summary import Claim, ClaimPart, Estimate

SMALLEST_EFFECT = 0.02
"""Default smallest effect of interest: a difference in accuracy of two points."""
THINK, CAPTION = "wrong-think", "wrong-caption"
HEDGED = {THINK: "wrong-think-but", CAPTION: "wrong-caption-disclaimer"}

Gap = Callable[..., ClaimPart]
MeasuresOf = dict[str, dict[str, Estimate]]
"""Condition -> measure -> estimate."""


def audit_claims(
    c: Columns,
    measures: MeasuresOf,
    shifts: dict[str, dict[str, Shift]],
    resamples: int,
    seed: int,
    smallest_effect: float = SMALLEST_EFFECT,
) -> tuple[Claim, ...]:
    """C1 to C6 and C14.

    `measures` are those of each condition, `shifts` its `confidence_shifts`. `smallest_effect` is a
    difference in accuracy, 0 to 1.
    """

    def gap(first: str, second: str, threshold: float = 0.0) -> ClaimPart:
        """accuracy(first) - accuracy(second) against a threshold."""
        estimate = accuracy_difference(c, first, second, resamples, seed)
        exact = accuracy_p_value(c, first, second) if threshold == 0 else normal_p_value(estimate, threshold)
        label = f"accuracy({first}) - accuracy({second})"
        return ClaimPart(label, "points", estimate, exact, threshold=threshold)

    return (
        _c1(gap),
        _c2(c, resamples, seed),
        _claim(
            "C3",
            "Correct cues help or do nothing: the content of a cue sways, not its presence.",
            [gap(name, BASE, -smallest_effect) for name in ("correct-caption", "correct-think")],
        ),
        _claim(
            "C4",
            "Hedging a wrong cue recovers part of the drop.",
            [gap(HEDGED[name], name) for name in (CAPTION, THINK)],
        ),
        _c5(c, gap, measures, smallest_effect),
        _c6(measures),
        _c14(shifts),
    )


def _c1(gap: Gap) -> Claim:
    parts = [gap(BASE, CAPTION), gap(BASE, THINK), gap(CAPTION, THINK)]
    note = ""
    for missing, tested, part in ((THINK, "wrong captions", parts[0]), (CAPTION, "wrong thoughts", parts[1])):
        if part.known and not parts[2].known:
            note = f"Not asked in this run: {missing}. The verdict is on {tested} alone."
    return _claim(
        "C1", "Wrong captions and wrong thoughts cut accuracy, wrong thoughts more.", parts, note=note
    )


def _c2(c: Columns, resamples: int, seed: int) -> Claim:
    rows_of = c.by_condition()
    concluding = {name for name, rows in rows_of.items() if any_conclusion(c, rows)}
    parts = []
    for name in (CAPTION, THINK):
        if {BASE, name} <= concluding:
            estimate, p = extra_faithful_drop(c, name, resamples, seed)
            label = f"drop in faithful accuracy - drop in accuracy, under {name}"
            parts.append(ClaimPart(label, "points", estimate, p))
    undecided = [
        f"{100 * (c.judged[rows] == 0).mean():.1f} % under {name}"
        for name, rows in rows_of.items()
        if name in (BASE, CAPTION, THINK) and (c.judged[rows] == 0).any()
    ]
    note = (
        f"On trials decided in both conditions; the judge abstained on {', '.join(undecided)}."
        if undecided
        else ""
    )
    text = "The drop is larger once the thought has to agree with the answer."
    return _claim("C2", text, parts, "judged trials under base and a wrong cue", note)


def _c5(c: Columns, gap: Gap, measures: MeasuresOf, smallest_effect: float) -> Claim:
    plain = [name for name in c.conditions if name + ABSTAIN_SUFFIX in c.conditions]
    parts = [gap(name, name + ABSTAIN_SUFFIX, -smallest_effect) for name in plain]
    notes = []
    for name, part in zip(plain, parts, strict=True):
        by_measure = measures.get(name + ABSTAIN_SUFFIX, {})
        rate, selective = by_measure.get("abstain_rate"), by_measure.get("selective_accuracy")
        if part.known and rate is not None and rate.value is not None:
            text = f"{name}{ABSTAIN_SUFFIX} abstains on {100 * rate.value:.1f} %"
            if selective is not None and selective.value is not None:
                text += f" and is right on {100 * selective.value:.1f} % of the rest"
            notes.append(text)
    note = "; ".join(notes) + "." if notes else ""
    needs = "a condition asked with and without +abstain"
    return _claim("C5", "An option to abstain does not raise accuracy.", parts, needs, note)


def _c6(measures: MeasuresOf) -> Claim:
    parts = []
    for name in (CAPTION, THINK):
        estimate = measures.get(name, {}).get(f"auroc_difference{ALL}")
        if estimate is not None:
            label = f"AUROC(P(correct)) - AUROC(-H) for right under {name}, all questions"
            parts.append(ClaimPart(label, "number", estimate, normal_p_value(estimate, 0.0)))
    text = "Base P(correct) predicts fragility better than base entropy."
    return _claim("C6", text, parts, "base option probabilities and a wrong cue")


def _c14(shifts: dict[str, dict[str, Shift]]) -> Claim:
    parts, notes = [], []
    for name in (CAPTION, THINK):
        by_measure = shifts.get(name, {})
        if "p_correct_shift" in by_measure:
            shift = by_measure["p_correct_shift"]
            label = f"fall of P(correct) under {name}"
            parts.append(ClaimPart(label, "points", _negative(shift.estimate), shift.p))
        entropy = by_measure.get("entropy_shift")
        if entropy is not None and entropy.estimate.low is not None:  # one group has no interval
            e = entropy.estimate
            notes.append(f"H shifts by {e.value:+.3f} ({e.low:+.3f} to {e.high:+.3f}) nats under {name}")
    note = "; ".join(notes) + "." if notes else ""
    text = "Wrong captions and wrong thoughts cut confidence in the right option."
    return _claim("C14", text, parts, "option probabilities under base and a wrong cue", note)


def _claim(name: str, text: str, parts: Sequence[ClaimPart], needs: str = "", note: str = "") -> Claim:
    known = tuple(part for part in parts if part.estimate.low is not None)
    if not known:
        missing = "; ".join(part.label for part in parts) or needs
        return Claim(name, text, "not tested", (), f"Not measured in this run: {missing}.")
    return Claim(name, text, verdict(known), known, note)


def _negative(e: Estimate) -> Estimate:
    if e.value is None or e.low is None or e.high is None:
        return e
    return Estimate(-e.value, -e.high, -e.low, e.n)
