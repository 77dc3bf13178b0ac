"""GRPO on TRL's `GRPOTrainer`, with our conditions as prompts and our readings as reward.

What is TRL's stays TRL's: sampling, advantages, loss, clipping, KL. Decided here: prompts are rendered
as in the audit, so a prefill is context (its tokens are prompt tokens, outside the loss) and the rollout
continues it; the reward sees prefill and rollout joined; the rollouts of one group may be asked in
several ways; and metrics are told by condition.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from trl import GRPOTrainer
from trl.models import unwrap_model_for_generation

from unswayed.backends.transformers.backend import TransformersBackend
from unswayed.judges.base import Judge
from unswayed.question import Question
from unswayed.training import augmentation
from unswayed.training.augmentation import Album, Row
from unswayed.training.blind_reader import Reader
from unswayed.training.config.grpo import Config
from unswayed.training.evaluation import unnoticed
from unswayed.training.grpo.advantages import Floats
from unswayed.training.grpo.arguments import arguments
from unswayed.training.grpo.constraints import Duals
from unswayed.training.grpo.ema_reference import Running
from unswayed.training.grpo.prefix_sharing import (
    Fields,
    Prefix,
    firsts,
    log_probs,
    obstacle,
)
from unswayed.training.grpo.prompt_batches import Batch, Desk, Facade
from unswayed.training.grpo.rollout_metrics import tell
from unswayed.training.grpo.sampling import draw
from unswayed.training.rewards.evidence import Rollout, Witnesses
from unswayed.training.rewards.outcome import Outcome, pay
from unswayed.training.rewards.score import NOTHING
from unswayed.training.token_stats import border
from unswayed.training.trainer_base import Common

DUALS = "duals.json"
"""What the floors remember, in a checkpoint."""
CONDITIONS = ("base", *augmentation.Shares().by_condition())
"""All under which rollouts are made; a rollout's is kept as its place here."""


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


class Trainer(Common, GRPOTrainer):  # type: ignore[misc]
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
        judge: tuple[Judge, Callable[[], Awaitable[None]] | None] | None = None,
        told: Callable[[str], None] = lambda line: None,
        **more: Any,
    ) -> None:
        """`out`: where checkpoints go; `reader`: who reads thoughts blind, and `judge`: who judges them,
        where the reward asks for it; `told` hears what holds training up; `more` goes to `GRPOTrainer`
        (callbacks, peft_config)."""
        self._questions, self._config = questions, config
        self._duals = Duals(config.floors)
        self._outcome: Outcome | None = None
        self._tokens: list[tuple[list[int], list[int]]] = []
        self._entropies = torch.empty(0)
        self._heard: list[tuple[str, float]] = []
        self._shares: bool | None = None if config.grpo.share_prompts else False
        self._which: list[int] = []
        self._told = told
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
        self._reference, self._witnesses = self._call(processor, reader, judge, told)
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

    def _call(
        self,
        processor: Any,
        reader: Reader | None,
        judge: tuple[Judge, Callable[[], Awaitable[None]] | None] | None,
        told: Callable[[str], None],
    ) -> tuple[Running | None, Witnesses]:
        """Who is asked about rollouts: no model is loaded or copied that the recipe does not ask."""
        recipe, running = self._config.reward, None
        here = self.accelerator.unwrap_model(self.model)
        found = Witnesses(recipe, self._config.floors, frozen=reader, told=told)
        if recipe.asks_live:
            found.live = TransformersBackend.wrap(here, processor, name="live")
        if recipe.care and recipe.care_ema:
            running = Running(here, recipe.care_ema, recipe.care_every)
            found.reference = TransformersBackend.wrap(running.model, processor, name="reference")
        elif recipe.care and reader is not None:
            found.reference = reader.backend
        if judge is not None:
            found.judge, found.renew = judge
        return running, found

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

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        self._rows = [each["row"] for each in inputs]
        self._batch = self.desk.batch(self._rows)
        self.processing_class = Facade(self.desk.processor, self._batch)
        self._which = self._batch.which
        try:
            made = dict(super()._generate_and_score_completions(inputs))
            made["thought_tokens"] = torch.tensor(
                [
                    border(self.desk.words, prompt, ids, begun)
                    for (prompt, ids), begun in zip(self._tokens, self._batch.opened, strict=True)
                ],
                device=made["completion_ids"].device,
            )
            made["which_prompt"] = torch.tensor(self._batch.which, device=made["completion_ids"].device)
            made["condition"] = torch.tensor(
                [CONDITIONS.index(row.condition) for row in self._rows], device=made["completion_ids"].device
            )
            alike = made["condition"].unsqueeze(0) == made["condition"].unsqueeze(1)
            kept = made["completion_mask"].any(1)  # a rollout left out of the loss has no entropy either
            made["share"] = kept / (alike & kept).sum(1).clamp(min=1)
            credits = self._credits(made["thought_tokens"].tolist(), made["completion_ids"].shape[1])
            if credits is not None:
                made["advantages"] = torch.tensor(
                    credits, dtype=made["advantages"].dtype, device=made["advantages"].device
                )
                if self.accelerator.num_processes == 1:  # the table of completions tells these, too
                    said = self._logs["advantages"]
                    for _ in self._rows:
                        said.pop()
                    said.extend((credits.mean(1) if credits.ndim > 1 else credits).tolist())
            return made
        finally:
            self.processing_class = self.desk.processor
            self._batch, self._rows, self._outcome = None, [], None

    def _generate_single_turn(
        self,
        prompt_ids: Any,
        images: Any,
        multimodal_fields: Any,
        num_generations: int,
        *args: Any,
        **more: Any,
    ) -> Any:
        """Rollouts; prompts that rows share are read once, where it is known that this model can."""
        if not self._may_share():
            return super()._generate_single_turn(
                prompt_ids, images, multimodal_fields, num_generations, *args, **more
            )
        assert self._batch is not None
        device = self.accelerator.device
        features = {k: v for k, v in self._batch.features.items() if isinstance(v, torch.Tensor)}
        ids, mask = features.pop("input_ids").to(device), features.pop("attention_mask").to(device)
        pictures = None if images is None else [len(some) for some in images]
        fields = Fields({k: v.to(device) for k, v in features.items()}, pictures)
        with unwrap_model_for_generation(
            self.model_wrapped,
            self.accelerator,
            gradient_checkpointing_kwargs=self.args.gradient_checkpointing_kwargs,
        ) as model:
            if self._shares is None:
                why = obstacle(model, ids, mask, self._batch.which, fields)
                self._shares = why is None
                if why is not None:
                    self._told(f"every rollout reads a prompt of its own: {why}")
            if self._shares:
                with torch.no_grad(), self.accelerator.autocast():
                    rows, which = firsts(self._batch.which)
                    prefix = Prefix(model, ids, mask, fields, rows)
                    config, ends = self.generation_config, self.eos_token_ids
                    return draw(model, prefix, which, ids[:, -1:], mask, config, ends), None
        return super()._generate_single_turn(
            prompt_ids, images, multimodal_fields, num_generations, *args, **more
        )

    def _may_share(self) -> bool:
        """Whether prompts may be shared at all; whether this model can is proved by trying."""
        plain = self.repetition_penalty == 1.0 and not self.min_p and not self.args.generation_kwargs
        return (
            self._config.grpo.share_prompts
            and self._shares is not False
            and self.model.training
            and plain
            and not self.use_vllm
            and self.accelerator.num_processes == 1
            and self.accelerator.distributed_type.value in ("NO", "MULTI_CPU")
        )

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: Any,
        attention_mask: Any,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        compute_aux_loss: bool = False,
        num_images: Any = None,
        **fields: Any,
    ) -> Any:
        which = self._which
        alone = len(set(which)) > 0.75 * len(which)  # nothing to gain
        checkpoints = self.args.gradient_checkpointing  # keeps no keys and values
        known = len(which) == len(input_ids) and (batch_size or len(which)) >= len(which)
        if self._shares and known and not alone and not checkpoints and not compute_aux_loss:
            with self.accelerator.autocast():
                logps, entropies = log_probs(
                    model, input_ids, attention_mask, logits_to_keep, which, Fields(fields, num_images)
                )
            found: Any = (logps, entropies if compute_entropy else None, None)
        else:
            found = super()._get_per_token_logps_and_entropies(
                model, input_ids, attention_mask, logits_to_keep, batch_size=batch_size,
                compute_entropy=compute_entropy, compute_aux_loss=compute_aux_loss,
                num_images=num_images, **fields,
            )  # fmt: skip
        if found[1] is not None:
            self._entropies = found[1]
        return found

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Any:
        """TRL's loss, less the bonus that a floor under entropy asks for; the entropy that it had to take
        anyway is told of thought and answer apart."""
        self._which = inputs["which_prompt"].tolist()
        loss = super()._compute_loss(model, inputs)
        if self._config.floors.entropy:
            loss = loss - self._bonus(inputs)
        self._entropies = self._entropies.detach()
        kept = inputs["completion_mask"].bool()
        places = torch.arange(kept.shape[1], device=kept.device)
        inside = places < inputs["thought_tokens"].unsqueeze(1)
        for name, part in (("thought", kept & inside), ("answer", kept & ~inside)):
            value = self._entropies[part].float().mean().item() if part.any() else math.nan
            self._metrics["train" if self.model.training else "eval"][f"{name}_entropy"].append(value)
        return loss

    def _bonus(self, inputs: dict[str, Any]) -> torch.Tensor:
        """These rollouts' part of ``Σ_c λ_c · mean entropy under c``; with the step's last part the floor
        learns. Parts add up over micro-batches, as their gradients do."""
        kept = inputs["completion_mask"]
        each = (self._entropies * kept).sum(1) / kept.sum(1).clamp(min=1)
        names = [CONDITIONS[i] for i in inputs["condition"].tolist()]
        weights = torch.tensor(self._duals.of("entropy", names), device=each.device) * inputs["share"]
        told = zip(names, each.tolist(), inputs["share"].tolist(), strict=True)
        self._heard += [(name, value) for name, value, share in told if share]
        if self.accelerator.sync_gradients and self._heard:
            conditions, values = zip(*self._heard, strict=True)
            self._duals.learn({"entropy": values}, conditions)
            self._heard = []
        bonus: torch.Tensor = (weights * each).sum()
        return bonus

    def _tokenize_prompts(self, prompts: list[Any]) -> tuple[list[list[int]], Any, dict[str, Any]]:
        assert self._batch is not None
        fields = {k: v for k, v in self._batch.features.items() if k not in ("input_ids", "attention_mask")}
        return self._batch.ids, self._batch.images, fields

    def reward(self, completion_ids: list[list[int]], log_metric: Any = None, **_: Any) -> list[float]:
        """The total of every rollout of the batch; tells TRL's log the parts by condition."""
        assert self._batch is not None
        said = [self.desk.read(*pair) for pair in zip(self._batch.ids, completion_ids, strict=True)]
        rollouts = [
            Rollout(row, begin, text, end)
            for row, begin, (text, end) in zip(self._rows, self._batch.opened, said, strict=True)
        ]
        if self._reference is not None:
            self._reference.follow(self.accelerator.unwrap_model(self.model), self.state.global_step)
        evidence = [NOTHING] * len(rollouts)
        if self._witnesses.needed:
            with unnoticed():
                evidence = asyncio.run(self._witnesses.ask(rollouts))
        size = self.num_generations
        self._outcome = pay(rollouts, evidence, self._config, size)
        self._tokens = [(prompt, ids) for prompt, ids in zip(self._batch.ids, completion_ids, strict=True)]
        if log_metric is not None:
            lengths = [len(ids) for ids in completion_ids]
            for name, value in tell(self._rows, self._outcome.scores, lengths, size).items():
                log_metric(name, value)
            for name, value in self._duals.told().items():
                log_metric(name, value)
        return [s.total for s in self._outcome.scores]

    def _credits(self, ends: Sequence[int], length: int) -> Floats | None:
        """Credit (B,) or (B, length) of what was just paid, where it is not TRL's own; the floors learn."""
        if self._outcome is None or not self._outcome.own_credit(self._config):
            return None
        found = self._outcome.credits(self._config, self._duals, ends, length, self.num_generations)
        self._duals.learn(self._outcome.signals, [row.condition for row in self._rows])
        return found

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """What an arm remembers goes before the trainer's state, by which a checkpoint is known as whole."""
        folder = Path(self._get_output_dir(trial=trial)) / f"checkpoint-{self.state.global_step}"
        if self.args.should_save:
            folder.mkdir(parents=True, exist_ok=True)
            if self._config.floors.wanted:
                (folder / DUALS).write_text(json.dumps(self._duals.state), "utf-8")
            if self._reference is not None:
                self._reference.save(folder)
        super()._save_checkpoint(model, trial)

    def _load_optimizer_and_scheduler(self, checkpoint: Any) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is None:
            return
        if self._config.floors.wanted:
            self._duals.state = json.loads((Path(checkpoint) / DUALS).read_text("utf-8"))
        if self._reference is not None:
            self._reference.load(Path(checkpoint))


def _messages(row: Row) -> list[dict[str, str]]:
    """The row for TRL's log of completions; what the model reads is rendered by the desk."""
    p = row.prompt
    said = [{"role": "system", "content": p.system}, {"role": "user", "content": p.text}]
    return said + ([{"role": "assistant", "content": p.prefill}] if p.prefill else [])
