"""Option probabilities: the prefill at which they are measured, and the measures computed from them.

P(letter) is the probability of the next token after everything up to the place where the format puts the
answer's letter, in the finished generation. The entropy is the letter entropy H of arXiv 2602.12506.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unswayed.answers.marks import patterns
from unswayed.answers.option_matching import fold
from unswayed.answers.tags import Block, Layout, layout, without_cut_tag
from unswayed.errors import BadInput
from unswayed.formats import COMMON, Format

if TYPE_CHECKING:
    from unswayed.model_io import LetterScores


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


def letter_prefill(prefill: str, text: str, format: Format = COMMON) -> str:
    """The turn up to the place of the answer's letter; ends in the mark that opens the answer, if any.

    * With a marked answer outside the thought: up to the first one, whose mark is written as the format does.
    * With a closed thought but no marked answer: up to the end of the thought. Text behind it may contain the
      answer, and would give it away.
    * With an open thought: the whole text, then the mark that closes it.
    * Without tags: the whole text, since it is all the reasoning there is; in a format without a thought only
      the prefill, since the text is the answer.

    Where the whole text is kept, an incomplete mark at its end is removed.
    """
    whole = prefill + text
    parts = layout(whole, format)
    mark = format.answer[0]
    if parts.blocks:
        return whole[: _answer_block(parts).tag] + mark
    if parts.open_thought:
        closed = format.close_thought or format.other_thoughts[0][1]
        return without_cut_tag(whole, format) + closed + mark
    if (inline := patterns(format).inline) and (hit := inline.search(fold(whole), parts.tail)):
        return whole[: hit.start()] + mark
    if parts.thoughts:
        return whole[: parts.tail] + format.gap + mark
    if format.thought is None:
        return prefill + mark
    return _joined(without_cut_tag(whole, format), mark)


def _answer_block(parts: Layout) -> Block:
    """The first block in the marks that the format writes, else the first one."""
    if parts.format.other_answers:
        mark = fold(parts.format.answer[0].strip())
        for block in parts.blocks:
            if fold(parts.text[block.tag : block.start]) == mark:
                return block
    return parts.blocks[0]


def _joined(text: str, mark: str) -> str:
    """`mark` behind `text`, on a line of its own where it is a word."""
    apart = mark[:1].isalnum() and text and not text[-1].isspace()
    return text + ("\n" if apart else "") + mark


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
