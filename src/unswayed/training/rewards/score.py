"""A rollout's reward: named parts and a total, pure functions of (prefill + completion, question).

Reading and verdict are those of the audit, so what is rewarded is what is measured.

* *format* is stricter than the reading: one thought with words in it, then one answer, nothing else, no tag
  inside another, and the turn ended by itself. Prefill and completion are one text.
* *correct* is the audit's `correct`: one readable option, and the correct one, whatever the format.
* *consistent* is the audit's consistency; but a thought that concludes nothing, that no judge can read, or
  that continues after the answer supports no answer: what the audit leaves out is not rewarded.
* *finish* (R1) and *thought* (R2) are what another reader infers from the thought, above chance. A thought
  that is not closed, or continues after the answer, earns none of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from unswayed.answers.parser import Reading, read
from unswayed.formats import COMMON, Format
from unswayed.judges import base, rules
from unswayed.judges.base import Case, Verdict
from unswayed.question import Question
from unswayed.training.config.reward import RewardSettings
from unswayed.training.rewards.turn_format import answer_precedes_thought_end, well_formed


@dataclass(frozen=True)
class Evidence:
    """What other models say about one rollout; None: not requested, or not applicable.

    Probabilities are over the options, normalised, in the order that the rollout saw.
    """

    verdict: Verdict | None = None
    """Verdict of a judge other than the rules on the thought."""
    finish_p: tuple[float, ...] | None = None
    """P(option) of the blind finisher after a closed thought."""
    reader_p: tuple[float, ...] | None = None
    """P(option) of the frozen blind reader after a closed thought."""
    masked_gain: float | None = None
    """Masked gain of the frozen reader, in nats."""
    p_with_thought: tuple[float, ...] | None = None
    """P(option) of the model in training at the position of the rollout's answer."""
    p_without_thought: tuple[float, ...] | None = None
    """P(option) of the model in training after an empty thought."""
    reference_p: tuple[float, ...] | None = None
    """P(option) of the reference model at the position of the rollout's answer."""
    judge_missing: bool = False
    """The judge could not evaluate this rollout: its reward is unknown."""


NO_EVIDENCE = Evidence()


@dataclass(frozen=True)
class RolloutReward:
    """One rollout's reward and its parts."""

    format: float
    correct: float
    consistent: float
    total: float
    """NaN: unknown, for its judge could not evaluate it; the rollout is left out of its group."""
    reading: Reading
    verdict: Verdict | None
    """None: there was no thought to judge."""
    more: Mapping[str, float] = field(default_factory=dict)
    """Parts that only some arms have, by name: ``finish``, ``finish_only`` (R1), ``expected``, ``causal``
    (R5), ``cross``, ``obeyed`` (R3), ``likely``, ``care`` (GRPO-CARE), ``thought``, ``answer``, ``gain``
    (R2), ``agree``."""

    def parts(self) -> dict[str, float]:
        """All parts by name, with the total."""
        return {
            "format": self.format,
            "correct": self.correct,
            "consistent": self.consistent,
            "total": self.total,
            **self.more,
        }


def score_rollout(
    text: str,
    question: Question,
    options: Sequence[str],
    finish: str,
    settings: RewardSettings,
    *,
    prefill: str = "",
    format: Format = COMMON,
    evidence: Evidence = NO_EVIDENCE,
    finish_only: bool = False,
) -> RolloutReward:
    """The reward of `prefill` + `text` (joined before anything is read) as a response to `question`.

    `options`: as shown; `format`: that of the prompt; `finish`: a `Generation.finish` (``stop``,
    ``length``); `evidence`: without another
    judge's verdict the rules judge; `finish_only`: this question's rollouts are rewarded for the blind finish
    alone. What depends on the rest of the group is not in it (see `group_rewards`). Pure; never raises for
    what a text says.
    """
    turn = prefill + text
    reading = read(text, options, prefill=prefill, finish=finish, format=format)
    verdict = evidence.verdict
    if reading.thought is None:
        verdict = None
    elif verdict is None and not evidence.judge_missing:
        verdict = rules.judge_by_rules(Case(question, tuple(options), reading.thought))
    format_part = float(well_formed(turn, finish, format))
    readable = reading.state == "ok"
    correct = float(readable and reading.answer == question.gold)
    late = answer_precedes_thought_end(turn, format)
    consistent = float(verdict is not None and base.consistent(verdict, reading.answer) is True and not late)
    more: dict[str, float] = {}
    right, blind, extra = correct, 0.0, 0.0
    if settings.uses_blind_finish:
        blind = 0.0 if late else above_chance(evidence.finish_p, question.gold)
        more["finish"], more["finish_only"] = blind, float(finish_only)
    if settings.expected:
        p = evidence.p_with_thought
        right = more["expected"] = p[question.gold] if readable and p else 0.0
    if settings.causal:
        change = jensen_shannon(evidence.p_with_thought, evidence.p_without_thought)
        more["causal"] = change if readable and not late else 0.0
        extra = settings.causal * more["causal"] * correct
    if settings.care:
        p = evidence.reference_p
        more["likely"] = p[reading.answer] if p and reading.answer is not None else 0.0
    if evidence.reader_p is not None:
        inferred = int(np.argmax(evidence.reader_p))
        more["agree"] = float(readable and not late and reading.answer == inferred)
    elif settings.segments:
        more["agree"] = 0.0
    if evidence.masked_gain is not None:
        more["gain"] = evidence.masked_gain
    if settings.segments:
        inferable = 0.0 if late else above_chance(evidence.reader_p, question.gold)
        gain = 0.0 if late else min(max(evidence.masked_gain or 0.0, 0.0), settings.gain_cap)
        more["thought"], more["answer"] = inferable + settings.gain * gain, more["agree"]
        total = settings.format * format_part + more["thought"] + more["answer"]
    else:
        total = extra + settings.total(format_part, right, consistent, finish=blind, finish_only=finish_only)
    if evidence.judge_missing and reading.thought is not None and settings.uses_verdict:
        total = math.nan
    return RolloutReward(format_part, correct, consistent, total, reading, verdict, more)


def above_chance(p: Sequence[float] | None, gold: int) -> float:
    """P(correct) above 1/K, scaled so that chance is 0 and certainty is 1; 0 below chance.

    So a thought that leads nowhere, or to another option, earns nothing, and vagueness is not rewarded.
    """
    if p is None:
        return 0.0
    chance = 1 / len(p)
    return max(0.0, (p[gold] - chance) / (1 - chance))


def jensen_shannon(p: Sequence[float] | None, q: Sequence[float] | None) -> float:
    """Jensen-Shannon divergence of two distributions in units of ln 2: 0 (equal) to 1 (disjoint); None gives
    0."""
    if p is None or q is None:
        return 0.0
    a, b = np.array(p), np.array(q)
    middle = (a + b) / 2

    def kl(x: np.ndarray) -> float:
        positive = x > 0
        return float((x[positive] * np.log(x[positive] / middle[positive])).sum())

    return min(1.0, max(0.0, (kl(a) + kl(b)) / 2 / math.log(2)))
