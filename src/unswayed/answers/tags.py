"""Positions of thought and answer in a generation, by tags alone.

* Tags are the marks of the prompt format (`marks`), in the common format `<think>` (also `<thinking>`) and
  `<answer>`. An answer that the format marks otherwise (``\\boxed{}``, ``Answer:``) is no block.
* Text in a *closed* thought is thought, whatever tags it contains. A thought that is never closed ends at the
  first answer tag in it, or else at the end of the text.
* A thought opened twice is one thought. A closing tag without an opening one ends a thought that began at the
  start (the chat template opened it), with the answer tags before it; if nothing follows it and there was an
  answer, it means nothing. Behind a closed thought it extends that thought; behind an answer after one, it
  means nothing.
* Several thoughts are one, joined by a line break. Text before, between and after them is no thought.
* An answer block ends at the next tag of any kind, or at the end of the text.
"""

from __future__ import annotations

from dataclasses import dataclass

from unswayed.answers.marks import cut_mark, patterns
from unswayed.answers.option_matching import fold, strip_markup
from unswayed.formats import COMMON, Format


@dataclass(frozen=True)
class _Tag:
    think: bool
    closing: bool
    start: int
    end: int


@dataclass(frozen=True)
class Block:
    """One answer block; character positions in the text."""

    tag: int
    """Start of the opening tag, or of the content if only the closing tag exists."""
    start: int
    end: int
    closed: bool
    """Whether another tag follows the content."""


@dataclass(frozen=True)
class Layout:
    """Positions of thoughts and answer blocks in one text."""

    text: str
    thoughts: tuple[tuple[int, int], ...]
    """(start, end) of the content of each thought."""
    open_thought: bool
    """The last thought runs to the end of the text, unclosed."""
    blocks: tuple[Block, ...]
    """Answer blocks outside the thoughts, in order."""
    tail: int
    """Start of the text after the last closed thought; 0 without one."""
    format: Format = COMMON

    @property
    def thought(self) -> str | None:
        """The whole thought without tags and outer blanks; None if no tag marks one."""
        if not self.thoughts:
            return None
        think = patterns(self.format).think
        parts = []
        for start, end in self.thoughts:
            at = start
            for tag in think.finditer(fold(self.text[start:end])):
                parts.append(self.text[at : start + tag.start()])
                at = start + tag.end()
            parts.append(self.text[at:end])
        return "\n".join(stripped for part in parts if (stripped := part.strip()))

    @property
    def outside(self) -> str:
        """The text after the last thought, or before the first one if that is blank, with tags as blanks.

        Empty if the last thought is open.
        """
        if self.open_thought:
            return ""
        tag = patterns(self.format).tag
        after = tag.sub(" ", fold(self.text[self.tail :]))
        if after.strip() or not self.thoughts:
            return after
        return tag.sub(" ", fold(self.text[: self.thoughts[0][0]]))


def without_cut_tag(text: str, format: Format = COMMON) -> str:
    """`text` without an incomplete tag at its end, where a generation was cut off."""
    return text[: len(text) - cut_mark(text, format)]


def layout(text: str, format: Format = COMMON) -> Layout:
    """Thoughts and answer blocks of prefill and generation, joined. Linear in time."""
    found = patterns(format)
    tags = [_Tag(*found.kind(hit), hit.start(), hit.end()) for hit in found.tag.finditer(fold(text))]
    thoughts, open_thought, tail = _thoughts(text, tags)
    blocks = tuple(_blocks(text, tags, thoughts, tail))
    return Layout(text, tuple(thoughts), open_thought, blocks, tail, format)


def thought_spans(text: str, format: Format = COMMON) -> list[tuple[int, int]]:
    """(from, to) of every stretch in which a thought is open, the last one perhaps to the end of the text.

    Unlike in `layout`, an answer tag does not end an open thought: whether the thought is closed later
    cannot be known while a text grows. A closing tag that closes nothing ends a thought that began at the
    start.
    """
    spans: list[tuple[int, int]] = []
    opened: int | None = None
    found = patterns(format)
    for tag in found.think.finditer(fold(text)):
        if not found.closes(tag):
            opened = tag.end() if opened is None else opened
        elif opened is not None:
            spans.append((opened, tag.start()))
            opened = None
        elif not spans:
            spans.append((0, tag.start()))
    return spans if opened is None else [*spans, (opened, len(text))]


def _thoughts(text: str, tags: list[_Tag]) -> tuple[list[tuple[int, int]], bool, int]:
    """Spans of the thoughts, whether the last one is open, and where the text behind the last one begins."""
    thoughts: list[tuple[int, int]] = []
    opened: int | None = None
    answer_in_open: int | None = None
    answered = False
    tail = 0
    for tag in tags:
        if not tag.think:
            if opened is None:
                answered = True
            elif answer_in_open is None and not tag.closing:
                answer_in_open = tag.start
        elif not tag.closing:
            if opened is not None and answer_in_open is not None:
                thoughts.append((opened, answer_in_open))
                opened, answered = None, True
            if opened is None:
                opened, answer_in_open = tag.end, None
        elif opened is not None:
            thoughts.append((opened, tag.start))
            opened, tail, answered = None, tag.end, False
        elif not thoughts and (not answered or strip_markup(text[tag.end : tag.end + 4000])):
            # The chat template opened the thought. Answer tags before this one are part of it.
            thoughts.append((0, tag.start))
            tail, answered = tag.end, False
        elif not answered:
            thoughts[-1] = (thoughts[-1][0], tag.start)
            tail = tag.end
    if opened is None:
        return thoughts, False, tail
    if answer_in_open is not None:
        return [*thoughts, (opened, answer_in_open)], False, answer_in_open
    return [*thoughts, (opened, len(text))], True, tail


def _blocks(text: str, tags: list[_Tag], thoughts: list[tuple[int, int]], tail: int) -> list[Block]:
    blocks: list[Block] = []
    inside = iter([*thoughts, (len(text) + 1, len(text) + 1)])
    begin, end = next(inside)
    for n, tag in enumerate(tags):
        while tag.start >= end:
            begin, end = next(inside)
        if tag.think or begin <= tag.start:
            continue
        if not tag.closing:
            last = n + 1 == len(tags)
            blocks.append(Block(tag.start, tag.end, len(text) if last else tags[n + 1].start, not last))
        elif not blocks and (n == 0 or tags[n - 1].think):  # only its closing tag was written
            blocks.append(Block(tail, tail, tag.start, True))
    return blocks
