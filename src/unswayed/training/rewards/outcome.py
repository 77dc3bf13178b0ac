"""A batch of rollouts, paid: from what was said, and what others say of it, to rewards and credit.

Pure: no model and no trainer. What is asked is asked before (`witnesses`); what is done with the credit is
the trainer's. Decided here: which questions are paid for the blind finish alone, and the signals that
floors are put under.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unswayed.training.augmentation import draw
from unswayed.training.config.grpo import Config
from unswayed.training.grpo import advantages
from unswayed.training.grpo.advantages import Floats
from unswayed.training.grpo.constraints import Duals, Floors
from unswayed.training.rewards.evidence import Rollout
from unswayed.training.rewards.group_rewards import settle
from unswayed.training.rewards.score import (
    Evidence,
    Score,
    own_words,
    score,
)


@dataclass(frozen=True)
class Outcome:
    """What every rollout of a batch was paid, in order."""

    rollouts: Sequence[Rollout]
    scores: Sequence[Score]
    signals: Mapping[str, Sequence[float]]
    """By floor (see `duals.Floors`): what each rollout has of it."""

    def own_credit(self, config: Config) -> bool:
        """Whether credit is worked out here, not by TRL."""
        return config.reward.segments or bool(config.floors.credited)

    def credits(self, config: Config, duals: Duals, ends: Sequence[int], length: int, size: int) -> Floats:
        """Credit of every rollout (n,), or by segments of every token (n, length).

        `ends`: how many tokens of each rollout are thought.
        """
        scale, recipe = config.grpo.scale_rewards, config.reward
        if recipe.segments:
            form, thought, answer = (
                [s.parts()[name] for s in self.scores] for name in ("format", "thought", "answer")
            )
            return advantages.segmented(
                form, thought, answer, ends, length, size, scale, weight=recipe.format
            )
        conditions = [r.row.condition for r in self.rollouts]
        multipliers = {name: duals.of(name, conditions) for name in self.signals}
        totals = [s.total for s in self.scores]
        return advantages.constrained(totals, self.signals, multipliers, size, scale)


def pay(rollouts: Sequence[Rollout], evidence: Sequence[Evidence], config: Config, size: int) -> Outcome:
    """Rewards of a batch whose rollouts stand group by group, `size` each."""
    recipe = config.reward
    scores = [
        score(
            r.text,
            r.row.question,
            r.row.prompt.options,
            r.finish,
            recipe,
            prefill=r.opened,
            evidence=each,
            only=draw(r.row.question, config.seed, "finish") < recipe.finish_only,
        )
        for r, each in zip(rollouts, evidence, strict=True)
    ]
    scores = settle(scores, [r.row for r in rollouts], size, recipe)
    return Outcome(rollouts, scores, signals(rollouts, scores, config.floors))


def signals(rollouts: Sequence[Rollout], scores: Sequence[Score], floors: Floors) -> dict[str, list[float]]:
    """What floors are put under: ``agree`` 0 or 1, ``gain`` in nats from 0 to 1, ``words`` 0 or 1."""
    every = {
        "agree": [s.more.get("agree", 0.0) for s in scores],
        "gain": [min(max(s.more.get("gain", 0.0), 0.0), 1.0) for s in scores],
        "words": [float(own_words(r.opened, r.text) >= floors.words) for r in rollouts],
    }
    return {name: every[name] for name in floors.credited}
