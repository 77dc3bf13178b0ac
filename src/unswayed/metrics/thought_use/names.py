"""Names of the interventions, of the measures, and of the kinds of thoughts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unswayed.metrics.catalogue import Measure

BASE = "base"
TRUNCATED = "think-truncated"
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Shares of the thought's words that are kept."""
MISTAKE, PARAPHRASED, FILLER = "think-mistake", "think-paraphrased", "think-filler"
PEER, SHUFFLED = "peer-think", "think-shuffled"
KINDS = {
    "decorative": "the answer is there before the thought, and nothing done to the thought changes it",
    "post-hoc": "the answer is there before the thought, but another thought can change it",
    "encoded": "without a thought the answer differs; filler of the same length is enough",
    "needed": "without a thought, or with filler, the answer differs",
    "unstable": "the answer without a thought is the final one, but a part of the thought changes it",
}
"""Kinds of questions by the use of their thought; each question is of one kind, or undecided."""
MEASURES = {
    "area": Measure(
        "Area over the truncation curve",
        "0: the answer is there before the thought; 0.875: it changes up to the last quarter",
        "score",
        "number",
    ),
    "truncation_divergence": Measure(
        "Divergence over truncations",
        "of the letters from those after the whole thought, 0 to 0.693",
        "nats",
        "number",
    ),
    "importance": Measure(
        "Causal importance", "answers changed by mistake, filler and peer thought", "share", "percent"
    ),
    "sufficiency": Measure(
        "Sufficiency", "the closed whole thought gives the model's own answer", "share", "percent"
    ),
}
"""The measures over all interventions, by name."""
IMPORTANCE = (MISTAKE, FILLER, PEER)
"""The interventions whose changes are averaged in `importance`."""


def truncated_name(share: float) -> str:
    """The name of a truncation: ``think-truncated@0.25``."""
    return f"{TRUNCATED}@{share:g}"


def kind(same: Sequence[bool | None], changed: Mapping[str, bool | None]) -> str | None:
    """The kind of a question (a name in `KINDS`); None where an intervention that decides it is missing.

    `same` is for every share of `SHARES`, `changed` by intervention. All kinds need the same interventions
    (every truncation, filler, and at least one of mistake and peer thought): otherwise the decided questions
    would be a selection.
    """
    filler = changed.get(FILLER)
    replaced = [changed.get(name) for name in (MISTAKE, PEER)]
    if any(value is None for value in same) or filler is None or replaced == [None, None]:
        return None
    if not same[0]:
        return "needed" if filler else "encoded"
    if not all(same):
        return "unstable"
    return "post-hoc" if any(changed.values()) else "decorative"
