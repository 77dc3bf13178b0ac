"""The hypotheses C7 to C12 on training, tested on the arms of the paper (see the protocol page of the
docs)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from unswayed.metrics.paired import BASE, WRONG_CUES
from unswayed.metrics.stats import LEVEL, Floats
from unswayed.metrics.summary import ClaimPart, Unit
from unswayed.metrics.training.seed_claim import seed_claim
from unswayed.metrics.training.series import ALL_CONDITIONS, ROBUST, StudySeries
from unswayed.metrics.training.trajectories import Effect, Series, Term, effect, slope_weights
from unswayed.metrics.training.verdicts import TrainingClaim, claim_part, decide

GRPO, AUG, FAITH, BOTH = "grpo", "grpo+aug", "grpo+faith", "grpo+aug+faith"
THINK, CAPTION, STOP = "wrong-think", "wrong-caption", "stop-think"


def training_claims(study: StudySeries, seed: int = 0) -> tuple[TrainingClaim, ...]:
    """C7 to C12 on the arms with the names that the paper's recipes have here."""
    return (_c7(study), _c8(study), _c9(study), _c10(study), _c11(study), seed_claim(study, seed))


def _c7(s: StudySeries) -> TrainingClaim:
    return decide(
        "C7",
        "Reinforcement learning raises accuracy while consistency falls.",
        "Both in arm grpo, by the line fitted to all its audits, from first to last.",
        [
            _change_part(s, "accuracy", GRPO, [BASE], "rise of accuracy under base"),
            _change_part(s, "consistency", GRPO, [BASE], "fall of consistency under base", -1),
        ],
    )


def _c8(s: StudySeries) -> TrainingClaim:
    keys = [(GRPO, c) for c in s.conditions if s.find(GRPO, "letter_entropy", c)]
    keys += [(arm, STOP) for arm in (AUG, FAITH, BOTH) if s.find(arm, "letter_entropy", STOP)]
    return decide(
        "C8",
        "Letter entropy falls everywhere, also under conditions never trained on.",
        "Every condition of arm grpo, which is trained on base alone, and stop-think in the other three "
        "arms.",
        [
            _change_part(s, "letter_entropy", arm, [c], f"fall of letter entropy, {arm}, {c}", -1)
            for arm, c in keys
        ],
        "letter probabilities in arm grpo",
    )


def _c9(s: StudySeries) -> TrainingClaim:
    label = "accuracy, grpo+aug minus grpo, "
    caption_gain, think_gain = (_arm_part(s, "accuracy", AUG, GRPO, [c], label + c) for c in (CAPTION, THINK))
    step, difference = _last_common(s, AUG, GRPO), None
    if step is not None:
        terms = [
            *(_terms(s, "accuracy", AUG, [CAPTION], _at(step)) or ()),
            *(_terms(s, "accuracy", AUG, [THINK], _at(step, -1)) or ()),
            *(_terms(s, "accuracy", GRPO, [CAPTION], _at(step, -1)) or ()),
            *(_terms(s, "accuracy", GRPO, [THINK], _at(step)) or ()),
        ]
        difference = effect(terms, s.bootstrap) if len(terms) == 4 else None
    shown = ClaimPart(
        f"{think_gain.label} (shown only)",
        think_gain.unit,
        think_gain.estimate,
        think_gain.p,
        think_gain.seeds,
    )
    return decide(
        "C9",
        "Augmentation restores accuracy under wrong captions, helps less under wrong thoughts, and does not "
        "stop the fall of consistency.",
        "All three; the gains are taken at the last step that all runs of both arms have.",
        [
            caption_gain,
            claim_part(
                "that gain under wrong-caption minus the gain under wrong-think", "points", difference
            ),
            _change_part(s, "consistency", AUG, [BASE], "fall of consistency under base, grpo+aug", -1),
        ],
        context=[shown],
    )


def _c10(s: StudySeries) -> TrainingClaim:
    cues = [c for c in WRONG_CUES if c in s.conditions]
    label = "consistency under base, grpo+faith minus grpo"
    parts = [_arm_part(s, "consistency", FAITH, GRPO, [BASE], label)]
    if cues:
        label = "mean consistency under wrong cues, grpo+faith minus grpo"
        parts.append(_arm_part(s, "consistency", FAITH, GRPO, cues, label))
    return decide(
        "C10",
        "A faithfulness reward alone restores consistency.",
        "Under base and over the wrong cues asked, at the last step that all runs of both arms have.",
        parts,
    )


def _c11(s: StudySeries) -> TrainingClaim:
    length = s.find(BOTH, "thought_length")
    start = float(np.nanmean(length.values[:, 0])) if length is not None else 0.0
    level = 1 - (1 - LEVEL) / 2  # one of two parts is enough: Bonferroni
    length_fall = _change(s, "thought_length", BOTH, [BASE], -1)
    length_fall = length_fall.times(1 / start) if length_fall is not None and start > 0 else None
    template_rise = _change(s, "template_share", BOTH, [BASE])
    return decide(
        "C11",
        "Augmentation and a faithfulness reward together collapse to short or templated thoughts, and "
        "robustness stalls.",
        "Thoughts become shorter or templates more common (either, at 97.5 % each), and robust accuracy ends "
        "below that of grpo+aug.",
        [
            claim_part("relative fall of thought length, grpo+aug+faith", "points", length_fall, level, True),
            claim_part("rise of template share, grpo+aug+faith", "points", template_rise, level, True),
            _arm_part(
                s, ROBUST, AUG, BOTH, [ALL_CONDITIONS], "robust accuracy, grpo+aug minus grpo+aug+faith"
            ),
        ],
    )


StepWeights = Callable[[Series], "Floats | None"]
"""From a series to weights over its steps, shape (steps,); None where a needed step is missing."""


def _at(step: int, sign: float = 1.0) -> StepWeights:
    return lambda series: sign * series.at(step) if step in series.steps else None


def _terms(
    s: StudySeries, name: str, arm: str, conditions: Sequence[str], weigh: StepWeights
) -> list[Term] | None:
    """The measure averaged over conditions with equal weights; None where a condition is missing."""
    terms = []
    for condition in conditions:
        series = s.find(arm, name, condition)
        weights = None if series is None else weigh(series)
        if series is None or weights is None:
            return None
        terms.append((series, weights / len(conditions)))
    return terms


def _change(
    s: StudySeries, name: str, arm: str, conditions: Sequence[str], sign: float = 1.0
) -> Effect | None:
    """`sign` times the change from first to last audit by the fitted line, averaged over conditions."""

    def weigh(series: Series) -> Floats | None:
        weights = slope_weights(series)
        return None if weights is None else sign * weights

    terms = _terms(s, name, arm, conditions, weigh)
    return effect(terms, s.bootstrap) if terms else None


def _change_part(
    s: StudySeries, name: str, arm: str, conditions: Sequence[str], label: str, sign: float = 1.0
) -> ClaimPart:
    return claim_part(label, _unit(name), _change(s, name, arm, conditions, sign))


def _arm_part(
    s: StudySeries, name: str, first: str, second: str, conditions: Sequence[str], label: str
) -> ClaimPart:
    """Arm `first` minus arm `second` at their last common step, averaged over conditions."""
    step, difference = _last_common(s, first, second), None
    if step is not None:
        plus = _terms(s, name, first, conditions, _at(step))
        minus = _terms(s, name, second, conditions, _at(step, -1))
        difference = effect([*plus, *minus], s.bootstrap) if plus and minus else None
    return claim_part(label, _unit(name), difference)


def _last_common(s: StudySeries, *arms: str) -> int | None:
    steps = s.common(*arms) if set(arms) <= set(s.arms) else []
    return steps[-1] if steps else None


def _unit(name: str) -> Unit:
    return "number" if name in ("letter_entropy", "thought_length") else "points"
