"""Option probabilities at the answer's place: where that place is, and what the numbers amount to.

P(letter) is one quantity: after the generation, one more token with everything up to the opened
answer tag prefilled. Entropy of the letters as in arXiv 2602.12506 (its letter entropy H).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unswayed.answers.tags import layout, without_cut_tag
from unswayed.errors import BadInput

if TYPE_CHECKING:  # reading answers must not load the backends
    from unswayed.model_io import LetterScores

ANSWER_TAG = "<answer>"
_END_THINK = "</think>"


@dataclass(frozen=True)
class LetterMeasures:
    """What the letter probabilities of one trial amount to."""

    letters: tuple[float, ...]
    """P(option), normalised over the options; length K."""
    outside: float
    """Probability mass on anything but an option letter, before normalising."""
    p_correct: float
    """`letters` at the right option."""
    entropy: float
    """Entropy of `letters` in nats: 0 to ln K."""


def letter_prefill(prefill: str, text: str) -> str:
    """Everything up to and including the opened answer tag; always ends in ``<answer>``.

    * With an answer tag outside the thought: up to the first one (by default a generation stops
      behind its first answer). A tag spelt otherwise is replaced by the plain one.
    * Thought closed but no answer tag: up to where the thought is closed; text behind it may hold the
      answer, which would then be read off itself.
    * Thought still open: the thought is closed first.
    * No tags at all: the whole text is kept, as it is all the thinking there is.

    In the last two cases a tag cut off at the very end is dropped.
    """
    whole = prefill + text
    found = layout(whole)
    if found.blocks:
        return whole[: found.blocks[0].tag] + ANSWER_TAG
    if found.open_thought:
        return without_cut_tag(whole) + _END_THINK + ANSWER_TAG
    if found.thoughts:
        return whole[: found.tail] + ANSWER_TAG
    return without_cut_tag(whole) + ANSWER_TAG


def measure_letters(scores: LetterScores | None, gold: int) -> LetterMeasures | None:
    """Normalise letter scores and take their measures.

    None where there are no scores or no mass on any letter. Raises `BadInput` where `gold` is not
    one of the letters.
    """
    if scores is None:
        return None
    if not 0 <= gold < len(scores.p):
        raise BadInput(f"letter scores: the right option (index {gold}) is not among {len(scores.p)} letters")
    total = math.fsum(scores.p)
    if not (math.isfinite(total) and total > 0 and min(scores.p) >= 0):
        return None
    letters = tuple(p / total for p in scores.p)
    entropy = -math.fsum(p * math.log(p) for p in letters if p > 0)
    return LetterMeasures(letters, scores.outside, letters[gold], max(0.0, entropy))
