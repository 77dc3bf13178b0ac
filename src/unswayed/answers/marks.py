"""Patterns that find the marks of a format in a text.

Marks in angle brackets are found in any case, with blanks inside, in full-width brackets or in ◁ ▷, closing
ones with the slash anywhere. Other marks (``[THINK]``, ``<|begin_of_box|>``) are found exactly as they are.
Marks are searched in folded text (`option_matching.fold`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from unswayed.answers.option_matching import fold
from unswayed.formats import THINK, Format, Marks
from unswayed.formats.registry import known_thoughts

_ANGLED = re.compile(r"<([\w:.-]{1,30})>")
_NOTHING = re.compile(r"(?!)")
_BLANK = re.compile(r"[\s*_]{0,20}")
_BOX = re.escape("\\boxed{")
_OPENING_WINDOW = 200
_MOST_MARKS = 50
_LONGEST = 400
"""Most marks that are looked at, and the longest content in braces; they bound the time."""


@dataclass(frozen=True)
class Patterns:
    """The marks of one format, compiled."""

    tag: re.Pattern[str]
    """Any mark that opens or closes a thought or an answer. Group 1: name of one in angle brackets."""
    think: re.Pattern[str]
    """Any mark of a thought."""
    begun: re.Pattern[str]
    """The beginning of any mark, as far as its name."""
    thought_names: frozenset[str]
    literals: dict[str, tuple[bool, bool]]
    """Marks that are not in angle brackets: (of a thought, closing)."""
    inline: re.Pattern[str] | None
    """What opens an answer that no tag closes, e.g. ``Answer:``; None where the format has no such mark."""
    blank_answer: re.Pattern[str]
    """An answer that was opened and has no content, at the end of a text."""
    written: tuple[str, ...]
    """The written marks that begin with punctuation, folded, without outer blanks."""

    def kind(self, hit: re.Match[str]) -> tuple[bool, bool]:
        """Whether a match of `tag` is of a thought, and whether it closes."""
        name = hit[1]
        if name is None:
            return self.literals[hit[0]]
        return name.lower() in self.thought_names, "/" in hit[0]

    def closes(self, hit: re.Match[str]) -> bool:
        """Whether a match of `tag` or `think` closes a thought or an answer."""
        return "/" in hit[0] if hit[1] is not None else self.literals[hit[0]][1]


@lru_cache(maxsize=64)
def patterns(format: Format) -> Patterns:
    """The patterns of a format."""
    thoughts = _folded(format.thought_marks)
    answers = [marks for marks in _folded(format.answer_marks) if is_tag(marks)]
    thought_names, thought_literals = _split(thoughts)
    answer_names, answer_literals = _split(answers)
    literals = {
        mark: (of_thought, closing)
        for of_thought, pairs in ((True, thought_literals), (False, answer_literals))
        for pair in pairs
        for closing, mark in enumerate(pair)
    }
    return Patterns(
        tag=_tags(sorted(thought_names) + sorted(answer_names), literals),
        think=_tags(sorted(thought_names), [mark for pair in thought_literals for mark in pair]),
        begun=_tags(sorted(thought_names) + sorted(answer_names), literals, end=r"\b"),
        thought_names=frozenset(thought_names),
        literals={mark: (kind, bool(closing)) for mark, (kind, closing) in literals.items()},
        inline=_inline(format.answer),
        blank_answer=_blank_answer(answer_names, [opened for opened, _ in answer_literals]),
        written=tuple(
            mark.casefold()
            for mark in (*(m for pair in _folded((format.thought,)) for m in pair),
                         *(m for pair in _folded((format.answer,)) for m in pair))
            if mark and not mark[0].isalnum()
        ),
    )  # fmt: skip


def is_tag(marks: Marks) -> bool:
    """Whether the pair of marks is read as tags around a block; ``\\boxed{}`` and ``Answer:`` are not."""
    return len(marks[1].strip()) > 1


def cut_mark(text: str, format: Format) -> int:
    """Length of the incomplete mark at the end of `text`, where a generation was cut off; 0 without one."""
    longest = max((len(mark) for mark in patterns(format).written), default=0)
    end = fold(text[-longest:]).casefold() if longest else ""
    return next(
        (
            n
            for n in range(min(len(end), longest - 1), 0, -1)
            if any(len(mark) > n and mark.startswith(end[-n:]) for mark in patterns(format).written)
        ),
        0,
    )


def template_opening(text: str) -> str:
    """How a rendered prompt's end opens a thought, in the marks of any known format; empty where it does not.

    A template may also close it at once: ``<think>\\n\\n</think>\\n\\n``.
    """
    end = text[-_OPENING_WINDOW:]
    folded, found = fold(end), patterns(_any_format())
    hits = list(found.think.finditer(folded))
    if not hits or folded[hits[-1].end() :].strip():
        return ""
    if not found.closes(hits[-1]):
        return end[hits[-1].start() :]
    if len(hits) == 1 or found.closes(hits[-2]) or folded[hits[-2].end() : hits[-1].start()].strip():
        return ""
    return end[hits[-2].start() :]


@lru_cache(maxsize=1)
def _any_format() -> Format:
    """A format that reads the marks of all presets' thoughts."""
    return Format("any", thought=THINK, other_thoughts=known_thoughts())


def marked_answers(text: str, format: Format, ended: bool) -> list[str]:
    """The contents behind the inline marks of the format: up to the closing mark, or the end of the line.

    Where the text did not end by itself, the last content counts only if it is closed. Boxes
    (``\\boxed{}``) are none of them in a text that ended: `extraction` reads them in every format.
    """
    opening = patterns(format).inline
    if opening is None:
        return []
    folded, contents = fold(text), []
    closing = fold(format.answer[1].strip())
    if closing and ended and opening.pattern == _BOX:
        return []
    for n, hit in enumerate(opening.finditer(folded)):
        if n == _MOST_MARKS:
            break
        blank = _BLANK.match(folded, hit.end())
        start = blank.end() if blank else hit.end()
        end = _closing(folded, start, closing)
        if end >= 0 or (ended and not closing):
            contents.append(text[start : end if end >= 0 else len(text)])
    return [content for content in contents if content.strip()]


def _closing(text: str, start: int, closing: str) -> int:
    """Where the content that begins at `start` ends; -1 where nothing closes it."""
    if closing != "}":
        return text.find(closing or "\n", start)
    depth = 0
    for at in range(start, min(len(text), start + _LONGEST)):
        depth += (text[at] == "{") - (text[at] == "}")
        if depth < 0:
            return at
    return -1


def _folded(pairs: Iterable[Marks | None]) -> list[Marks]:
    return [(fold(pair[0].strip()), fold(pair[1].strip())) for pair in pairs if pair is not None]


def _split(pairs: Iterable[Marks]) -> tuple[list[str], list[Marks]]:
    """Names of the pairs in angle brackets, in lower case; and the other pairs."""
    names, literals = [], []
    for opened, closed in pairs:
        match = _ANGLED.fullmatch(opened)
        if match and closed == f"</{match[1]}>":
            names.append(match[1].lower())
        else:
            literals.append((opened, closed))
    return names, literals


def _tags(names: Iterable[str], literals: Iterable[str], end: str = r"\s{0,4}>") -> re.Pattern[str]:
    parts = []
    if joined := "|".join(map(re.escape, names)):
        parts.append(rf"<[\s/]{{0,4}}({joined}){end}")
    else:
        parts.append(r"((?!))")
    if joined := "|".join(re.escape(mark) for mark in sorted(literals, key=len, reverse=True)):
        parts.append(f"(?-i:{joined})")
    return re.compile("|".join(parts), re.IGNORECASE)


def _inline(answer: Marks) -> re.Pattern[str] | None:
    opened = fold(answer[0].strip())
    if not opened or is_tag(answer):
        return None
    if not opened[0].isalnum():
        return re.compile(re.escape(opened))
    words = r"\s{1,3}".join(re.escape(word) for word in opened.rstrip(":").split())
    colon = r"[*_\s]{0,4}:" if opened.endswith(":") else r"(?!\w):?"
    return re.compile(rf"(?<!\w)[*_#]{{0,4}}{words}{colon}", re.IGNORECASE)


def _blank_answer(names: Iterable[str], literals: Iterable[str]) -> re.Pattern[str]:
    parts = [rf"<\s{{0,4}}{re.escape(name)}\s{{0,4}}>" for name in names]
    parts += [f"(?-i:{re.escape(mark)})" for mark in literals]
    return re.compile(rf"(?:{'|'.join(parts)})\s{{0,40}}\Z", re.IGNORECASE) if parts else _NOTHING
