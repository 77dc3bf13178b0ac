"""`swapped-image`: which other question's picture is shown, and which option is right of it."""

from __future__ import annotations

import random
from collections.abc import Sequence

from unswayed.interventions.pictures.base_trials import BaseTrial
from unswayed.interventions.scene_thought import option_that_holds
from unswayed.question import Question
from unswayed.scenes import SceneTruth


def shown_option(question: Question, other: Question) -> int | None:
    """The option of `question` that is right of the picture of `other`; None where it is not known.

    Known for synthetic scenes, and where both ask the same in the same words.
    """
    if isinstance(question.scene, SceneTruth):
        return (
            option_that_holds(question.scene, other.scene.scene)
            if isinstance(other.scene, SceneTruth)
            else None
        )
    answer = other.options[other.gold]
    if question.text.casefold() != other.text.casefold() or answer not in question.options:
        return None
    return question.options.index(answer)


class SwapIndex:
    """The pictures of one run."""

    def __init__(self, trials: Sequence[BaseTrial]) -> None:
        self._pictures: dict[str, list[BaseTrial]] = {}
        self._by_hash: dict[tuple[str, tuple[str, ...]], BaseTrial] = {}
        for trial in trials:
            if trial.sample == 0 and trial.image_sha256:
                self._pictures.setdefault(trial.question.benchmark, []).append(trial)
                self._by_hash.setdefault((trial.question.benchmark, trial.image_sha256), trial)

    def find(self, benchmark: str, image_sha256: Sequence[str]) -> BaseTrial | None:
        """The first question with these pictures; None where there is none."""
        return self._by_hash.get((benchmark, tuple(image_sha256)))

    def choose(self, own: BaseTrial, rng: random.Random) -> BaseTrial | None:
        """A question of the same benchmark and another group, with as many other pictures.

        One of whose pictures another option is known to be right; else, outside synthetic scenes, one whose
        own answer is another text. None where there is none.
        """
        pictures = self._pictures.get(own.question.benchmark, [])
        second: BaseTrial | None = None
        for index in rng.sample(range(len(pictures)), len(pictures)):
            other = pictures[index]
            if not _suits(own, other):
                continue
            shown = shown_option(own.question, other.question)
            if shown is not None and shown != own.question.gold:
                return other
            if second is None and shown is None and _other_answer(own.question, other.question):
                second = other
        return second


def _suits(own: BaseTrial, other: BaseTrial) -> bool:
    return (
        own.question.group != other.question.group
        and own.image_sha256 != other.image_sha256
        and len(own.image_sha256) == len(other.image_sha256)
    )


def _other_answer(own: Question, other: Question) -> bool:
    if own.scene is not None:
        return False
    return own.options[own.gold].casefold() != other.options[other.gold].casefold()
