"""What a rollout is paid: named parts and a total, pure functions over (prefill + completion, question).

The reading and the verdict are those of the audit, so what is rewarded is what is measured. Decided here:

* *format* is strict where the reading is lenient: one thought with words in it, then one answer, nothing
  else, no tag within another, and the turn ended by itself. Prefill and completion are one text.
* *correct* is the audit's `correct`: one readable option, and the right one, whatever the format.
* *consistent* is the audit's consistency; but a thought that concludes nothing, that no judge can read,
  or that stands behind its answer, supports no answer: what the audit leaves out, a reward must not pay.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from unswayed.answers.match import fold
from unswayed.answers.reading import Reading, read
from unswayed.answers.tags import layout
from unswayed.errors import BadInput
from unswayed.judges import base, rules
from unswayed.judges.base import Case, Verdict
from unswayed.question import Question

Combine = Literal["additive", "multiplicative", "gated"]
Judged = Literal["rules", "reader"]
COMBINES: tuple[Combine, ...] = ("additive", "multiplicative", "gated")

_WHOLE = re.compile(r"\s*<think>(?P<thought>.*?)</think>\s*<answer>(?P<answer>.*?)</answer>\s*", re.DOTALL)
_ANY_TAG = re.compile(r"<[\s/]{0,4}(?:think(?:ing)?|answer)\b", re.IGNORECASE)
_WORD = re.compile(r"\w")


@dataclass(frozen=True)
class Recipe:
    """How parts become a total. The paper's weights: 0.1 for format, 1.0 for correct."""

    combine: Combine = "additive"
    """With F format, C correct, J consistent (each 0 or 1) and their weights f, c, j:
    `additive` f·F + c·C + j·J; `multiplicative` (f·F + c·C)·J, the paper's faithfulness-aware reward;
    `gated` f·F + C·(c + j·J), so that agreement is paid only where the answer is right (ours)."""
    format: float = 0.1
    correct: float = 1.0
    consistency: float = 0.0
    """Weight j; `multiplicative` has none."""
    judge: Judged = "rules"
    """Who says what a thought concludes: `rules`, the audit's own; `reader`, the blind reader (see
    `reader`), a frozen copy of the first weights that sees the thought but no picture."""

    def __post_init__(self) -> None:
        if self.combine not in COMBINES:
            raise BadInput(f"reward combine is {self.combine!r}; give one of {', '.join(COMBINES)}")
        if self.judge not in ("rules", "reader"):
            raise BadInput(f"reward judge is {self.judge!r}; give 'rules' or 'reader'")
        if self.combine == "multiplicative" and self.consistency:
            raise BadInput("reward consistency has no weight where combine is 'multiplicative'; leave it 0")

    @property
    def judged(self) -> bool:
        """Whether the total depends on the verdict."""
        return self.combine == "multiplicative" or self.consistency != 0

    def total(self, form: float, correct: float, consistent: float) -> float:
        """The total of three parts in [0, 1]; in the unit of the weights."""
        f, c = self.format * form, self.correct * correct
        if self.combine == "multiplicative":
            return (f + c) * consistent
        if self.combine == "gated":
            return f + c + self.consistency * correct * consistent
        return f + c + self.consistency * consistent


@dataclass(frozen=True)
class Score:
    """One rollout's reward and what stands behind it."""

    format: float
    correct: float
    consistent: float
    total: float
    reading: Reading
    verdict: Verdict | None
    """None: there was no thought to judge."""

    def parts(self) -> dict[str, float]:
        """By name, the total among them."""
        return {
            "format": self.format,
            "correct": self.correct,
            "consistent": self.consistent,
            "total": self.total,
        }


def score(
    text: str,
    question: Question,
    options: Sequence[str],
    finish: str,
    recipe: Recipe,
    *,
    prefill: str = "",
    verdict: Verdict | None = None,
) -> Score:
    """The reward of `prefill` + `text` (joined before anything is read) as an answer to `question`.

    `options` are those shown; `finish` is a `Generation.finish` (``stop``, ``length``). `verdict`: what
    another judge says of the thought; None: the rules judge it. Pure; never raises for what a text says.
    """
    reading = read(text, options, prefill=prefill, finish=finish)
    if reading.thought is None:
        verdict = None
    elif verdict is None:
        verdict = rules.verdict(Case(question, tuple(options), reading.thought))
    form = float(well_formed(prefill + text, finish))
    correct = float(reading.state == "ok" and reading.answer == question.gold)
    consistent = float(
        verdict is not None
        and base.consistent(verdict, reading.answer) is True
        and not answers_first(prefill + text)
    )
    return Score(form, correct, consistent, recipe.total(form, correct, consistent), reading, verdict)


def well_formed(text: str, finish: str = "stop") -> bool:
    """Whether a whole assistant turn is one thought with words, then one answer, and nothing else.

    >>> well_formed("<think>It is red.</think><answer>(A)</answer>")
    True
    >>> well_formed("<think></think><answer>(A)</answer>")
    False
    """
    hit = _WHOLE.fullmatch(text)
    if hit is None or finish != "stop":
        return False
    inside = (hit["thought"], hit["answer"])
    return all(_WORD.search(part) and not _ANY_TAG.search(fold(part)) for part in inside)


def answers_first(text: str) -> bool:
    """Whether an answer stands before the end of the last thought: what follows it can only justify it."""
    found = layout(text)
    return bool(found.thoughts and found.blocks) and found.blocks[0].tag < found.thoughts[-1][1]
