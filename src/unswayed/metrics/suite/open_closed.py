"""Claim C13: closed models fail the same way as open ones, less, and say so.

For each question the drop is averaged over the models of a group; the difference of the groups is then a mean
over questions, clustered by group of questions. The interval is over questions: the models are those that
were asked, no sample of all open or closed models.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unswayed.metrics.claims.verdicts import verdict
from unswayed.metrics.paired import BASE, WRONG_CUES
from unswayed.metrics.stats import Floats, Ints, mean, mean_p_value
from unswayed.metrics.suite.merged import MergedTrials, complete
from unswayed.metrics.summary import Claim, ClaimPart, Estimate

NAME, TEXT = (
    "C13",
    "Closed models fail the same way as open ones, less, and more often say that text and image disagree.",
)
CUES = (*WRONG_CUES, "wrong-think-quoted")
"""Conditions on which open and closed models are compared, as far as both answered them."""
_BOUNDS = (-1.0, 1.0)


def open_closed_claim(trials: MergedTrials, opened: Sequence[str], closed: Sequence[str]) -> Claim:
    """C13 on the models `opened` and `closed`; not tested where a group is empty, or answered no cue that the
    other answered."""
    if not opened or not closed:
        return Claim(NAME, TEXT, "not tested", (), "The suite has not both open and closed models.")
    parts: list[ClaimPart] = []
    ranges: list[str] = []
    compared: list[str] = []
    for condition in CUES:
        groups = [tuple(m for m in group if trials.asked(m, condition)) for group in (opened, closed)]
        if not all(groups):
            continue
        drops = [_drops(trials, group, condition) for group in groups]
        cluster = trials.unit_values(trials.columns.cluster)
        known = complete(drops[0]) & complete(drops[1])
        if not known.any():
            continue
        compared.append(condition)
        of_open, of_closed = (drop[known].mean(axis=1) for drop in drops)
        parts.append(_part(f"drop of closed models under {condition}", of_closed, cluster[known]))
        label = f"drop of open models - drop of closed models, under {condition}"
        parts.append(_part(label, of_open - of_closed, cluster[known]))
        by_model = [drop[known].mean(axis=0) for drop in drops]
        ranges.append(f"{condition}: open {_range(by_model[0])}, closed {_range(by_model[1])}")
        says = _acknowledging(trials, groups, condition)
        if says is not None:
            parts.append(says)
    if not parts:
        return Claim(
            NAME, TEXT, "not tested", (), "No wrong cue was answered by both open and closed models."
        )
    sides = [f"{len(group)} {kind}" for group, kind in ((opened, "open"), (closed, "closed"))]
    note = (
        f"{' and '.join(sides)} models. The groups also differ in size, training data and recipe, which are "
        "not known for closed models, so a difference is no effect of openness. Intervals are over "
        f"questions, not over models; drops by model, in points: {'; '.join(ranges)}."
    )
    missing = [name for name in CUES if name not in compared]
    if missing:
        note += f" Not answered by both groups, so not compared: {', '.join(missing)}."
    return Claim(NAME, TEXT, verdict(parts), tuple(parts), note)


def _drops(trials: MergedTrials, models: tuple[str, ...], condition: str) -> Floats:
    right = trials.right
    return trials.matrix(models, BASE, right) - trials.matrix(models, condition, right)


def _acknowledging(
    trials: MergedTrials, groups: Sequence[tuple[str, ...]], condition: str
) -> ClaimPart | None:
    """How much more often closed models say that text and image disagree, over visible thoughts."""
    says = [trials.matrix(group, condition, trials.acknowledges) for group in groups]
    known = (~np.isnan(says[0])).any(axis=1) & (~np.isnan(says[1])).any(axis=1)
    if not known.any():
        return None
    delta = np.nanmean(says[1][known], axis=1) - np.nanmean(says[0][known], axis=1)
    label = f"closed models say so more often than open ones, under {condition}"
    return _part(label, delta, trials.unit_values(trials.columns.cluster)[known])


def _part(label: str, values: Floats, cluster: Ints) -> ClaimPart:
    estimate: Estimate = mean(values, cluster, _BOUNDS)
    return ClaimPart(label, "points", estimate, mean_p_value(values, cluster))


def _range(values: Floats) -> str:
    low, high = 100 * float(values.min()), 100 * float(values.max())
    return f"{low:.0f}" if len(values) == 1 else f"{low:.0f} to {high:.0f}"
