"""Scores the rollouts of a batch: decodes them, collects evidence from other models, and rewards them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from unswayed.backends.transformers.backend import TransformersBackend
from unswayed.judges.base import Judge
from unswayed.training.augmentation import TrainingPrompt
from unswayed.training.blind_reader import BlindReader
from unswayed.training.config.grpo import GrpoConfig
from unswayed.training.evaluation import preserve_rng_state
from unswayed.training.grpo.batch_reward import BatchReward, reward_batch
from unswayed.training.grpo.ema_reference import EMAReference
from unswayed.training.prompt_batches import PromptBatch, PromptBatcher
from unswayed.training.rewards.evidence import EvidenceCollector, Rollout
from unswayed.training.rewards.llm_judging import PatientJudge
from unswayed.training.rewards.score import NO_EVIDENCE

JudgeConnection = tuple[Judge, Callable[[], Awaitable[None]] | None]
"""A judge, and a function that closes its connections (see `open_judge`)."""


class RolloutScorer:
    """Rewards rollouts as the config says. No model is loaded or copied that the reward does not need."""

    def __init__(
        self,
        config: GrpoConfig,
        batcher: PromptBatcher,
        live_model: Any,
        *,
        reader: BlindReader | None,
        judge: JudgeConnection | None,
        on_message: Callable[[str], None],
    ) -> None:
        """`live_model`: the model in training; `reader`: blind reader with the first weights, where
        needed."""
        self._config, self._batcher, self._live_model = config, batcher, live_model
        reward = config.reward
        self.reference: EMAReference | None = None
        """The moving average of the weights (GRPO-CARE), where the reward needs it."""
        self.collector = EvidenceCollector(reward, config.floors, frozen=reader)
        if reward.needs_live_model:
            self.collector.live = TransformersBackend.wrap(live_model, batcher.processor, name="live")
        if reward.care and reward.care_ema:
            self.reference = EMAReference(live_model, reward.care_ema, reward.care_every)
            self.collector.reference = TransformersBackend.wrap(
                self.reference.model, batcher.processor, name="reference"
            )
        elif reward.care and reader is not None:
            self.collector.reference = reader.backend
        if judge is not None:
            self.collector.judge = PatientJudge(*judge, on_message)

    def score(
        self,
        rows: Sequence[TrainingPrompt],
        batch: PromptBatch,
        completion_ids: Sequence[Sequence[int]],
        size: int,
        step: int,
    ) -> BatchReward:
        """Rewards of rollouts in groups of `size`; `step`: optimizer steps made before."""
        decoded = [self._batcher.decode(*pair) for pair in zip(batch.ids, completion_ids, strict=True)]
        rollouts = [
            Rollout(row, turn_start, text, finish)
            for row, turn_start, (text, finish) in zip(rows, batch.turn_starts, decoded, strict=True)
        ]
        if self.reference is not None:
            self.reference.update(self._live_model, step)
        evidence = [NO_EVIDENCE] * len(rollouts)
        if self.collector.needed:
            with preserve_rng_state():
                evidence = asyncio.run(self.collector.collect(rollouts))
        return reward_batch(rollouts, evidence, self._config, size)
