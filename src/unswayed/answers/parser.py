"""What a generation says: the grammar of thought and answer. A pure function, versioned by `GRAMMAR`.

Where thought and answer stand is decided in `tags`, which option a text chooses in `choice`; here:

* Prefill and generation are read as one text; where the border lies makes no difference.
* With answer tags outside the thought, only they count. All blocks that choose something must choose
  the same one option; blocks that choose nothing are passed over. So an answer given twice is fine
  and two different answers are none, in whichever order.
* Without answer tags, the text after the closed thought (or all of it, where no tag marks a thought)
  may be a short answer or say "the answer is …". An open thought holds no answer.
* A generation that ran out of tokens has answered only if the answer's tag is closed.
* State, in this order: `ok` (one option), `refused`, `truncated`, `unparsable`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from unswayed.answers.extraction import extract_options, extract_from_prose
from unswayed.answers.option_matching import fold
from unswayed.answers.tags import Block, Layout, layout

GRAMMAR = "1"
"""Changes whenever some text would be read differently."""

State = Literal["ok", "truncated", "unparsable", "refused"]

_SHORT = 300
"""Characters up to which untagged text is read as an answer in itself."""
_LONG = 4000
"""A longer answer block is no answer; of longer untagged text only so much of its end is read."""
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
    """What a generation says."""

    state: State
    thought: str | None
    """The whole thought, prefill included, without tags; None where nothing marks one."""
    answer: int | None
    """0-based option, exactly where `state` is `ok`."""
    answer_text: str | None
    """The words that were read as the answer (whether or not they are one); None without any."""


def read(text: str, options: Sequence[str], *, prefill: str = "", finish: str = "stop") -> Reading:
    """Read a generation that continues `prefill`, with the options as shown.

    `finish` is a `Generation.finish`. Never raises, whatever the text; linear in its length.

    >>> read("<think>It is to the left.</think><answer>(A) left</answer>", ["left", "right"])
    Reading(state='ok', thought='It is to the left.', answer=0, answer_text='(A) left')
    """
    found = layout(prefill + text)
    ended = finish != "length"
    if found.blocks:
        words, options_chosen = _from_blocks(found, options, ended)
    else:
        words = found.outside.strip() or None
        options_chosen = _from_prose(words, options) if words and ended else frozenset()
    if len(options_chosen) == 1 and (answer := min(options_chosen)) >= 0:
        return Reading("ok", found.thought, answer, words)
    return Reading(_failed(found, words, finish), found.thought, None, words)


def _from_blocks(found: Layout, options: Sequence[str], ended: bool) -> tuple[str | None, frozenset[int]]:
    def content(block: Block) -> str:
        return found.text[block.start : block.end].strip()

    blocks = [b for b in found.blocks if content(b)]
    complete = [content(b) for b in blocks if b.closed or ended]
    choices = [(words, extract_options(words, options)) for words in complete if len(words) <= _LONG]
    telling = [(words, choice) for words, choice in choices if choice]
    if telling:
        return telling[-1][0], frozenset().union(*(choice for _, choice in telling))
    return (content(blocks[-1]) if blocks else None), frozenset()


def _from_prose(words: str, options: Sequence[str]) -> frozenset[int]:
    """Untagged text: a short answer, a last line that is one, or a sentence that says it."""
    if len(words) <= _SHORT:
        return extract_options(words, options)
    last = words.rsplit("\n", 1)[-1]
    by_line = extract_options(last, options) if len(last) <= _SHORT else frozenset()
    return by_line | extract_from_prose(words[-_LONG:], options)


def _failed(found: Layout, words: str | None, finish: str) -> State:
    speech = words if words is not None else (found.thought or "")[-200:] if found.open_thought else ""
    if finish == "refused" or (finish != "length" and _REFUSAL.search(fold(speech[:_REFUSAL_WINDOW]))):
        return "refused"
    return "truncated" if finish == "length" else "unparsable"
