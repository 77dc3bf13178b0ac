"""Who writes misleading text: each benchmark's own writer where it has one, plain sentences otherwise."""

from __future__ import annotations

from collections.abc import Callable

from unswayed.cues import plain
from unswayed.cues.checks import asserts, mentioned
from unswayed.cues.plain import Use
from unswayed.question import Cues, Question

__all__ = ["Use", "Writer", "asserts", "mentioned", "write"]

Writer = Callable[[Question, int], Cues]
"""(question, seed) -> its cues. Pure: the same question and seed give the same cues."""


def write(question: Question, seed: int, use: Use = "audit") -> Cues:
    """The cues of a question, by the best writer there is for its benchmark.

    `use` says which phrasings: those of ``train`` and of ``audit`` have none in common, so that no model
    is questioned in words that it was trained on.
    """
    if question.benchmark == "scenes":
        from unswayed.benchmarks import scenes  # here, so that other benchmarks do not need it

        return scenes.cues(question, seed, use)
    return plain.cues(question, seed, use)
