"""GRPO on TRL's `GRPOTrainer`, with our conditions as prompts and our readings as reward.

What is TRL's stays TRL's: sampling, advantages, loss, clipping, KL. Decided here: prompts are rendered
as in the audit, so a prefill is context (its tokens are prompt tokens, outside the loss) and the rollout
continues it; the reward sees prefill and rollout joined; the rollouts of one group may be asked in
several ways; and metrics are told by condition.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import PeftModel
from trl import GRPOConfig, GRPOTrainer

from unswayed.answers.tags import layout
from unswayed.backends import processors
from unswayed.judges.base import Verdict
from unswayed.question import Question
from unswayed.training import augmentation
from unswayed.training.augmentation import Album, Row
from unswayed.training.desk import Batch, Desk, Facade
from unswayed.training.dynamics import unnoticed
from unswayed.training.reader import Reader, Thought
from unswayed.training.rewards import score
from unswayed.training.settings import Config
from unswayed.training.telling import tell


class Members(torch.utils.data.Sampler[int]):
    """TRL's order of questions, with the place in the group: question q, rollout j is q * size + j."""

    def __init__(self, order: Any, size: int) -> None:
        self._order = order
        self._size = size

    def __iter__(self) -> Iterator[int]:
        for n, question in enumerate(self._order):
            yield int(question) * self._size + n % self._size

    def __len__(self) -> int:
        return len(self._order)


class Trainer(GRPOTrainer):  # type: ignore[misc]
    """`GRPOTrainer` for visual questions under conditions."""

    def __init__(
        self,
        model: Any,
        processor: Any,
        questions: Sequence[Question],
        config: Config,
        out: Path,
        *,
        reader: Reader | None = None,
        **more: Any,
    ) -> None:
        """`out`: where checkpoints go; `reader`: who reads thoughts blind, where the reward asks for it;
        `more` goes to `GRPOTrainer` (callbacks, peft_config)."""
        self._questions, self._config = questions, config
        self._reader = reader
        self._album = Album()
        self._batch: Batch | None = None
        self._rows: list[Row] = []
        super().__init__(
            model=model,
            reward_funcs=[self.reward],
            args=arguments(config, out),
            train_dataset=Dataset.from_dict({"place": range(len(questions) * config.grpo.num_generations)}),
            processing_class=processor,
            **more,
        )
        self.desk = Desk(
            processor, str(getattr(model.config, "_name_or_path", "") or "model"), self.eos_token_ids
        )
        self.data_collator = self._collate
        shares = config.augment
        self.desk.prove(
            [
                augmentation.put(question, name, config.seed, self._album.read(question))
                for question in questions[:8]
                for name, share in shares.by_condition().items()
                if share
            ]
        )

    def row(self, place: int) -> Row:
        """The rollout at a place of the data: question ``place // G``, member ``place % G``."""
        size = self._config.grpo.num_generations
        question, member = self._questions[place // size], place % size
        name = augmentation.members(question, self._config.seed, self._config.augment, size)[member]
        return augmentation.put(question, name, self._config.seed, self._album.read(question))

    def _collate(self, features: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{"prompt": _messages(row), "row": row} for row in (self.row(f["place"]) for f in features)]

    def _get_train_sampler(self, dataset: Any = None) -> Any:
        size = self.num_generations
        order = super()._get_train_sampler(range(len(self.train_dataset) // size))
        return Members(order, size)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """The weights of a checkpoint into the live model, read as `from_pretrained` reads them.

        A saved model may name its weights otherwise than a live one does (LLaVA's do); the trainer's own
        way of loading lets names that do not fit pass, and would go on from the first weights.
        """
        live = self.model if model is None else model
        if isinstance(live, PeftModel):
            super()._load_from_checkpoint(resume_from_checkpoint, model)
            return
        shape = processors.load_config(resume_from_checkpoint)
        saved = processors.load_model(
            resume_from_checkpoint, shape, dtype=live.dtype, revision=None, trust_remote_code=False
        )
        live.load_state_dict(saved.state_dict(), strict=True)

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        self._rows = [each["row"] for each in inputs]
        self._batch = self.desk.batch(self._rows)
        self.processing_class = Facade(self.desk.processor, self._batch)
        try:
            return dict(super()._generate_and_score_completions(inputs))
        finally:
            self.processing_class = self.desk.processor
            self._batch, self._rows = None, []

    def _tokenize_prompts(self, prompts: list[Any]) -> tuple[list[list[int]], Any, dict[str, Any]]:
        assert self._batch is not None
        fields = {k: v for k, v in self._batch.features.items() if k not in ("input_ids", "attention_mask")}
        return self._batch.ids, self._batch.images, fields

    def reward(self, completion_ids: list[list[int]], log_metric: Any = None, **_: Any) -> list[float]:
        """The total of every rollout of the batch; tells TRL's log the parts by condition."""
        assert self._batch is not None
        recipe, begun = self._config.reward, self._batch.opened
        said = [self.desk.read(*pair) for pair in zip(self._batch.ids, completion_ids, strict=True)]
        verdicts = self._read_blind([b + text for b, (text, _) in zip(begun, said, strict=True)])
        scores = [
            score(text, row.question, row.prompt.options, end, recipe, prefill=begin, verdict=verdict)
            for row, begin, (text, end), verdict in zip(self._rows, begun, said, verdicts, strict=True)
        ]
        if log_metric is not None:
            lengths = [len(ids) for ids in completion_ids]
            for name, value in tell(self._rows, scores, lengths, self.num_generations).items():
                log_metric(name, value)
        return [s.total for s in scores]

    def _read_blind(self, texts: Sequence[str]) -> list[Verdict | None]:
        """What the blind reader makes of each turn's thought; None without thought, or without reader."""
        if self._reader is None or self._config.reward.judge != "reader":
            return [None] * len(texts)
        thoughts = [layout(text).thought for text in texts]
        asked = [
            Thought(row.question, row.prompt.options, thought)
            for row, thought in zip(self._rows, thoughts, strict=True)
            if thought is not None
        ]
        with unnoticed():
            found = iter(asyncio.run(self._reader.read(asked)))
        return [None if t is None else Verdict("option", next(found).option) for t in thoughts]


def _messages(row: Row) -> list[dict[str, str]]:
    """The row for TRL's log of completions; what the model reads is rendered by the desk."""
    p = row.prompt
    said = [{"role": "system", "content": p.system}, {"role": "user", "content": p.text}]
    return said + ([{"role": "assistant", "content": p.prefill}] if p.prefill else [])


def arguments(config: Config, out: Path) -> GRPOConfig:
    """Our settings in TRL's words."""
    g, cpu = config.grpo, config.model.device == "cpu" or not torch.cuda.is_available()
    rollouts = g.prompts * g.num_generations
    rows = g.micro_batch or rollouts
    return GRPOConfig(
        output_dir=str(out),
        seed=config.seed,
        max_steps=g.steps,
        per_device_train_batch_size=rows,
        gradient_accumulation_steps=rollouts // rows,
        num_generations=g.num_generations,
        learning_rate=g.lr,
        warmup_steps=g.warmup,
        lr_scheduler_type=g.schedule,
        weight_decay=g.weight_decay,
        max_grad_norm=g.max_grad_norm,
        loss_type=g.loss,
        scale_rewards=g.scale_rewards,
        beta=g.beta,
        epsilon=g.epsilon,
        epsilon_high=g.epsilon_high or None,
        num_iterations=g.iterations,
        importance_sampling_level=g.importance,
        entropy_coef=g.entropy_coef,
        mask_truncated_completions=g.mask_truncated,
        temperature=g.temperature,
        top_p=g.top_p,
        max_completion_length=g.max_tokens,
        gradient_checkpointing=g.gradient_checkpointing,
        use_vllm=g.vllm,
        vllm_gpu_memory_utilization=g.vllm_memory,
        use_cpu=cpu,
        bf16=not cpu and config.model.dtype in ("auto", "bfloat16"),
        remove_unused_columns=False,
        dataloader_pin_memory=not cpu,
        logging_steps=1,
        logging_nan_inf_filter=False,  # a loss that is no number must be seen
        save_strategy="steps",
        save_steps=config.save.every,
        save_total_limit=config.save.keep,
        log_completions=config.save.completions,
        num_completions_to_print=0,
        report_to=list(config.save.report_to),
        disable_tqdm=True,
    )
