"""The results of a probe: plain frozen values, computed by `measures`, shown by terminal and report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import scipy

from unswayed.metrics.summary import Estimate
from unswayed.metrics.thought_use.names import SHARES


@dataclass(frozen=True)
class TruncationPoint:
    """One point of the truncation curve."""

    share: float
    same: Estimate
    """Share of thoughts after which the answer is already the final one."""
    p_final: Estimate
    """Mean probability of the final answer among the letters."""
    divergence: Estimate
    """Mean Jensen-Shannon divergence from the letters after the whole thought, in nats."""


@dataclass(frozen=True)
class InterventionRow:
    """What one intervention did to the answers."""

    condition: str
    states: dict[str, int]
    """Number of trials by state."""
    changed: Estimate
    """Share of thoughts with another answer than without the intervention."""
    divergence: Estimate
    """Mean Jensen-Shannon divergence of the letters, in nats: 0 to ln 2."""
    accuracy: Estimate
    followed: Estimate
    """Share that answers the option that the inserted text leads to, where it leads to one."""


@dataclass(frozen=True)
class QuestionUse:
    """One thought: what each intervention did."""

    benchmark: str
    uid: str
    group: str
    sample: int
    kind: str | None
    """A name in `KINDS`; None: an intervention that decides it is missing."""
    same: tuple[bool | None, ...]
    """For every share of `SHARES`: whether the answer is the final one. None: not measured."""
    changed: Mapping[str, bool | None]
    """For every other intervention: whether the answer changed."""

    @cached_property
    def area(self) -> float | None:
        """The area over this question's truncation curve; None where a point is missing."""
        if any(same is None for same in self.same):
            return None
        over = [0.0 if same else 1.0 for same in self.same]
        return float(scipy.integrate.trapezoid(over, SHARES))


@dataclass(frozen=True)
class ThoughtUse:
    """All measures of one probed run."""

    model: str
    n_thoughts: int
    n_groups: int
    curve: tuple[TruncationPoint, ...]
    rows: tuple[InterventionRow, ...]
    measures: dict[str, Estimate]
    """Names as in `MEASURES`, in that order; one that cannot be measured is absent."""
    kinds: dict[str, Estimate]
    """Share of each kind among decided questions; empty where none is decided."""
    questions: tuple[QuestionUse, ...]
