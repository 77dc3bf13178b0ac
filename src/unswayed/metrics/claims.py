"""What this run says about the hypotheses C1 to C6 on how models are swayed (docs: the protocol page).

Each claim is a few differences that should all be above zero. It holds where every one of their
95 % intervals lies above zero, does not hold where one lies below, is undecided otherwise, and is not
tested where a condition that it needs was not asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from unswayed.conditions import ABSTAIN_SUFFIX
from unswayed.metrics.columns import Columns
from unswayed.metrics.paired import BASE, accuracy_difference, extra_faithful_drop
from unswayed.metrics.rates import has_conclusions
from unswayed.metrics.summary import Claim, Estimate

THINK, CAPTION = "wrong-think", "wrong-caption"
HEDGED = {THINK: "wrong-think-but", CAPTION: "wrong-caption-disclaimer"}


@dataclass(frozen=True)
class Part:
    """One difference that the claim says is above zero."""

    label: str
    found: Estimate | None
    """None, or without a value: could not be measured."""

    @property
    def measured(self) -> Estimate | None:
        return self.found if self.found and self.found.low is not None else None


def claims(
    c: Columns, fragility: dict[str, dict[str, Estimate]], resamples: int, seed: int
) -> tuple[Claim, ...]:
    """C1 to C6. `fragility` holds each condition's AUROC estimates (see `sureness.fragility`)."""

    def gap(first: str, second: str) -> Part:
        found = accuracy_difference(c, first, second, resamples, seed)
        return Part(f"accuracy({first}) - accuracy({second})", found)

    rows_of = c.by_condition()
    judged = {name for name, rows in rows_of.items() if has_conclusions(c, rows)}
    extra = [
        Part(
            f"extra drop under {name} once consistency counts", extra_faithful_drop(c, name, resamples, seed)
        )
        for name in (CAPTION, THINK)
        if {BASE, name} <= judged
    ]
    both_ways = [name for name in c.conditions if name + ABSTAIN_SUFFIX in c.conditions]
    foretold = [
        Part(f"AUROC(P(correct)) - AUROC(-H) under {name}", fragility[name].get("auroc_difference"))
        for name in (CAPTION, THINK)
        if name in fragility
    ]
    return (
        _claim(
            "C1",
            "Wrong captions and wrong thoughts cut accuracy, wrong thoughts more.",
            [gap(BASE, CAPTION), gap(BASE, THINK), gap(CAPTION, THINK)],
            every=True,
        ),
        _claim(
            "C2",
            "The cut is larger once the thought has to agree with the answer.",
            extra,
            needs="judged trials under base and a wrong cue",
        ),
        _claim(
            "C3",
            "Correct cues help or do nothing: it is the content that sways.",
            [gap(name, BASE) for name in ("correct-caption", "correct-think")],
        ),
        _claim(
            "C4",
            "Hedging a wrong cue recovers part of the cut.",
            [gap(HEDGED[n], n) for n in (CAPTION, THINK)],
        ),
        _claim(
            "C5",
            "An option to abstain does not help.",
            [gap(name, name + ABSTAIN_SUFFIX) for name in both_ways],
            needs="a condition asked with and without +abstain",
        ),
        _claim(
            "C6",
            "Base P(correct) foretells fragility better than base entropy.",
            foretold,
            needs="base option probabilities and a wrong cue",
        ),
    )


def _claim(name: str, text: str, parts: list[Part], every: bool = False, needs: str = "") -> Claim:
    """The verdict over `parts`; with `every`, a missing part leaves the claim untested."""
    found = [(part.label, part.measured) for part in parts]
    known = [(label, e) for label, e in found if e is not None]
    if not known or (every and len(known) < len(parts)):
        missing = "; ".join(label for label, e in found if e is None) or needs
        return Claim(name, text, "not tested", f"Not measured in this run: {missing}.")
    verdict: Literal["holds", "does not hold", "undecided"] = "undecided"
    if all(e.low is not None and e.low > 0 for _, e in known):
        verdict = "holds"
    elif any(e.high is not None and e.high < 0 for _, e in known):
        verdict = "does not hold"
    return Claim(name, text, verdict, "; ".join(_words(label, e) for label, e in known) + ".")


def _words(label: str, e: Estimate) -> str:
    return f"{label} = {e.value:+.3f} [{e.low:+.3f}, {e.high:+.3f}], n = {e.n}"
