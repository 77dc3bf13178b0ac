"""Trials to numbers: pure functions, every number with its 95 % interval and its n.

`summarise` measures one run, `compare` sets two runs side by side, `MEASURES` says what each number
is called and means.
"""

from unswayed.metrics.catalogue import MEASURES, Measure
from unswayed.metrics.compare import Comparison, ConditionComparison, compare
from unswayed.metrics.summarise import summarise
from unswayed.metrics.summary import (
    Claim,
    ConditionRow,
    CurvePoint,
    Estimate,
    Summary,
)

__all__ = [
    "MEASURES",
    "Claim",
    "Comparison",
    "ConditionComparison",
    "ConditionRow",
    "CurvePoint",
    "Estimate",
    "Measure",
    "Summary",
    "compare",
    "summarise",
]
