"""Share of questions whose cues were not written by the fallback, by benchmark and family."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from unswayed.question import Cues, Question

_HAN = re.compile(r"[\u4e00-\u9fff]")
PLAIN = "plain"
"""`Cue.writer` of the fallback, which covers any question."""


@dataclass(frozen=True)
class Coverage:
    """Counts of one benchmark and family."""

    benchmark: str
    family: str
    questions: int
    captions: int
    """Questions whose wrong and right caption both exist and are not the fallback's."""
    thoughts: int
    """The same for thoughts."""

    @property
    def caption_share(self) -> float:
        """Share of all questions, 0 to 1."""
        return self.captions / self.questions

    @property
    def thought_share(self) -> float:
        """Share of all questions, 0 to 1."""
        return self.thoughts / self.questions


def coverage(written: Iterable[tuple[Question, Cues]]) -> tuple[Coverage, ...]:
    """Counts by benchmark and family, each in alphabetical order."""
    counts: dict[tuple[str, str], list[int]] = {}
    for question, cues in written:
        row = counts.setdefault((question.benchmark, question.family), [0, 0, 0])
        row[0] += 1
        row[1] += covered(cues, "caption")
        row[2] += covered(cues, "thought")
    return tuple(Coverage(*key, *row) for key, row in sorted(counts.items()))


def is_chinese(question: Question) -> bool:
    """Whether the question is in Chinese, for which no template and no fallback sentence is written."""
    return _HAN.search(question.text) is not None


def covered(cues: Cues, kind: str) -> bool:
    """Whether wrong and right cue of a kind (``caption``, ``thought``) exist and are not the fallback's."""
    pair = (getattr(cues, f"wrong_{kind}"), getattr(cues, f"correct_{kind}"))
    return all(cue is not None and cue.writer != PLAIN for cue in pair)
