"""How the judges of a run agree and err, as plain values: filled by `comparison`, shown by the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from unswayed.metrics.summary import Estimate

OUTCOMES = ("the same", "another option", "something else", "nothing", "abstains")
"""What a judge can decide relative to the reference: `something else` is what no option says."""
EXACT_RULES, PERSON = "exact rules", "a person"


@dataclass(frozen=True)
class Labels:
    """A person's verdicts on a sample of thoughts."""

    verdicts: Mapping[str, tuple[str, int | None]] = field(default_factory=dict)
    """Key of a trial -> (kind: option, elsewhere, nothing or unsure; the option)."""
    stratum: Mapping[str, str] = field(default_factory=dict)
    """Key -> the stratum from which the sample drew it."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Stratum -> number of thoughts of the run in it."""


@dataclass(frozen=True)
class JudgeStats:
    """Counts of one judge's verdicts."""

    name: str
    version: str
    thoughts: int
    """Thoughts that the judge was asked about."""
    decided: Estimate
    concludes: Estimate
    """Share that concludes an option or something else, among the decided."""
    failed: int
    """Thoughts for which the judge could not be asked."""


@dataclass(frozen=True)
class Confusion:
    """One judge against a reference, on the thoughts that both read and the reference decided."""

    judge: str
    counts: Mapping[str, Mapping[str, int]]
    """By the reference's verdict (`an option`, `something else`, `nothing`), then by `OUTCOMES`."""
    agrees: Estimate
    """Share of equal verdicts where the judge decided."""


@dataclass(frozen=True)
class CorrectedConsistency:
    """Consistency as one judge measures it, and corrected for the judge's error."""

    judge: str
    condition: str
    """Or `all`."""
    apparent: Estimate
    sensitivity: Estimate
    specificity: Estimate
    corrected: Estimate
    by_reference: Estimate
    """Consistency as the reference measures it, on the thoughts that the reference decided."""


@dataclass(frozen=True)
class ReferenceReport:
    """All judges against one reference: the exact rules, or a person."""

    name: str
    thoughts: int
    """Thoughts that the reference decided."""
    confusions: tuple[Confusion, ...]
    corrected: tuple[CorrectedConsistency, ...]


@dataclass(frozen=True)
class JudgeReport:
    """Agreement and error of a run's judges."""

    judges: tuple[JudgeStats, ...]
    panel: tuple[str, ...]
    """Judges whose majority fills the trials' columns; empty: the audit's own judge."""
    outcomes: Mapping[str, int]
    """Number of thoughts by outcome of the panel's vote."""
    pairs: Mapping[tuple[str, str], Estimate]
    """Agreement of every two judges."""
    among: tuple[str, ...]
    """Judges in `kappa` and `alpha`: the panel if it has several judges, otherwise all."""
    kappa: Estimate
    alpha: Estimate
    references: tuple[ReferenceReport, ...]
