"""Claims about training: `claims.verdicts` with the seeds behind each part.

A claim is *not tested* where an arm or condition that it needs is missing. With one seed per arm nothing is
decided, because a claim about training is a claim about seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unswayed.metrics.claims.verdicts import verdict
from unswayed.metrics.stats import LEVEL
from unswayed.metrics.summary import ClaimPart, Estimate, Unit, Verdict
from unswayed.metrics.training.trajectories import Effect


@dataclass(frozen=True)
class TrainingClaim:
    """A claim about training with its verdict and evidence."""

    name: str
    text: str
    verdict: Verdict
    rule: str
    """How the parts decide, in words."""
    parts: tuple[ClaimPart, ...]
    context: tuple[ClaimPart, ...] = ()
    """Numbers that are shown and decide nothing."""
    note: str = ""
    """Why the claim is undecided or not tested."""


def claim_part(
    label: str, unit: Unit, effect: Effect | None, level: float = LEVEL, either: bool = False
) -> ClaimPart:
    """An effect as a part of a claim, with its interval at `level`."""
    if effect is None:
        return ClaimPart(label, unit, Estimate(None), either=either)
    low, high = effect.interval(level) or (None, None)
    estimate = Estimate(effect.value, low, high, effect.n)
    return ClaimPart(label, unit, estimate, effect.p, effect.seeds, either)


def decide(
    name: str,
    text: str,
    rule: str,
    parts: Sequence[ClaimPart],
    needs: str = "",
    context: Sequence[ClaimPart] = (),
) -> TrainingClaim:
    """The claim with its verdict over `parts`; `needs` says what is missing where there are no parts."""
    known = tuple(part for part in parts if part.known)
    shown = tuple(part for part in context if part.known)
    either = [part for part in parts if part.either]
    missing = [part.label for part in parts if not part.known and not part.either]
    if missing or not known or (either and not any(part.known for part in either)):
        lacking = "; ".join(missing or [part.label for part in either]) or needs
        return TrainingClaim(name, text, "not tested", rule, known, shown, f"Not measured here: {lacking}.")
    if min(part.seeds for part in known) < 2:
        note = "An arm has one seed, so the variation between seeds is unknown and nothing is decided."
        return TrainingClaim(name, text, "undecided", rule, known, shown, note)
    return TrainingClaim(name, text, verdict(known), rule, known, shown)
