"""What a study says about the hypotheses C7 to C12 on training (docs: the protocol page).

Each claim is a few parts that should all be above zero. It *holds* where every part's 95 % interval lies
above zero (an intersection-union test, Berger 1982, Technometrics 24:295: no correction is due). It *does
not hold* where a part is below zero after Holm's correction over the claim's parts. It is *undecided*
otherwise, and *not tested* where an arm or condition that it needs is missing. With one seed an arm nothing
is decided: a claim about training is one about seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from unswayed.metrics.paired import BASE, WRONG_CUES
from unswayed.metrics.stats import (
    LEVEL,
    Floats,
    holm,
    rng_for,
)
from unswayed.metrics.summary import Estimate
from unswayed.metrics.training.series import ALL, ROBUST, Study
from unswayed.metrics.training.trajectories import (
    Effect,
    Series,
    Term,
    effect,
    line,
)
from unswayed.metrics.training.variance_components import LEAST_SEEDS, Components, components

GRPO, AUG, FAITH, BOTH = "grpo", "grpo+aug", "grpo+faith", "grpo+aug+faith"
THINK, CAPTION, STOP = "wrong-think", "wrong-caption", "stop-think"

Unit = Literal["points", "number"]
Verdict = Literal["holds", "does not hold", "undecided", "not tested"]


@dataclass(frozen=True)
class Part:
    """One number that the claim says is above zero."""

    label: str
    unit: Unit
    """How it is shown: a difference of shares, or a plain number."""
    shown: Estimate
    """With the interval that decides: 95 %, or more where one of several parts is enough."""
    p: float | None = None
    """Two-sided p of "it is zero", uncorrected."""
    seeds: int = 0
    """Fewest seeds of an arm behind it."""
    either: bool = False
    """It is enough that one of the parts so marked is above zero."""

    @property
    def known(self) -> bool:
        return self.shown.value is not None


def part(label: str, unit: Unit, found: Effect | None, level: float = LEVEL, either: bool = False) -> Part:
    """An effect as a part of a claim; `level` of the interval that decides."""
    if found is None:
        return Part(label, unit, Estimate(None), either=either)
    low, high = found.interval(level) or (None, None)
    return Part(label, unit, Estimate(found.value, low, high, found.n), found.p, found.seeds, either)


@dataclass(frozen=True)
class TrainingClaim:
    """A claim, its verdict, and what it rests on."""

    name: str
    text: str
    verdict: Verdict
    rule: str
    """How the parts are read, in words."""
    parts: tuple[Part, ...]
    aside: tuple[Part, ...] = ()
    """Numbers that are told and decide nothing."""
    note: str = ""
    """Why it is undecided or not tested, and what else must be known."""


def claims(study: Study, seed: int = 0) -> tuple[TrainingClaim, ...]:
    """C7 to C12 on the arms of the paper, by their names."""
    return (_c7(study), _c8(study), _c9(study), _c10(study), _c11(study), _c12(study, seed))


def _c7(s: Study) -> TrainingClaim:
    parts = [
        _rise(s, "accuracy", GRPO, [BASE], "rise of accuracy under base"),
        _rise(s, "consistency", GRPO, [BASE], "fall of consistency under base", -1),
    ]
    return _claim(
        "C7",
        "Reinforcement learning raises accuracy while consistency falls.",
        "Both, in arm grpo, by the line fitted to all its audits, from first to last.",
        parts,
    )


def _c8(s: Study) -> TrainingClaim:
    asked = [(GRPO, c) for c in s.conditions if s.find(GRPO, "letter_entropy", c)]
    asked += [(arm, STOP) for arm in (AUG, FAITH, BOTH) if s.find(arm, "letter_entropy", STOP)]
    parts = [
        _rise(s, "letter_entropy", arm, [c], f"fall of letter entropy, {arm}, {c}", -1) for arm, c in asked
    ]
    return _claim(
        "C8",
        "Letter entropy falls everywhere, also under conditions never trained on.",
        "Every condition of arm grpo, which is trained on none but base, and stop-think in the other three.",
        parts,
        "letter probabilities in arm grpo",
    )


def _c9(s: Study) -> TrainingClaim:
    gain = "accuracy, grpo+aug minus grpo, "
    first, second = _last(s, AUG, GRPO), None
    one, two = (_gap(s, "accuracy", AUG, GRPO, [c], gain + c) for c in (CAPTION, THINK))
    if first is not None:
        terms = [
            *(_terms(s, "accuracy", AUG, [CAPTION], _at(first)) or ()),
            *(_terms(s, "accuracy", AUG, [THINK], _at(first, -1)) or ()),
            *(_terms(s, "accuracy", GRPO, [CAPTION], _at(first, -1)) or ()),
            *(_terms(s, "accuracy", GRPO, [THINK], _at(first)) or ()),
        ]
        second = effect(terms, s.draws) if len(terms) == 4 else None
    parts = [
        one,
        part("that gain under wrong-caption minus the same under wrong-think", "points", second),
        _rise(s, "consistency", AUG, [BASE], "fall of consistency under base, grpo+aug", -1),
    ]
    return _claim(
        "C9",
        "Augmentation restores accuracy under wrong captions, helps less under wrong thoughts, and does not "
        "stop the drift from consistency.",
        "All three, the gains at the last step that all runs of both arms have.",
        parts,
        aside=[Part(f"{two.label}, which decides nothing", two.unit, two.shown, two.p, two.seeds)],
    )


def _c10(s: Study) -> TrainingClaim:
    cues = [c for c in WRONG_CUES if c in s.conditions]
    parts = [_gap(s, "consistency", FAITH, GRPO, [BASE], "consistency under base, grpo+faith minus grpo")]
    if cues:
        words = "mean consistency under wrong cues, grpo+faith minus grpo"
        parts.append(_gap(s, "consistency", FAITH, GRPO, cues, words))
    return _claim(
        "C10",
        "A faithfulness reward alone restores consistency.",
        "Under base and over the wrong cues asked, at the last step that all runs of both arms have.",
        parts,
    )


def _c11(s: Study) -> TrainingClaim:
    length = s.find(BOTH, "thought_length")
    start = float(np.nanmean(length.values[:, 0])) if length is not None else 0.0
    level = 1 - (1 - LEVEL) / 2  # either of two: Bonferroni
    fall = _change(s, "thought_length", BOTH, [BASE], -1)
    fall = fall.times(1 / start) if fall is not None and start > 0 else None
    more = _change(s, "template_share", BOTH, [BASE])
    parts = [
        part("relative fall of thought length, grpo+aug+faith", "points", fall, level, either=True),
        part("rise of template share, grpo+aug+faith", "points", more, level, either=True),
        _gap(s, ROBUST, AUG, BOTH, [ALL], "robust accuracy, grpo+aug minus grpo+aug+faith"),
    ]
    return _claim(
        "C11",
        "Augmentation and a faithfulness reward together collapse onto short or templated thoughts, and "
        "robustness stalls.",
        "Thoughts become shorter or templates commoner (either, at 97.5 % each), and robust accuracy ends "
        "below that of grpo+aug.",
        parts,
    )


COMPARED = (("accuracy", BASE), ("consistency", BASE), (ROBUST, ALL))
"""What C12 takes apart, each by itself; the claim is about all of them."""


def spread(study: Study, seed: int = 0) -> dict[tuple[str, str], Components]:
    """Variance components of the last step common to all arms, by (measure, condition) of `COMPARED`."""
    steps = study.common()
    found = {}
    for name, condition in COMPARED if steps else ():
        runs = []
        for arm in study.arms:
            series = study.find(arm, name, condition)
            at = np.zeros(0, int) if series is None else np.flatnonzero(series.steps == steps[-1])
            if series is not None and len(at):
                runs.append(_linear(series, int(at[0])))
        parts = components(runs, rng_for(seed, "components", name)) if len(runs) == len(study.arms) else None
        if parts is not None:
            found[name, condition] = parts
    return found


def _c12(s: Study, seed: int) -> TrainingClaim:
    rule = (
        "The share of the variance between runs that seeds make, seeds / (seeds + recipes), minus one half, "
        "for accuracy, consistency and robust accuracy; it holds where all three are above, does not where "
        f"all are below; decided with {LEAST_SEEDS} seeds an arm or more."
    )
    text = "Seeds differ more than recipes."
    found = spread(s, seed)
    known = {key: c for key, c in found.items() if c.share.value is not None}
    fewest = min((len(seeds) for seeds in s.seeds.values()), default=0)
    if not known:
        why = (
            "no difference between runs" if found else f"{len(s.arms)} arm(s), {fewest} seed(s) in the fewest"
        )
        verdict: Verdict = "undecided" if found else "not tested"
        return TrainingClaim("C12", text, verdict, rule, (), note=f"Nothing to take apart: {why}.")
    parts = []
    for (name, _), c in known.items():
        words = f"share of seeds in the variance of {name.replace('_', ' ')}, minus one half"
        value, low, high = (
            None if x is None else x - 0.5 for x in (c.share.value, c.share.low, c.share.high)
        )
        parts.append(Part(words, "points", Estimate(value, low, high, c.share.n), seeds=c.fewest))
    verdict = "undecided"
    if not all(c.enough for c in known.values()):
        note = (
            f"{fewest} seed(s) in the arm that has the fewest: of fewer than {LEAST_SEEDS} the spread is "
            "hardly known, so nothing is decided."
        )
        return TrainingClaim("C12", text, verdict, rule, tuple(parts), note=note)
    if all(p.shown.low is not None and p.shown.low > 0 for p in parts):
        verdict = "holds"
    elif all(p.shown.high is not None and p.shown.high < 0 for p in parts):
        verdict = "does not hold"
    return TrainingClaim("C12", text, verdict, rule, tuple(parts))


def _linear(series: Series, at: int) -> Floats:
    """Values question by question whose mean over groups is the measure, shape (seeds, groups).

    The ratio is linearized about its value, so that groups of any size and denominator count by their weight.
    """
    total, count = series.total[:, at], series.count[:, at]
    value = series.values[:, at][:, None]
    found: Floats = value + (total - value * count) / count.mean(axis=1, keepdims=True)
    return found


Weigh = Callable[[Series], "Floats | None"]


def _at(step: int, sign: float = 1.0) -> Weigh:
    return lambda series: sign * series.at(step) if step in series.steps else None


def _terms(s: Study, name: str, arm: str, conditions: Sequence[str], weigh: Weigh) -> list[Term] | None:
    """The measure averaged over conditions, each counting the same; None where one is missing."""
    found = []
    for condition in conditions:
        series = s.find(arm, name, condition)
        weights = None if series is None else weigh(series)
        if series is None or weights is None:
            return None
        found.append((series, weights / len(conditions)))
    return found


def _change(s: Study, name: str, arm: str, conditions: Sequence[str], sign: float = 1.0) -> Effect | None:
    """Change from first to last audit by the fitted line, averaged over conditions, times `sign`."""

    def weigh(series: Series) -> Floats | None:
        weights = line(series)
        return None if weights is None else sign * weights

    terms = _terms(s, name, arm, conditions, weigh)
    return effect(terms, s.draws) if terms else None


def _rise(s: Study, name: str, arm: str, conditions: Sequence[str], label: str, sign: float = 1.0) -> Part:
    return part(label, _unit(name), _change(s, name, arm, conditions, sign))


def _gap(s: Study, name: str, first: str, second: str, conditions: Sequence[str], label: str) -> Part:
    step = _last(s, first, second)
    if step is None:
        return part(label, _unit(name), None)
    one = _terms(s, name, first, conditions, _at(step))
    two = _terms(s, name, second, conditions, _at(step, -1))
    return part(label, _unit(name), effect([*one, *two], s.draws) if one and two else None)


def _last(s: Study, *arms: str) -> int | None:
    steps = s.common(*arms) if set(arms) <= set(s.arms) else []
    return steps[-1] if steps else None


def _unit(name: str) -> Unit:
    return "number" if name in ("letter_entropy", "thought_length") else "points"


def _claim(
    name: str, text: str, rule: str, parts: Sequence[Part], needs: str = "", aside: Sequence[Part] = ()
) -> TrainingClaim:
    known = tuple(p for p in parts if p.known)
    told = tuple(p for p in aside if p.known)
    missing = [p.label for p in parts if not p.known and not p.either]
    either = [p for p in parts if p.either]
    if missing or not known or (either and not any(p.known for p in either)):
        lacks = "; ".join(missing or [p.label for p in either]) or needs
        return TrainingClaim(name, text, "not tested", rule, known, told, f"Not measured here: {lacks}.")
    if min(p.seeds for p in known) < 2:
        why = "An arm has one seed: what another would have shown is not known, so nothing is decided."
        return TrainingClaim(name, text, "undecided", rule, known, told, why)
    return TrainingClaim(name, text, _verdict(known), rule, known, told)


def _verdict(parts: Sequence[Part]) -> Verdict:
    def above(p: Part) -> bool:
        return p.shown.low is not None and p.shown.low > 0

    either = [p for p in parts if p.either]
    if all(above(p) for p in parts if not p.either) and (not either or any(above(p) for p in either)):
        return "holds"
    corrected = holm([p.p for p in parts])
    below = [
        p.shown.value is not None and p.shown.value < 0 and q is not None and q < 1 - LEVEL
        for p, q in zip(parts, corrected, strict=True)
    ]
    fails = any(b for p, b in zip(parts, below, strict=True) if not p.either)
    neither = bool(either) and all(b for p, b in zip(parts, below, strict=True) if p.either)
    return "does not hold" if fails or neither else "undecided"
