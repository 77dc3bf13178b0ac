"""Option probabilities: the prefill at which they are measured, and the measures computed from them.

P(letter) is the probability of the next token after everything up to the opened answer tag of the finished
generation. The entropy is the letter entropy H of arXiv 2602.12506.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unswayed.answers.tags import layout, without_cut_tag
from unswayed.errors import BadInput

if TYPE_CHECKING:
    from unswayed.model_io import LetterScores

ANSWER_TAG = "<answer>"
_END_THINK = "</think>"


@dataclass(frozen=True)
class LetterMeasures:
    """Measures of the letter probabilities of one trial."""

    letters: tuple[float, ...]
    """P(option), normalised over the options; length K."""
    outside: float
    """Probability mass on anything but an option letter, before normalising."""
    p_correct: float
    """`letters` at the right option."""
    entropy: float
    """Entropy of `letters` in nats: 0 to ln K."""


def letter_prefill(prefill: str, text: str) -> str:
    """The text up to and including the opened answer tag; always ends in ``<answer>``.

    * With an answer tag outside the thought: up to the first one, which is written ``<answer>``.
    * With a closed thought but no answer tag: up to the end of the thought. Text behind it may contain the
      answer, and would give it away.
    * With an open thought: the whole text, then ``</think>``.
    * Without tags: the whole text, since it is all the reasoning there is.

    In the last two cases an incomplete tag at the end is removed.
    """
    whole = prefill + text
    parts = layout(whole)
    if parts.blocks:
        return whole[: parts.blocks[0].tag] + ANSWER_TAG
    if parts.open_thought:
        return without_cut_tag(whole) + _END_THINK + ANSWER_TAG
    if parts.thoughts:
        return whole[: parts.tail] + ANSWER_TAG
    return without_cut_tag(whole) + ANSWER_TAG


def measure_letters(scores: LetterScores | None, gold: int) -> LetterMeasures | None:
    """Measures of letter scores, normalised over the letters; `gold` is the 0-based right option.

    None without scores, or without mass on any letter. Raises `BadInput` if `gold` is not one of the letters.
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
