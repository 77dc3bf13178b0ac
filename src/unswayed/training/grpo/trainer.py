"""GRPO on TRL's `GRPOTrainer`, with our conditions as prompts and our readings as reward.

Sampling, advantages, loss, clipping and KL are TRL's. What differs: prompts are rendered as in the audit, so
a prefill is context (its tokens are prompt tokens, outside the loss) and the rollout continues it; the reward
sees prefill and rollout joined; the rollouts of one group may have different conditions; metrics are logged
by condition.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset

from unswayed.question import Question
from unswayed.training.augmentation import TrainingPrompt
from unswayed.training.blind_reader import BlindReader
from unswayed.training.config.grpo import GrpoConfig
from unswayed.training.grpo.arguments import grpo_arguments
from unswayed.training.grpo.batch_reward import BatchReward
from unswayed.training.grpo.entropy_floor import (
    CONDITIONS,
    EntropyFloor,
    condition_weights,
    segment_entropies,
)
from unswayed.training.grpo.multipliers import Multipliers
from unswayed.training.grpo.rollout_metrics import metrics_by_condition
from unswayed.training.grpo.rollout_scoring import JudgeConnection, RolloutScorer
from unswayed.training.grpo.shared_prompts import SharedPromptsTrainer
from unswayed.training.grpo.training_rows import GroupSampler, TrainingRows
from unswayed.training.prompt_batches import PrecomputedProcessor, PromptBatcher
from unswayed.training.token_stats import thought_token_count
from unswayed.training.trainer_base import TrainerMixin

MULTIPLIERS_FILE = "duals.json"
"""State of the floors' multipliers, in a checkpoint."""


class ConditionedGRPOTrainer(TrainerMixin, SharedPromptsTrainer):
    """`GRPOTrainer` for visual questions under conditions."""

    def __init__(
        self,
        model: Any,
        processor: Any,
        questions: Sequence[Question],
        config: GrpoConfig,
        out: Path,
        *,
        reader: BlindReader | None = None,
        judge: JudgeConnection | None = None,
        on_message: Callable[[str], None] = lambda line: None,
        **trainer_options: Any,
    ) -> None:
        """`out`: folder of the checkpoints; `reader`: the first weights, where rewards need them; `judge`: as
        `open_judge` gives it; `on_message` gets a line where training waits or falls back; `trainer_options`
        go to `GRPOTrainer` (callbacks, peft_config)."""
        self._config = config
        self._multipliers = Multipliers(config.floors)
        self._entropy_floor = EntropyFloor(self._multipliers)
        self._training_rows = TrainingRows(questions, config)
        self._batch = None
        self._rows: list[TrainingPrompt] = []
        self._reward: BatchReward | None = None
        self._tokens: list[tuple[list[int], list[int]]] = []
        self._entropies = torch.empty(0)
        self._prompt_index = []
        self._shares = None if config.grpo.share_prompts else False
        self._on_message, self._messages_sent = on_message, set()
        super().__init__(
            model=model,
            reward_funcs=[self.reward],
            args=grpo_arguments(config, out),
            train_dataset=Dataset.from_dict({"place": range(len(self._training_rows))}),
            processing_class=processor,
            **trainer_options,
        )
        name = str(getattr(model.config, "_name_or_path", "") or "model")
        self.batcher = PromptBatcher(processor, name, self.eos_token_ids)
        self.batcher.check_format(config.prompt_format)
        self.batcher.check_prefills(self._training_rows.examples_of_each_condition())
        live_model = self.accelerator.unwrap_model(self.model)
        self.scorer = RolloutScorer(
            config, self.batcher, live_model, reader=reader, judge=judge, on_message=on_message
        )
        self.data_collator = self._training_rows.collate

    def _get_train_sampler(self, dataset: Any = None) -> Any:
        size = self.num_generations
        order = super()._get_train_sampler(range(len(self.train_dataset) // size))
        return GroupSampler(order, size)

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        self._rows = [each["row"] for each in inputs]
        self._batch = self.batcher.prepare(self._rows)
        self.processing_class = PrecomputedProcessor(self.batcher.processor, self._batch)
        self._prompt_index = self._batch.prompt_index
        try:
            output = dict(super()._generate_and_score_completions(inputs))
            self._add_columns(output)
            self._replace_advantages(output)
            return output
        finally:
            self.processing_class = self.batcher.processor
            self._batch, self._rows, self._reward = None, [], None

    def _add_columns(self, output: dict[str, Any]) -> None:
        """Adds what the loss needs of each rollout: its thought tokens, prompt, condition and weight."""
        assert self._batch is not None
        device = output["completion_ids"].device
        output["thought_tokens"] = torch.tensor(
            [
                thought_token_count(self.batcher.words, prompt, ids, turn_start, row.prompt.format)
                for (prompt, ids), turn_start, row in zip(
                    self._tokens, self._batch.turn_starts, self._rows, strict=True
                )
            ],
            device=device,
        )
        output["prompt_index"] = torch.tensor(self._batch.prompt_index, device=device)
        conditions = [CONDITIONS.index(row.condition) for row in self._rows]
        output["condition"] = torch.tensor(conditions, device=device)
        in_loss = output["completion_mask"].any(1)
        output["condition_weight"] = condition_weights(output["condition"], in_loss)

    def _replace_advantages(self, output: dict[str, Any]) -> None:
        """Replaces TRL's advantages where segments or floors set them, and updates the multipliers."""
        if self._reward is None or not self._reward.sets_advantages(self._config):
            return
        ends, length = output["thought_tokens"].tolist(), output["completion_ids"].shape[1]
        advantages = self._reward.advantages(
            self._config, self._multipliers, ends, length, self.num_generations
        )
        self._multipliers.update(self._reward.signals, [row.condition for row in self._rows])
        old = output["advantages"]
        output["advantages"] = torch.tensor(advantages, dtype=old.dtype, device=old.device)
        if self.accelerator.num_processes == 1:  # TRL's table of completions shows them as well
            logged = self._logs["advantages"]
            for _ in self._rows:
                logged.pop()
            logged.extend((advantages.mean(1) if advantages.ndim > 1 else advantages).tolist())

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Any:
        """TRL's loss less the bonus of a floor under entropy; logs the entropy of thoughts and answers."""
        self._prompt_index = inputs["prompt_index"].tolist()
        loss = super()._compute_loss(model, inputs)
        if self._config.floors.entropy:
            loss = loss - self._entropy_floor.bonus(
                self._entropies, inputs, last=self.accelerator.sync_gradients
            )
        self._entropies = self._entropies.detach()
        means = segment_entropies(self._entropies, inputs["completion_mask"], inputs["thought_tokens"])
        for name, value in means.items():
            self._metrics["train" if self.model.training else "eval"][name].append(value)
        return loss

    def _tokenize_prompts(self, prompts: list[Any]) -> tuple[list[list[int]], Any, dict[str, Any]]:
        assert self._batch is not None
        fields = {k: v for k, v in self._batch.features.items() if k not in ("input_ids", "attention_mask")}
        return self._batch.ids, self._batch.images, fields

    def reward(self, completion_ids: list[list[int]], log_metric: Any = None, **_: Any) -> list[float]:
        """The total reward of every rollout of the batch; logs its parts by condition."""
        assert self._batch is not None
        size = self.num_generations
        self._reward = self.scorer.score(
            self._rows, self._batch, completion_ids, size, self.state.global_step
        )
        self._tokens = list(zip(self._batch.ids, completion_ids, strict=True))
        if log_metric is not None:
            lengths = [len(ids) for ids in completion_ids]
            logs = metrics_by_condition(self._rows, self._reward.rewards, lengths, size)
            for name, value in (logs | self._multipliers.log_values()).items():
                log_metric(name, value)
        return [r.total for r in self._reward.rewards]

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Our state is written before the trainer's, which marks a checkpoint as complete."""
        folder = Path(self._get_output_dir(trial=trial)) / f"checkpoint-{self.state.global_step}"
        if self.args.should_save:
            folder.mkdir(parents=True, exist_ok=True)
            if self._config.floors.active:
                (folder / MULTIPLIERS_FILE).write_text(json.dumps(self._multipliers.state), "utf-8")
            if self.scorer.reference is not None:
                self.scorer.reference.save(folder)
        super()._save_checkpoint(model, trial)

    def _load_optimizer_and_scheduler(self, checkpoint: Any) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is None:
            return
        if self._config.floors.active:
            self._multipliers.state = json.loads((Path(checkpoint) / MULTIPLIERS_FILE).read_text("utf-8"))
        if self.scorer.reference is not None:
            self.scorer.reference.load(Path(checkpoint))
