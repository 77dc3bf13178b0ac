"""What is known about a run's judges, as plain values: filled by `judges`, shown by the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from unswayed.metrics.summary import Estimate

OUTCOMES = ("the same", "another option", "nothing", "abstains")
EXACT, PERSON = "exact rules", "a person"


@dataclass(frozen=True)
class Labels:
    """What a person said of a sample of thoughts."""

    said: Mapping[str, tuple[str, int | None]] = field(default_factory=dict)
    """Key of a trial -> (option, nothing or unsure; the option)."""
    stratum: Mapping[str, str] = field(default_factory=dict)
    """Key -> what the sample was drawn by."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Stratum -> thoughts of the run in it."""


@dataclass(frozen=True)
class JudgeRow:
    """What one judge did."""

    name: str
    version: str
    thoughts: int
    """Thoughts that were put before it."""
    decided: Estimate
    concludes: Estimate
    """Of those it decided on, the share that concludes an option."""
    failed: int
    """Thoughts that it could not be asked about."""


@dataclass(frozen=True)
class Confusion:
    """One judge against a better one, on the thoughts that both were given and the better decided."""

    judge: str
    counts: Mapping[str, Mapping[str, int]]
    """By what the better one found (`an option`, `nothing`), then by `OUTCOMES`."""
    agrees: Estimate
    """The same conclusion, where the judge decided."""


@dataclass(frozen=True)
class Corrected:
    """Consistency as one judge sees it, and corrected for its error."""

    judge: str
    condition: str
    """Or `all`."""
    seen: Estimate
    sensitivity: Estimate
    specificity: Estimate
    corrected: Estimate
    by_reference: Estimate
    """Consistency as the better judge sees it, on what it judged."""


@dataclass(frozen=True)
class Reference:
    """A better judge."""

    name: str
    thoughts: int
    confusions: tuple[Confusion, ...]
    corrected: tuple[Corrected, ...]


@dataclass(frozen=True)
class Judging:
    """All that the report says of judges."""

    judges: tuple[JudgeRow, ...]
    panel: tuple[str, ...]
    """Whose majority fills the columns; empty: the audit's own judge."""
    outcomes: Mapping[str, int]
    """How the panel's votes went."""
    pairs: Mapping[tuple[str, str], Estimate]
    among: tuple[str, ...]
    """Whose agreement the coefficients give: the panel's, where it is several; else that of all."""
    kappa: Estimate
    alpha: Estimate
    references: tuple[Reference, ...]
