"""Causal use of the thought: how an answer depends on the model's own thought (`unswayed probe`)."""

from unswayed.metrics.thought_use.measures import js_divergence, thought_use
from unswayed.metrics.thought_use.names import (
    BASE,
    FILLER,
    KINDS,
    MEASURES,
    MISTAKE,
    PARAPHRASED,
    PEER,
    SHARES,
    SHUFFLED,
    TRUNCATED,
    kind,
    truncated_name,
)
from unswayed.metrics.thought_use.results import InterventionRow, QuestionUse, ThoughtUse, TruncationPoint

__all__ = [
    "BASE",
    "FILLER",
    "KINDS",
    "MEASURES",
    "MISTAKE",
    "PARAPHRASED",
    "PEER",
    "SHARES",
    "SHUFFLED",
    "TRUNCATED",
    "InterventionRow",
    "QuestionUse",
    "ThoughtUse",
    "TruncationPoint",
    "js_divergence",
    "kind",
    "thought_use",
    "truncated_name",
]
