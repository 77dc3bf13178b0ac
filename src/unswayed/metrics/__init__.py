"""From trials to numbers: pure functions; every number has its 95 % interval and its n.

`summarise` measures one run, `compare` compares two runs, `MEASURES` holds title and meaning of each measure.
"""

from unswayed.metrics.catalogue import MEASURES, Measure
from unswayed.metrics.compare import Comparison, ConditionComparison, MeasureComparison, compare
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
    "MeasureComparison",
    "Summary",
    "compare",
    "summarise",
]
