"""The part of the trainer that samples and evaluates rollouts with shared prompts, or leaves both to TRL.

Prompts are shared where settings, model and the layout of a batch allow it; otherwise every rollout processes
its own prompt, and the reason is reported once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from trl import GRPOTrainer
from trl.models import unwrap_model_for_generation

from unswayed.training.grpo.prefix_sharing import (
    ModelInputs,
    PrefixNotShareable,
    SharedPrefix,
    first_occurrences,
    log_probs,
    why_not_shareable,
)
from unswayed.training.grpo.sampling import sample_rollouts
from unswayed.training.prompt_batches import PromptBatch

_FEW_SHARED = 0.75
"""Share of distinct prompts in a batch above which sharing gains nothing."""


class SharedPromptsTrainer(GRPOTrainer):  # type: ignore[misc]
    """`GRPOTrainer` whose rollouts share prompts; a subclass sets the attributes below."""

    _batch: PromptBatch | None
    """The batch that is sampled; None outside of sampling."""
    _prompt_index: list[int]
    """Index of each row's prompt in the batch that goes through the model."""
    _shares: bool | None
    """Whether prompts are shared; None: not checked yet."""
    _entropies: torch.Tensor
    """Token entropies of the last forward pass, (rows, tokens)."""
    _on_message: Callable[[str], None]
    _messages_sent: set[str]

    def _generate_single_turn(
        self,
        prompt_ids: Any,
        images: Any,
        multimodal_fields: Any,
        num_generations: int,
        *args: Any,
        **options: Any,
    ) -> Any:
        """Rollouts; prompts that rows share are processed once, where this model supports it."""
        rollouts = self._generate_shared(images) if self._may_share() else None
        if rollouts is not None:
            return rollouts, None
        return super()._generate_single_turn(
            prompt_ids, images, multimodal_fields, num_generations, *args, **options
        )

    def _generate_shared(self, images: Any) -> list[list[int]] | None:
        """Rollouts from shared prompts; None where this model, or this batch, does not support it."""
        assert self._batch is not None
        device = self.accelerator.device
        features = {k: v for k, v in self._batch.features.items() if isinstance(v, torch.Tensor)}
        ids, mask = features.pop("input_ids").to(device), features.pop("attention_mask").to(device)
        counts = None if images is None else [len(own) for own in images]
        inputs = ModelInputs({k: v.to(device) for k, v in features.items()}, counts)
        if not self._layout_shareable(inputs, len(ids), ids.shape[1]):
            return None
        with unwrap_model_for_generation(
            self.model_wrapped,
            self.accelerator,
            gradient_checkpointing_kwargs=self.args.gradient_checkpointing_kwargs,
        ) as model:
            if self._shares is None:
                reason = why_not_shareable(model, ids, mask, self._batch.prompt_index, inputs)
                self._shares = reason is None
                if reason is not None:
                    self._message_once(f"prompts are not shared between rollouts: {reason}")
            if not self._shares:
                return None
            with torch.no_grad(), self.accelerator.autocast():
                first, numbered = first_occurrences(self._batch.prompt_index)
                prefix = SharedPrefix(model, ids, mask, inputs, first)
                return sample_rollouts(
                    model, prefix, numbered, ids[:, -1:], mask, self.generation_config, self.eos_token_ids
                )

    def _may_share(self) -> bool:
        """Whether these settings allow shared prompts; whether the model does is found by trying."""
        plain = self.repetition_penalty == 1.0 and not self.min_p and not self.args.generation_kwargs
        return (
            self._shares is not False
            and self.model.training
            and plain
            and not self.use_vllm
            and self.accelerator.num_processes == 1
            and self.accelerator.distributed_type.value in ("NO", "MULTI_CPU")
        )

    def _layout_shareable(self, inputs: ModelInputs, rows: int, length: int) -> bool:
        """Whether the inputs of a batch can be split by row (some processors pad several images per row)."""
        try:
            inputs.select(range(rows), length)
        except PrefixNotShareable as reason:
            self._message_once(f"prompts of some batches are not shared between rollouts: {reason}")
            return False
        return True

    def _message_once(self, line: str) -> None:
        if line not in self._messages_sent:
            self._messages_sent.add(line)
            self._on_message(line)

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
        index = self._prompt_index
        shared = (
            self._shares
            and len(index) == len(input_ids) <= (batch_size or len(index))
            and len(set(index)) <= _FEW_SHARED * len(index)
            and not self.args.gradient_checkpointing  # which keeps no keys and values
            and not compute_aux_loss
        )
        inputs = ModelInputs(fields, num_images)
        if shared and self._layout_shareable(inputs, len(input_ids), input_ids.shape[1]):
            with self.accelerator.autocast():
                logps, entropies = log_probs(model, input_ids, attention_mask, logits_to_keep, index, inputs)
            output: Any = (logps, entropies if compute_entropy else None, None)
        else:
            output = super()._get_per_token_logps_and_entropies(
                model, input_ids, attention_mask, logits_to_keep, batch_size=batch_size,
                compute_entropy=compute_entropy, compute_aux_loss=compute_aux_loss,
                num_images=num_images, **fields,
            )  # fmt: skip
        if output[1] is not None:
            self._entropies = output[1]
        return output
