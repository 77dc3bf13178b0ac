"""The form of an assistant's turn: one thought, one answer, and where each begins and ends."""

from __future__ import annotations

import re

from unswayed.answers.option_matching import fold
from unswayed.answers.tags import layout

_WHOLE = re.compile(r"\s*<think>(?P<thought>.*?)</think>\s*<answer>(?P<answer>.*?)</answer>\s*", re.DOTALL)
_ANY_TAG = re.compile(r"<[\s/]{0,4}(?:think(?:ing)?|answer)\b", re.IGNORECASE)
_WORD = re.compile(r"\w")
_WORDS = re.compile(r"\w+")


def closed_thought(turn: str) -> str | None:
    """The thought of a whole assistant turn where it is closed, else None."""
    parts = layout(turn)
    return None if parts.open_thought else parts.thought


def well_formed(turn: str, finish: str = "stop") -> bool:
    """Whether a whole assistant turn is one thought with words, then one answer, and nothing else.

    >>> well_formed("<think>It is red.</think><answer>(A)</answer>")
    True
    >>> well_formed("<think></think><answer>(A)</answer>")
    False
    """
    match = _WHOLE.fullmatch(turn)
    if match is None or finish != "stop":
        return False
    return all(
        _WORD.search(part) and not _ANY_TAG.search(fold(part)) for part in (match["thought"], match["answer"])
    )


def answer_precedes_thought_end(turn: str) -> bool:
    """Whether an answer comes before the end of the last thought, which can then only justify it."""
    parts = layout(turn)
    return bool(parts.thoughts and parts.blocks) and parts.blocks[0].tag < parts.thoughts[-1][1]


def thought_end(turn: str) -> int:
    """Character offset at which the answer's part of a whole turn begins: after the thought, or 0."""
    parts = layout(turn)
    if not parts.thoughts:
        return 0
    if parts.open_thought:
        return len(turn)
    return parts.tail or parts.blocks[0].tag


def generated_thought_words(turn_start: str, text: str) -> int:
    """Words of the thought that the rollout wrote itself; those of `turn_start` are not counted."""
    whole, start = (len(_WORDS.findall(layout(t).thought or "")) for t in (turn_start + text, turn_start))
    return max(0, whole - start)
