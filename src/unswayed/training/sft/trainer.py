"""Next-token prediction on transformers' trainer, with the audit's prompts.

The loss is the mean cross-entropy over all completion tokens of a step, whatever the micro-batches. TRL's
`SFTTrainer` (1.16) is not used: it renders conversations by its own call of the template and never adds the
first token that some templates leave to the tokenizer, so it would teach other prompts than the audit's.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers

from unswayed.training.config.sft import SftConfig
from unswayed.training.sft.collator import IGNORED, ExampleCollator
from unswayed.training.sft.example import Example
from unswayed.training.trainer_base import TrainerMixin, trainer_arguments

_NOT_MODEL_INPUTS = ("labels", "thought", "conditions")


class SftTrainer(TrainerMixin, transformers.Trainer):  # type: ignore[misc]
    """Learns examples as an `ExampleCollator` prepares them."""

    def __init__(
        self,
        model: Any,
        collator: ExampleCollator,
        examples: Sequence[Example],
        config: SftConfig,
        out: Path,
        **trainer_options: Any,
    ) -> None:
        """`out`: folder of the checkpoints; `trainer_options` go to the trainer (callbacks)."""
        self._examples, self._collator = examples, collator
        self._sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        bare = model.get_base_model() if hasattr(model, "get_base_model") else model
        self._cuts_logits = "logits_to_keep" in inspect.signature(bare.forward).parameters
        super().__init__(
            model=model,
            args=sft_arguments(config, out),
            train_dataset=list(range(len(examples))),
            data_collator=lambda rows: collator.collate([self._examples[row] for row in rows]),
            processing_class=collator.processor,
            **trainer_options,
        )
        self.model_accepts_loss_kwargs = True  # the loss needs the number of tokens of the whole step
        self.loss_is_scaled_for_ga = True

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Cross-entropy of the completions, summed and divided by the step's completion tokens."""
        fields = {k: v for k, v in inputs.items() if k not in _NOT_MODEL_INPUTS}
        labels, width = inputs["labels"], inputs["labels"].shape[1]
        first = int((labels != IGNORED).int().argmax(1).min())
        # Position i predicts token i + 1, so logits are needed from the position before the first label on.
        keep = width - first + 1
        outputs = model(**fields, use_cache=False, **({"logits_to_keep": keep} if self._cuts_logits else {}))
        logits, targets = outputs.logits[:, -keep:-1].float(), labels[:, first:]
        nll = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="none"
        ).view_as(targets)
        tokens = (targets != IGNORED).sum() if num_items_in_batch is None else num_items_in_batch
        with torch.no_grad():
            self._add_metrics(nll, logits.argmax(-1) == targets, targets != IGNORED, inputs, first)
        # As in the trainer: tokens are counted over all processes, and gradients averaged over them.
        loss = nll.sum() / tokens * self.accelerator.num_processes
        return (loss, outputs) if return_outputs else loss

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Adds the step's own metrics to the trainer's."""
        sums, self._sums = self._sums, defaultdict(lambda: [0.0, 0.0])
        means = {name: total / count for name, (total, count) in sums.items() if count}
        super().log({**logs, **means}, start_time)

    def _add_metrics(
        self, nll: Any, correct: Any, learned: Any, inputs: Mapping[str, Any], first: int
    ) -> None:
        """Adds sums and counts of a pass. Shapes (rows, positions from `first` on)."""
        positions = torch.arange(first, first + nll.shape[1], device=nll.device)
        in_thought = positions < inputs["thought"].unsqueeze(1)
        parts = {"thought_nll": learned & in_thought, "answer_nll": learned & ~in_thought}
        for name in sorted(set(inputs["conditions"])):
            rows = torch.tensor([c == name for c in inputs["conditions"]], device=nll.device)
            parts[f"{name}/nll"] = learned & rows.unsqueeze(1)
        for name, part in parts.items():
            self._add(name, nll[part].sum(), part.sum())
        self._add("token_accuracy", (correct & learned).sum(), learned.sum())
        self._add("completion_tokens", learned.sum(), len(learned))

    def _add(self, name: str, total: Any, count: Any) -> None:
        self._sums[name][0] += float(total)
        self._sums[name][1] += float(count)


def sft_arguments(config: SftConfig, out: Path) -> Any:
    """The config as arguments of transformers' trainer."""
    s = config.sft
    return transformers.TrainingArguments(
        **trainer_arguments(config, out), max_steps=s.steps or -1, num_train_epochs=s.epochs
    )
