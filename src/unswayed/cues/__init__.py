"""Writers of misleading text: exact ones for scenes, templates by kind of question, and a fallback."""

from __future__ import annotations

from collections.abc import Callable, Collection

from unswayed.cues import fallback, templates
from unswayed.cues.checks import asserts, mentioned, problems
from unswayed.cues.coverage import Coverage, coverage
from unswayed.cues.fallback import Use
from unswayed.question import Cues, Question

__all__ = ["Coverage", "CueWriter", "Use", "asserts", "coverage", "mentioned", "problems", "write"]

VERSION = "4"
"""Increased whenever the same question and seed get other cues."""

CueWriter = Callable[[Question, int], Cues]
"""(question, seed) -> cues. Pure: the same question and seed give the same cues."""


def write(question: Question, seed: int, use: Use = "audit", refused: Collection[str] = ()) -> Cues:
    """The cues of a question, by the most specific writer that covers it.

    Drawn scenes have exact ones. Of any other question the templates write what they understand, and
    `plain` (marked so in `Cue.writer`) the rest; all of them pass the checks and assert the same wrong
    option. `use` says which phrasings: those of ``train`` and of ``audit`` have none in common, so that no
    model is questioned in words that it was trained on. Phrasings in `refused` (see `Cue.phrasing`) are
    not taken, but for drawn scenes, which have nothing else to say.
    """
    if question.scene is not None:
        from unswayed import scenes  # here, so that other benchmarks do not need it

        return scenes.cues(question, seed, use)
    return with_fallback(templates.cues(question, seed, use, refused), question, seed, use, refused)


def with_fallback(cues: Cues, question: Question, seed: int, use: Use, refused: Collection[str] = ()) -> Cues:
    """`cues` with plain ones where a pair is missing."""
    if cues.wrong_caption and cues.wrong_thought:
        return cues
    other = fallback.cues(question, seed, use, refused)
    caption = cues if cues.wrong_caption else other
    thought = cues if cues.wrong_thought else other
    return Cues(
        wrong_caption=caption.wrong_caption,
        wrong_thought=thought.wrong_thought,
        correct_caption=caption.correct_caption,
        correct_thought=thought.correct_thought,
        irrelevant_caption=cues.irrelevant_caption,
    )


write.name = f"unswayed.cues.write/{VERSION}"  # type: ignore[attr-defined]
"""What a run's manifest calls this writer; a run is not resumed with other words."""
