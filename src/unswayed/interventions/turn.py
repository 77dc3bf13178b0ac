"""A stored assistant turn as head, thought and tail, so that another thought can stand in its place."""

from __future__ import annotations

from dataclasses import dataclass

from unswayed.answers.letter_probs import ANSWER_TAG, letter_prefill
from unswayed.answers.tags import layout
from unswayed.conditions import OPEN_THINK, NotAsked

_CLOSE_THINK = "</think>"


@dataclass(frozen=True)
class Turn:
    """`head` + `thought` + `tail` is the turn up to and including the opened answer tag."""

    head: str
    """Everything before the thought; ends in the tag that opens it."""
    thought: str
    """The thought with its outer blanks."""
    tail: str
    """The tag that closes the thought, what stood before the answer, and ``<answer>``."""

    def closed(self, thought: str) -> str:
        """A prefill with `thought` in place of the stored one, closed, up to the position of the letter."""
        return self.head + thought + self.tail

    def open(self, thought: str) -> str:
        """A prefill in which `thought` is begun and can be continued."""
        return self.head + thought


def split_turn(prefill: str, text: str) -> Turn | NotAsked:
    """The turn of a stored trial. With its own thought, `closed` is exactly the trial's letter prefill
    (`answers.letter_probs.letter_prefill`), unless a tag around the thought is missing and is added here.

    >>> split_turn("", "<think>It is red.</think>\\n<answer>A</answer>")
    Turn(head='<think>', thought='It is red.', tail='</think>\\n<answer>')
    """
    whole = prefill + text
    spans = layout(whole).thoughts
    if len(spans) != 1:
        return NotAsked(f"the turn holds {len(spans)} thoughts; interventions need exactly one")
    start, end = spans[0]
    letters = letter_prefill(prefill, text)
    if not letters.startswith(whole[:end]):
        return NotAsked("the answer stands before the thought")
    head, tail = whole[:start], letters[end:]
    if not layout(head).open_thought:
        head += OPEN_THINK
    if layout(head + tail.removesuffix(ANSWER_TAG)).open_thought:
        tail = _CLOSE_THINK + tail
    return Turn(head, whole[start:end], tail)
