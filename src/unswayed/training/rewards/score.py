"""What a rollout is paid: named parts and a total, pure functions over (prefill + completion, question).

The reading and the verdict are those of the audit, so what is rewarded is what is measured. Decided here:

* *format* is strict where the reading is lenient: one thought with words in it, then one answer, nothing
  else, no tag within another, and the turn ended by itself. Prefill and completion are one text.
* *correct* is the audit's `correct`: one readable option, and the right one, whatever the format.
* *consistent* is the audit's consistency; but a thought that concludes nothing, that no judge can read,
  or that stands behind its answer, supports no answer: what the audit leaves out, a reward must not pay.
* *finish* (R1) and *thought* (R2) are what another reader makes of the thought, above chance: a thought
  which is no more than a letter leads nowhere once the options have been moved. What is not closed, or
  stands behind its answer, earns none of them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from unswayed.answers.option_matching import fold
from unswayed.answers.parser import Reading, read
from unswayed.answers.tags import layout
from unswayed.judges import base, rules
from unswayed.judges.base import Case, Verdict
from unswayed.question import Question
from unswayed.training.config.reward import Recipe

_WHOLE = re.compile(r"\s*<think>(?P<thought>.*?)</think>\s*<answer>(?P<answer>.*?)</answer>\s*", re.DOTALL)
_ANY_TAG = re.compile(r"<[\s/]{0,4}(?:think(?:ing)?|answer)\b", re.IGNORECASE)
_WORD = re.compile(r"\w")
_WORDS = re.compile(r"\w+")


@dataclass(frozen=True)
class Evidence:
    """What others say of one rollout; None: not asked, or there is nothing to ask about.

    Probabilities are over the options, normalised, in the order in which the rollout saw them.
    """

    verdict: Verdict | None = None
    """What another judge than the rules says of the thought."""
    finish: tuple[float, ...] | None = None
    """The blind finisher's, behind a thought that is closed."""
    read: tuple[float, ...] | None = None
    """The frozen reader's, behind a thought that is closed."""
    gain: float | None = None
    """The frozen reader's masked gain, in nats."""
    told: tuple[float, ...] | None = None
    """The live model's own, where the rollout gives its answer."""
    untold: tuple[float, ...] | None = None
    """The live model's own, without any thought."""
    likely: tuple[float, ...] | None = None
    """The reference's, where the rollout gives its answer."""
    missing: bool = False
    """The judge could not be asked about this one: it can be paid neither something nor nothing."""


NOTHING = Evidence()


@dataclass(frozen=True)
class Score:
    """One rollout's reward and what stands behind it."""

    format: float
    correct: float
    consistent: float
    total: float
    """NaN: cannot be paid, for its judge could not be asked; it is left out of its group."""
    reading: Reading
    verdict: Verdict | None
    """None: there was no thought to judge."""
    more: Mapping[str, float] = field(default_factory=dict)
    """Parts that only some recipes have, by name: ``finish``, ``finish_only`` (R1), ``expected``, ``causal``
    (R5), ``cross``, ``obeyed`` (R3), ``likely``, ``care``, ``thought``, ``answer`` (R2), ``gain``,
    ``agree``."""

    def parts(self) -> dict[str, float]:
        """By name, the total among them."""
        return {
            "format": self.format,
            "correct": self.correct,
            "consistent": self.consistent,
            "total": self.total,
            **self.more,
        }


def score(
    text: str,
    question: Question,
    options: Sequence[str],
    finish: str,
    recipe: Recipe,
    *,
    prefill: str = "",
    evidence: Evidence = NOTHING,
    only: bool = False,
) -> Score:
    """The reward of `prefill` + `text` (joined before anything is read) as an answer to `question`.

    `options` are those shown; `finish` is a `Generation.finish` (``stop``, ``length``). `evidence`: what
    others say; without another judge's verdict the rules judge. `only`: this question's rollouts are paid
    for the blind finish alone. What depends on the rest of the group is not in it (see `groups`).
    Pure; never raises for what a text says.
    """
    whole = prefill + text
    reading = read(text, options, prefill=prefill, finish=finish)
    verdict = evidence.verdict
    if reading.thought is None:
        verdict = None
    elif verdict is None and not evidence.missing:
        verdict = rules.verdict(Case(question, tuple(options), reading.thought))
    form = float(well_formed(whole, finish))
    readable = reading.state == "ok"
    correct = float(readable and reading.answer == question.gold)
    late = answers_first(whole)
    consistent = float(verdict is not None and base.consistent(verdict, reading.answer) is True and not late)
    more: dict[str, float] = {}
    right, blind, extra = correct, 0.0, 0.0
    if recipe.finishes:
        blind = 0.0 if late else above_chance(evidence.finish, question.gold)
        more["finish"], more["finish_only"] = blind, float(only)
    if recipe.expected:
        right = evidence.told[question.gold] if readable and evidence.told else 0.0
        more["expected"] = right
    if recipe.causal:
        moved = divergence(evidence.told, evidence.untold) if readable and not late else 0.0
        more["causal"] = moved
        extra = recipe.causal * moved * correct
    if recipe.care:
        sure = evidence.likely[reading.answer] if evidence.likely and reading.answer is not None else 0.0
        more["likely"] = sure
    if evidence.read is not None:
        led = int(np.argmax(evidence.read))
        more["agree"] = float(readable and not late and reading.answer == led)
    elif recipe.segments:
        more["agree"] = 0.0
    if evidence.gain is not None:
        more["gain"] = evidence.gain
    if recipe.segments:
        seen = 0.0 if late else above_chance(evidence.read, question.gold)
        known = 0.0 if late else min(max(evidence.gain or 0.0, 0.0), recipe.gain_cap)
        more["thought"], more["answer"] = seen + recipe.gain * known, more["agree"]
    total = recipe.total(form, right, consistent, finish=blind, only=only) + extra
    if recipe.segments:
        total = recipe.format * form + more["thought"] + more["answer"]
    if evidence.missing and reading.thought is not None and recipe.judged:
        total = math.nan
    return Score(form, correct, consistent, total, reading, verdict, more)


def above_chance(p: Sequence[float] | None, gold: int) -> float:
    """How far P(right) is above 1/K, on the scale from chance (0) to certainty (1); 0 below chance.

    So what leads nowhere, or elsewhere, earns nothing, and is not paid for being vague either.
    """
    if p is None:
        return 0.0
    chance = 1 / len(p)
    return max(0.0, (p[gold] - chance) / (1 - chance))


def divergence(p: Sequence[float] | None, q: Sequence[float] | None) -> float:
    """Jensen-Shannon divergence of two distributions in units of ln 2: 0 (equal) to 1 (apart)."""
    if p is None or q is None:
        return 0.0
    a, b = np.array(p), np.array(q)
    middle = (a + b) / 2

    def kl(x: np.ndarray) -> float:
        some = x > 0
        return float((x[some] * np.log(x[some] / middle[some])).sum())

    return min(1.0, max(0.0, (kl(a) + kl(b)) / 2 / math.log(2)))


def closed_thought(text: str) -> str | None:
    """The thought of a whole assistant turn, where it is closed; None where there is none to finish."""
    found = layout(text)
    return None if found.open_thought else found.thought


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


def thought_end(text: str) -> int:
    """Where, in characters, the answer's part of a whole turn begins: behind the thought, or at 0."""
    found = layout(text)
    if not found.thoughts:
        return 0
    if found.open_thought:
        return len(text)
    return found.tail or found.blocks[0].tag


def own_words(opened: str, text: str) -> int:
    """Words of the thought that the rollout itself wrote, what the turn was opened with not counted."""
    whole, given = (len(_WORDS.findall(layout(t).thought or "")) for t in (opened + text, opened))
    return max(0, whole - given)
