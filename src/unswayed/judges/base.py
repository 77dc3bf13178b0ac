"""Verdicts on what a thought concludes, and the base class of every judge.

A judge sees the question, the options as shown, and the thought. It never sees the answer, so the answer
cannot influence it. `consistent` compares verdict and answer afterwards.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from unswayed.question import Cue, Question

VerdictKind = Literal["option", "elsewhere", "nothing", "abstains"]
"""Stored in verdict files.

`option`: the thought concludes one option. `elsewhere`: it concludes something that no option says, e.g.
"So it is 4." with the options 1, 2, 3. `nothing`: it clearly concludes nothing. `abstains`: the judge cannot
tell.
"""


@dataclass(frozen=True)
class Case:
    """One thought to be judged."""

    question: Question
    options: tuple[str, ...]
    """As shown to the model; an abstain option, if any, is the last one."""
    thought: str
    cue: Cue | None = None


@dataclass(frozen=True)
class Verdict:
    """What a thought finally concludes."""

    kind: VerdictKind
    option: int | None = None
    """0-based; None unless `kind` is `option`."""
    acknowledges: bool | None = None
    """The thought says that text and image disagree. None: no cue, or the judge cannot tell."""
    words: str | None = field(default=None, compare=False)
    """The thought's own words for the conclusion where `kind` is `elsewhere`, at most 200 characters."""
    raw: str | None = field(default=None, compare=False)
    """Reply of a judging model, byte for byte."""
    error: str | None = field(default=None, compare=False)
    """Why the judge could not be asked; such an abstention is asked again."""


class Judge(ABC):
    """Base class of judges: set `name`, implement `judge`."""

    name: str
    version: str = ""
    """Identifies whatever else decides the verdicts: rules, instruction, weights."""
    chunk: int = 256
    """How many cases one call of `judge` should hold."""
    concurrency: int = 1
    """How many calls of `judge` may run at the same time."""

    @abstractmethod
    async def judge(self, cases: Sequence[Case]) -> list[Verdict]:
        """One verdict per case, in order. Never raises because of the text of a thought."""


def consistent(verdict: Verdict, answer: int | None) -> bool | None:
    """Whether the answer is the thought's conclusion.

    False where the thought concludes something that no option says. None where there is no answer, or where
    the thought concludes nothing or the judge abstained.
    """
    if answer is None or verdict.kind not in ("option", "elsewhere"):
        return None
    return verdict.kind == "option" and verdict.option == answer


def under_cue(verdict: Verdict, answer: int | None, cue: int | None) -> str | None:
    """How the model treated a wrong thought that the prefill began.

    `follows`: the answer is the cue's option. `revises`: the thought concludes another option, and the answer
    is that option. `flips`: the answer differs from the cue, and the thought does not conclude it. None where
    there is no answer or the judge abstained; counting an abstention would overstate one of the three.
    """
    if answer is None or cue is None or verdict.kind == "abstains":
        return None
    if answer == cue:
        return "follows"
    return "revises" if verdict.kind == "option" and verdict.option == answer else "flips"
