"""Parses a generation into state, thought and answer. A pure function, versioned by `GRAMMAR`.

`tags` finds thought and answer in the text, `extraction` finds the option that a text chooses. Decided here:

* Prefill and generation are read as one text; the position of the border between them does not matter.
* If there are answer tags outside the thought, only their content counts. All blocks that choose something
  must choose the same one option; blocks that choose nothing are ignored. So an answer given twice is an
  answer, and two different answers are none, in any order.
* Without answer tags, the text after the closed thought (or all of it, if no tag marks a thought) may hold
  the format's own mark (``Answer:``, ``\\boxed{}``), be a short answer or contain "the answer is …". An open
  thought contains no answer.
* A generation that ran out of tokens has an answer only if its answer tag, box or line is closed.
* State, in this order: `ok` (exactly one option), `refused`, `truncated`, `unparsable`.

Grammar 1 was used up to version 0.1. Grammar 2 reads denials, boxes, numbers, lists, Chinese and thoughts
opened by the chat template better, and takes "(A) 4" where option A says 3 for no answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from unswayed.answers.extraction import extract_from_prose, extract_options
from unswayed.answers.marks import marked_answers
from unswayed.answers.option_matching import fold
from unswayed.answers.tags import Block, Layout, layout
from unswayed.formats import COMMON, Format

GRAMMAR = "2"
"""Changes whenever some text would be read differently. Stored in manifests."""

State = Literal["ok", "truncated", "unparsable", "refused"]

_SHORT = 300
"""Length in characters up to which untagged text as a whole is read as an answer."""
_LONG = 4000
"""Length in characters above which an answer block is no answer; of untagged text only its end is read."""
_REFUSAL_WINDOW = 2000
_REFUSAL = re.compile(
    r"\b(?:i\s{1,3}(?:can't|cannot|can not|won't|will not|am unable to|am not able to|must decline to)"
    r"|i'm (?:unable|not able) to|i (?:must|have to) (?:decline|refuse))\s{1,3}"
    r"(?:help|assist|comply|fulfil|provide|answer|do that|engage|continue|discuss|identify|support|process"
    r"|with|this|to)"
    r"|\bi\s{1,3}(?:decline|refuse) to (?:answer|help|assist)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Reading:
    """State, thought and answer of one generation."""

    state: State
    thought: str | None
    """The whole thought, prefill included, without tags; None if no tag marks one."""
    answer: int | None
    """0-based option; None unless `state` is `ok`."""
    answer_text: str | None
    """The text that was read as the answer, whether or not it chooses an option; None without one."""


def read(
    text: str,
    options: Sequence[str],
    *,
    prefill: str = "",
    finish: str = "stop",
    format: Format = COMMON,
) -> Reading:
    """Parse a generation that continues `prefill`; `options` are the texts as shown.

    `finish` is `Generation.finish`; `format` is the format of the prompt. Never raises because of the text.
    Takes time linear in its length.

    >>> read("<think>It is to the left.</think><answer>(A) left</answer>", ["left", "right"])
    Reading(state='ok', thought='It is to the left.', answer=0, answer_text='(A) left')
    """
    parts = layout(prefill + text, format)
    ended = finish != "length"
    if parts.blocks:
        words, chosen = _from_blocks(parts, options, ended)
    else:
        words = parts.outside.strip() or None
        chosen = _from_untagged(words, options, format, ended) if words else frozenset()
    if len(chosen) == 1 and (answer := min(chosen)) >= 0:
        return Reading("ok", parts.thought, answer, words)
    return Reading(_failure(parts, words, finish), parts.thought, None, words)


def _from_blocks(parts: Layout, options: Sequence[str], ended: bool) -> tuple[str | None, frozenset[int]]:
    def content(block: Block) -> str:
        return parts.text[block.start : block.end].strip()

    blocks = [b for b in parts.blocks if content(b)]
    complete = [content(b) for b in blocks if b.closed or ended]
    choices = [(words, extract_options(words, options)) for words in complete if len(words) <= _LONG]
    choices = [(words, choice) for words, choice in choices if choice]
    if choices:
        return choices[-1][0], frozenset().union(*(choice for _, choice in choices))
    return (content(blocks[-1]) if blocks else None), frozenset()


def _from_untagged(words: str, options: Sequence[str], format: Format, ended: bool) -> frozenset[int]:
    """Options that untagged text chooses: behind the format's mark, as a short answer, in its last line, or
    in a sentence."""
    if marked := marked_answers(words, format, ended):
        choices = [extract_options(content, options) for content in marked if len(content) <= _LONG]
        if any(choices):
            return frozenset().union(*choices)
    if not ended:
        return frozenset()
    if len(words) <= _SHORT:
        return extract_options(words, options)
    last = words.rsplit("\n", 1)[-1]
    by_line = extract_options(last, options) if len(last) <= _SHORT else frozenset()
    return by_line | extract_from_prose(words[-_LONG:], options)


def _failure(parts: Layout, words: str | None, finish: str) -> State:
    last = words if words is not None else (parts.thought or "")[-200:] if parts.open_thought else ""
    if finish == "refused" or (finish != "length" and _REFUSAL.search(fold(last[:_REFUSAL_WINDOW]))):
        return "refused"
    return "truncated" if finish == "length" else "unparsable"
