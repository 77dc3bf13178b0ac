"""What an audit says in numbers: plain frozen values, filled by `measures`, shown by `report`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


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
class ConditionRow:
    """All measures of one condition."""

    condition: str
    asked: int
    """Trials that reached the model: all states but `not-asked`."""
    states: dict[str, int]
    """Trials in every state, zeros included."""
    measures: dict[str, Estimate]
    """By name; see `measures.MEASURES` for names, meanings and units. Absent: does not apply."""
    p_value: float | None = None
    """Exact McNemar against `base`, paired by question; None for `base` itself."""
    p_holm: float | None = None
    """The same after Holm's correction over all conditions of the summary."""


@dataclass(frozen=True)
class Claim:
    """One of the protocol's hypotheses C1-C6, with what this run says about it."""

    name: str
    text: str
    verdict: Literal["holds", "does not hold", "undecided", "not tested"]
    evidence: str
    """One sentence with the numbers and intervals."""


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
    """Everything the report's tables and figures are made of."""

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
    families: dict[str, dict[str, Estimate]] = field(default_factory=dict)
    """Accuracy by family, then by condition."""
    curves: dict[str, tuple[CurvePoint, ...]] = field(default_factory=dict)
    """Fragility curve by condition."""
    health: dict[str, dict[str, float]] = field(default_factory=dict)
    """Thought health by condition: length quantiles (characters), distinct_2, gzip_ratio, and more
    (see `thoughts.health`)."""
    claims: tuple[Claim, ...] = ()
