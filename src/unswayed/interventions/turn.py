"""A stored assistant turn as head, thought and tail, so that another thought can stand in its place."""

from __future__ import annotations

from dataclasses import dataclass

from unswayed.answers.letter_probs import letter_prefill
from unswayed.answers.tags import layout
from unswayed.conditions import NotAsked
from unswayed.formats import COMMON, Format


@dataclass(frozen=True)
class Turn:
    """`head` + `thought` + `tail` is the turn up to the place of the answer's letter."""

    head: str
    """Everything before the thought; ends in the tag that opens it."""
    thought: str
    """The thought with its outer blanks."""
    tail: str
    """The mark that closes the thought, what stood before the answer, and the mark that opens the answer."""

    def closed(self, thought: str) -> str:
        """A prefill with `thought` in place of the stored one, closed, up to the position of the letter."""
        return self.head + thought + self.tail

    def open(self, thought: str) -> str:
        """A prefill in which `thought` is begun and can be continued."""
        return self.head + thought


def split_turn(prefill: str, text: str, format: Format = COMMON) -> Turn | NotAsked:
    """The turn of a stored trial. With its own thought, `closed` is exactly the trial's letter prefill
    (`answers.letter_probs.letter_prefill`), unless a tag around the thought is missing and is added here.

    >>> turn = split_turn("", COMMON.write("It is red.", "A"))
    >>> turn.thought, turn.closed("") == COMMON.up_to_letter("")
    ('It is red.', True)
    """
    whole = prefill + text
    spans = layout(whole, format).thoughts
    if len(spans) != 1:
        return NotAsked(f"the turn holds {len(spans)} thoughts; interventions need exactly one")
    start, end = spans[0]
    letters = letter_prefill(prefill, text, format)
    if not letters.startswith(whole[:end]):
        return NotAsked("the answer stands before the thought")
    head, tail = whole[:start], letters[end:]
    if not layout(head, format).open_thought:
        head += format.open_thought
    if layout(head + tail.removesuffix(format.answer[0]), format).open_thought:
        tail = format.close_thought + tail
    return Turn(head, whole[start:end], tail)
