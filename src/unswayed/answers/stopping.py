"""Where a stop string ends a generation: only after the thought is closed.

A model may write the answer tag inside its thought ("Maybe <answer>A</answer>? No."). A stop string that
counted there would cut the generation before its answer. Backends that see the text as it grows ask
`first_stop`; backends whose server can only cut at plain strings send no stop string while a thought may be
open, and cut the reply here.
"""

from __future__ import annotations

from collections.abc import Sequence

from unswayed.answers.marks import patterns
from unswayed.answers.option_matching import fold
from unswayed.answers.tags import thought_spans
from unswayed.formats import COMMON, Format


def first_stop(text: str, stop: Sequence[str], *, prefill: str = "", format: Format = COMMON) -> int | None:
    """Position in `text` right behind the first stop string that counts; None without one.

    `prefill` is what precedes `text` in the assistant's turn, including a thought tag that the chat
    template opens. A stop string does not count while a thought is open, nor where it closes an answer
    block without content. Linear in the length of the text for any fixed `stop`.

    >>> first_stop("<think>Maybe <answer>A</answer>? No.</think><answer>B</answer> and", ["</answer>"])
    62
    >>> first_stop("Maybe <answer>A</answer>? No.", ["</answer>"], prefill="<think>") is None
    True
    """
    if not any(s and s in text for s in stop):
        return None
    whole = prefill + text
    spans = thought_spans(whole, format)
    blank_answer = patterns(format).blank_answer
    best: int | None = None
    for s in filter(None, stop):
        span = 0
        at = text.find(s)
        while at >= 0 and (best is None or at + len(s) < best):
            place = len(prefill) + at
            while span < len(spans) and spans[span][1] <= place:
                span += 1
            inside = span < len(spans) and spans[span][0] <= place
            if not inside and not blank_answer.search(fold(whole[max(0, place - 60) : place])):
                best = at + len(s)
                break
            at = text.find(s, at + 1)
    return best
