"""Names of the picture interventions, of their strengths and of the measures of image reliance."""

from __future__ import annotations

from unswayed.conditions import ABSTAIN_SUFFIX
from unswayed.metrics.catalogue import Measure

BASE, BLANK = "base", "blank-image"
SWAPPED, MASKED, ELSEWHERE = "swapped-image", "masked-evidence", "masked-elsewhere"
NOISE, BLUR, LOW_RESOLUTION = "noise", "blur", "low-resolution"
ROTATED, MIRRORED = "rotated", "mirrored"
STRENGTHS: dict[str, tuple[float, ...]] = {
    NOISE: (0.25, 0.5, 0.75),
    BLUR: (0.02, 0.05, 0.1),
    LOW_RESOLUTION: (0.25, 0.1, 0.05),
}
"""From weak to strong. Noise: share of each value that is replaced; blur: standard deviation as a share of
the shorter side; low resolution: share of each side that is kept."""
TURNS = (90, 180, 270)
"""Degrees clockwise."""
CAPTIONS = ("correct-caption", "wrong-caption")
EVIDENCE = ("visible", "masked")
"""The two sides of the 2×2."""
ADMISSION = "wrong-caption"
"""The condition whose cue turns answers, for the hint test."""


def strength_name(kind: str, strength: float) -> str:
    """``noise@0.25``."""
    return f"{kind}@{strength:g}"


def cell_name(caption: str, evidence: str, abstain: bool = False) -> str:
    """The condition of one cell of the 2×2, e.g. ``wrong-caption+masked-evidence+abstain``."""
    picture = f"+{MASKED}" if evidence == "masked" else ""
    return f"{caption}{picture}{ABSTAIN_SUFFIX if abstain else ''}"


CELLS = tuple((caption, evidence) for caption in CAPTIONS for evidence in EVIDENCE)

MEASURES = {
    "needs_picture": Measure(
        "Needs the picture",
        "accuracy under base minus accuracy under a blank picture, on the same questions",
        "share",
        "points",
    ),
    "needs_own_picture": Measure(
        "Needs its own picture",
        "accuracy under base minus accuracy under another question's picture with another right option",
        "share",
        "points",
    ),
    "uses_evidence": Measure(
        "Uses the evidence",
        "accuracy with as much hidden elsewhere minus accuracy with the evidence hidden",
        "share",
        "points",
    ),
    "language_only": Measure(
        "Guesses from text", "right under a blank picture: the language-only baseline", "share", "percent"
    ),
    "above_chance": Measure(
        "Above guessing at random",
        "accuracy under a blank picture minus the mean of 1 / number of options",
        "share",
        "points",
    ),
    "dependent_accuracy": Measure(
        "Right because of its picture",
        "right under base, and not right (wrong, abstained or unreadable) under the swapped picture",
        "share",
        "percent",
    ),
    "paired_accuracy": Measure(
        "Right of both pictures",
        "right under base and of the swapped picture, where its right option is known",
        "share",
        "percent",
    ),
    "answers_new": Measure(
        "Answers the new picture", "the option that is true of the swapped picture", "share", "percent"
    ),
    "same_answer": Measure(
        "Same answer to a swapped picture", "the answer of base again", "share", "percent"
    ),
    "same_words": Measure(
        "Same words to a swapped picture", "the text of base again, word for word", "share", "percent"
    ),
}
"""Measures over all questions, by name."""
DESCRIBES = {
    "new": "true of the new picture, false of the old one",
    "old": "true of the old picture, false of the new one",
    "prior": "false of both, and the same as said of a blank picture",
    "other": "false of both, and not what is said of a blank picture",
}
"""What a thought's statements describe under a swapped picture."""
RESPONSES = {
    "cannot see": "abstains, or says that it cannot see",
    "follows": "answers what the wrong caption asserts",
    "right": "answers the right option",
    "invents": "answers something else",
}
"""What a model does under a wrong caption with the evidence masked; each trial is one, in this order."""
