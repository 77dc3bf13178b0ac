"""The results of an audit as plain frozen values: filled by `unswayed.metrics`, shown by
`unswayed.report`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Verdict = Literal["holds", "does not hold", "undecided", "not tested"]
Unit = Literal["points", "number"]


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval and the count behind it."""

    value: float | None
    """None where nothing could be counted."""
    low: float | None = None
    high: float | None = None
    n: int = 0
    """Trials (or questions, for paired measures) in the denominator."""


@dataclass(frozen=True)
class PValue:
    """A two-sided p-value, and the same after Holm's correction over the conditions of the summary."""

    p: float
    holm: float


@dataclass(frozen=True)
class ConditionRow:
    """All measures of one condition."""

    condition: str
    asked: int
    """Trials that reached the model: all states but `not-asked`."""
    states: dict[str, int]
    """Trials in every state, zeros included."""
    measures: dict[str, Estimate]
    """By name; see `metrics.MEASURES` for titles, meanings and units. A measure that does not apply is
    absent."""
    p_value: float | None = None
    """Exact McNemar test of accuracy against `base`, paired by question; None for `base` itself."""
    p_holm: float | None = None
    """The same after Holm's correction over all conditions of the summary."""
    shift_p: dict[str, PValue] = field(default_factory=dict)
    """P-values of the confidence shifts (`metrics.confidence.TESTED`) by measure; Holm for each measure."""


@dataclass(frozen=True)
class ClaimPart:
    """One number that the claim predicts to lie above `threshold`."""

    label: str
    unit: Unit
    """How it is shown: a difference of shares, or a plain number."""
    estimate: Estimate
    """With the interval that decides: 95 %, or wider where one of several parts is enough."""
    p: float | None = None
    """Two-sided p-value of the hypothesis that it equals `threshold`, uncorrected."""
    seeds: int = 0
    """For claims on training: seeds behind it, of the arm that has the fewest."""
    either: bool = False
    """Of the parts with this mark, one above its threshold is enough."""
    threshold: float = 0.0

    @property
    def known(self) -> bool:
        """Whether it could be measured."""
        return self.estimate.value is not None


@dataclass(frozen=True)
class Claim:
    """One of the protocol's hypotheses on a single run, with the run's verdict."""

    name: str
    text: str
    verdict: Verdict
    parts: tuple[ClaimPart, ...]
    """The measured numbers that decide; empty where the claim was not tested."""
    note: str = ""
    """What was not measured, what the verdict leaves out, and numbers beside it; empty without these."""


@dataclass(frozen=True)
class CurvePoint:
    """One bin of the fragility curve: how often base-right questions stay right."""

    low: float
    high: float
    mean: float
    """Mean base P(correct) in the bin."""
    stays: Estimate


@dataclass(frozen=True)
class Summary:
    """All numbers that the report of a run shows."""

    model: str
    revision: str
    benchmarks: tuple[str, ...]
    n_questions: int
    n_groups: int
    n_trials: int
    rows: tuple[ConditionRow, ...]
    """`base` first, then in the protocol's order."""
    overall: dict[str, Estimate] = field(default_factory=dict)
    """Measures across conditions: `robust_accuracy`, `image_reliance`."""
    robust_conditions: tuple[str, ...] = ()
    """Wrong cues that `robust_accuracy` requires: those that could be asked."""
    families: dict[str, dict[str, Estimate]] = field(default_factory=dict)
    """Accuracy by family, then by condition."""
    curves: dict[str, tuple[CurvePoint, ...]] = field(default_factory=dict)
    """Fragility curve by condition."""
    health: dict[str, dict[str, float]] = field(default_factory=dict)
    """Thought health by condition: length quantiles (characters), distinct_2, gzip_ratio, and more (see
    `metrics.cot_health.cot_health`)."""
    claims: tuple[Claim, ...] = ()
    thoughts: dict[str, int] = field(default_factory=dict)
    """Trials by what of their thought the model returned (`trial.VISIBILITIES`); empty where all were
    visible."""
