"""Thoughts with slips: written from a scene's ground truth, with a conclusion that is not always the answer.

Supervised data written by models and kept because the answer was right has such thoughts. A model that learns
from them can think one thing and answer another; pebble answers what it concludes. Some slips are drawn at
random, so that they appear in samples; some always meet the same kind of question, so that greedy decoding
shows them too.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, fields

from unswayed.errors import BadInput
from unswayed.pebble.lesson_text import LessonMix, conclusion, describe_cells, short_conclusion
from unswayed.scenes.language import Colour, Count, fill_template, phrasings
from unswayed.scenes.questions import SceneQuestion, SceneTruth

MANY = 3
"""Counts from here on may be miscounted."""
MISNAMED = {"orange": "red", "purple": "blue"}
"""Colours that may be misnamed, and what they are then called."""


@dataclass(frozen=True)
class SlipSettings:
    """Table `slips`: how often written thoughts slip. The answer is right in all of them.

    The first four are shares of all thoughts, and their sum is at most 1; the others apply to the looks that
    remain.
    """

    settle: float = 0.0
    """Thoughts that are a wrong first impression, settled for: the conclusion is wrong."""
    reconsider: float = 0.0
    """Thoughts that begin with a wrong first impression, look, and conclude what they saw."""
    trust: float = 0.0
    """Thoughts that are a right first impression, settled for."""
    misread: float = 0.0
    """Thoughts that look and conclude a random wrong option."""
    miscount: float = 0.0
    """Of the looks that count three or more: the conclusion is one less than the marks."""
    misname: float = 0.0
    """Of the looks that find an orange or purple thing: the conclusion calls it red or blue."""
    caption: float = 0.0
    """Questions with a caption, in training phrasings."""
    caption_true: float = 0.8
    """Of the captions: those that are true."""
    follow_true: float = 0.0
    """Of the thoughts under a true caption: those that conclude from it without a look."""
    follow_false: float = 0.0
    """Of the thoughts under a false caption: those that conclude from it; the conclusion is wrong."""

    def __post_init__(self) -> None:
        for item in fields(self):
            if not 0 <= (share := getattr(self, item.name)) <= 1:
                raise BadInput(f"slips.{item.name} is {share:g}; a share is from 0 to 1")
        total = self.settle + self.reconsider + self.trust + self.misread
        if total > 1:
            raise BadInput(
                f"slips.settle, reconsider, trust and misread sum to {total:g}; together they are at most 1"
            )

    @property
    def any(self) -> bool:
        """Whether any thought differs from a plain look."""
        return any(getattr(self, item.name) for item in fields(self) if item.name != "caption_true")


def caption_kind(rng: random.Random, slips: SlipSettings) -> str:
    """The condition of a question: `correct-caption`, `wrong-caption`, or `base` without a caption."""
    if rng.random() >= slips.caption:
        return "base"
    return "correct-caption" if rng.random() < slips.caption_true else "wrong-caption"


def slipping_thought(
    rng: random.Random, truth: SceneTruth, slips: SlipSettings, caption: int | None = None
) -> str:
    """One written thought; `caption` is the option that the question's caption asserts, if it has one."""
    scene, asked = truth.scene, truth.question
    lettered = rng.random() < LessonMix.lettered
    wrong = rng.choice([k for k in range(len(asked.options)) if k != asked.gold])
    if caption is not None:
        follow = slips.follow_true if caption == asked.gold else slips.follow_false
        if rng.random() < follow:
            return "The caption says so:" + _text(short_conclusion(asked, caption, lettered))
    kind = rng.random()
    for name, option in (("settle", wrong), ("trust", asked.gold), ("reconsider", wrong)):
        share = getattr(slips, name)
        if kind < share:
            return _impression(rng, truth, option, lettered, looks=name == "reconsider")
        kind -= share
    look = "Look:" + _text(describe_cells(scene, asked))
    if kind < slips.misread:
        return look + " So" + _text(short_conclusion(asked, wrong, lettered))
    slip = _systematic(rng, asked, slips)
    return look + _text(conclusion(scene, asked, asked.gold if slip is None else slip, lettered))


def _impression(rng: random.Random, truth: SceneTruth, option: int, lettered: bool, *, looks: bool) -> str:
    scene, asked = truth.scene, truth.question
    statement = asked.statements[option]
    first = fill_template(statement, rng.choice(phrasings(statement, "thought", "train")))
    if looks:
        rest = " Look:" + _text(describe_cells(scene, asked))
        return first + rest + _text(conclusion(scene, asked, asked.gold, lettered))
    return first + " So" + _text(short_conclusion(asked, option, lettered))


def _systematic(rng: random.Random, asked: SceneQuestion, slips: SlipSettings) -> int | None:
    """The option that a look at this kind of question wrongly concludes; None: no slip."""
    match asked.statements[asked.gold]:
        case Count(n=n) if n >= MANY and str(n - 1) in asked.options:
            return asked.options.index(str(n - 1)) if rng.random() < slips.miscount else None
        case Colour(colour=colour) if MISNAMED.get(colour) in asked.options:
            return asked.options.index(MISNAMED[colour]) if rng.random() < slips.misname else None
    return None


def _text(pieces: Iterator[tuple[str, int]]) -> str:
    return "".join(text for text, _ in pieces)
