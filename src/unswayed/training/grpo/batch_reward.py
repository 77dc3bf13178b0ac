"""Rewards and advantages of a batch of rollouts. Pure: neither model nor trainer.

The evidence is collected before (`rewards.evidence`); the trainer uses the advantages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unswayed.training.augmentation import hash_fraction
from unswayed.training.config.floors import FloorSettings
from unswayed.training.config.grpo import GrpoConfig
from unswayed.training.grpo import advantages
from unswayed.training.grpo.advantages import Floats
from unswayed.training.grpo.multipliers import Multipliers
from unswayed.training.rewards.evidence import Rollout
from unswayed.training.rewards.group_rewards import add_group_rewards
from unswayed.training.rewards.score import Evidence, RolloutReward, score_rollout
from unswayed.training.rewards.turn_format import generated_thought_words


@dataclass(frozen=True)
class BatchReward:
    """The rewards of a batch, in the order of its rollouts."""

    rollouts: Sequence[Rollout]
    rewards: Sequence[RolloutReward]
    signals: Mapping[str, Sequence[float]]
    """By floor (see `FloorSettings`): each rollout's value."""

    def sets_advantages(self, config: GrpoConfig) -> bool:
        """Whether advantages are computed here, not by TRL."""
        return config.reward.segments or bool(config.floors.in_advantages)

    def advantages(
        self, config: GrpoConfig, multipliers: Multipliers, ends: Sequence[int], length: int, size: int
    ) -> Floats:
        """Advantage of every rollout (n,), or by segments of every token (n, length).

        `ends`: number of thought tokens of each rollout.
        """
        scale = config.grpo.scale_rewards
        if config.reward.segments:
            format_part, thought, answer = (
                [r.parts()[name] for r in self.rewards] for name in ("format", "thought", "answer")
            )
            return advantages.segment_advantages(
                format_part, thought, answer, ends, length, size, scale, weight=config.reward.format
            )
        conditions = [r.row.condition for r in self.rollouts]
        weights = {name: multipliers.by_rollout(name, conditions) for name in self.signals}
        totals = [r.total for r in self.rewards]
        return advantages.floor_advantages(totals, self.signals, weights, size, scale)


def reward_batch(
    rollouts: Sequence[Rollout], evidence: Sequence[Evidence], config: GrpoConfig, size: int
) -> BatchReward:
    """Rewards of a batch whose rollouts are ordered group by group, `size` each."""
    settings = config.reward
    rewards = [
        score_rollout(
            r.text,
            r.row.question,
            r.row.prompt.options,
            r.finish,
            settings,
            prefill=r.turn_start,
            format=r.row.prompt.format,
            evidence=each,
            finish_only=hash_fraction(r.row.question, config.seed, "finish") < settings.finish_only,
        )
        for r, each in zip(rollouts, evidence, strict=True)
    ]
    rewards = add_group_rewards(rewards, [r.row for r in rollouts], size, settings)
    return BatchReward(rollouts, rewards, floor_signals(rollouts, rewards, config.floors))


def floor_signals(
    rollouts: Sequence[Rollout], rewards: Sequence[RolloutReward], floors: FloorSettings
) -> dict[str, list[float]]:
    """The values that floors bound: ``agree`` 0 or 1, ``gain`` in nats from 0 to 1, ``words`` 0 or 1."""
    signals = {
        "agree": [r.more.get("agree", 0.0) for r in rewards],
        "gain": [min(max(r.more.get("gain", 0.0), 0.0), 1.0) for r in rewards],
        "words": [
            float(generated_thought_words(r.turn_start, r.text, r.row.prompt.format) >= floors.words)
            for r in rollouts
        ],
    }
    return {name: signals[name] for name in floors.in_advantages}
