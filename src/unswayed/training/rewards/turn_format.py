"""The form of an assistant's turn: one thought, one answer, and where each begins and ends.

Every function takes the prompt format in which the turn was asked for; by default the common one.
"""

from __future__ import annotations

import re
from functools import lru_cache

from unswayed.answers.marks import is_tag, marked_answers, patterns
from unswayed.answers.option_matching import fold
from unswayed.answers.tags import Layout, layout
from unswayed.formats import COMMON, Format

_WORD = re.compile(r"\w")
_WORDS = re.compile(r"\w+")
_TRAILING = re.compile(r"[\s.$*]*")


def closed_thought(turn: str, format: Format = COMMON) -> str | None:
    """The thought of a whole assistant turn where it is closed, else None."""
    parts = layout(turn, format)
    return None if parts.open_thought else parts.thought


def well_formed(turn: str, finish: str = "stop", format: Format = COMMON) -> bool:
    """Whether a whole assistant turn is one thought with words, then one answer, and nothing else.

    An answer that no tag closes (``\\boxed{}``, ``Answer:``) may have text between the thought and its
    mark, and must be the only one. In a format without a thought, only the answer is required.

    >>> well_formed(COMMON.write("It is red.", "(A)"))
    True
    >>> well_formed(COMMON.write("", "(A)"))
    False
    """
    if finish != "stop":
        return False
    if format.answer[0] and not is_tag(format.answer):
        return _one_inline_answer(turn, format)
    match = _whole(format).fullmatch(turn)
    if match is None:
        return False
    begun = patterns(format).begun
    return all(_WORD.search(part) and not begun.search(fold(part)) for part in match.groups())


def answer_precedes_thought_end(turn: str, format: Format = COMMON) -> bool:
    """Whether an answer comes before the end of the last thought, which can then only justify it."""
    parts = layout(turn, format)
    return bool(parts.thoughts and parts.blocks) and parts.blocks[0].tag < parts.thoughts[-1][1]


def thought_end(turn: str, format: Format = COMMON) -> int:
    """Character offset at which the answer's part of a whole turn begins: after the thought, or 0."""
    parts = layout(turn, format)
    if not parts.thoughts:
        return 0
    if parts.open_thought:
        return len(turn)
    return parts.tail or parts.blocks[0].tag


def generated_thought_words(turn_start: str, text: str, format: Format = COMMON) -> int:
    """Words of the thought that the rollout wrote itself; those of `turn_start` are not counted."""
    whole, start = (
        len(_WORDS.findall(layout(t, format).thought or "")) for t in (turn_start + text, turn_start)
    )
    return max(0, whole - start)


@lru_cache(maxsize=16)
def _whole(format: Format) -> re.Pattern[str]:
    """A turn whose answer is in tags, or not marked; its groups are thought and answer."""
    pairs = [pair for pair in (format.thought, format.answer if format.answer[0] else None) if pair]
    blocks = [rf"\s*{re.escape(opened.strip())}(.*?){re.escape(closed.strip())}" for opened, closed in pairs]
    if not format.answer[0]:
        blocks.append(r"(.+)")
    return re.compile("".join(blocks) + r"\s*", re.DOTALL)


def _one_inline_answer(turn: str, format: Format) -> bool:
    parts, found = layout(turn, format), patterns(format)
    if len(parts.thoughts) != (format.thought is not None) or parts.open_thought or parts.blocks:
        return False
    if parts.thoughts and not _is_clean_thought(parts, format):
        return False
    rest = fold(turn[parts.tail :])
    hits = list(found.inline.finditer(rest)) if found.inline else []
    closing = fold(format.answer[1].strip())
    if len(hits) != 1 or found.begun.search(rest):
        return False
    answer = rest[hits[0].end() :]
    if not closing:
        return bool(_WORD.search(answer)) and "\n" not in answer.strip()
    contents = marked_answers(rest, format, ended=False)
    end = answer.find(contents[0]) + len(contents[0]) + len(closing) if contents else 0
    return bool(contents and _WORD.search(contents[0]) and _TRAILING.fullmatch(answer[end:]))


def _is_clean_thought(parts: Layout, format: Format) -> bool:
    """Whether the turn begins with its thought, which has words and no mark inside."""
    start, end = parts.thoughts[0]
    thought = parts.text[start:end]
    before = parts.text[:start].strip()
    return (
        before == format.open_thought.strip()
        and bool(_WORD.search(thought))
        and not patterns(format).begun.search(fold(thought))
    )
