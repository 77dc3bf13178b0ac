"""Next-token prediction on the trainer of transformers, with the audit's prompts.

Decided here: the loss is the mean cross-entropy over all completion tokens of a step, however the step is cut
into micro-batches. TRL's `SFTTrainer` (1.16) is not used: it renders conversations by its own call of the
template, never lets the tokenizer put its first token before a prompt, and so would teach other prompts than
the audit's; given finished tensors, what is left of it is a patched forward pass and a model card.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers

from unswayed.training.sft.collator import IGNORED, Sheet
from unswayed.training.sft.example import Example
from unswayed.training.sft.settings import Config
from unswayed.training.trainer_base import Common, settings


class Trainer(Common, transformers.Trainer):  # type: ignore[misc]
    """Learns examples as a `Sheet` lays them out."""

    def __init__(
        self, model: Any, sheet: Sheet, examples: Sequence[Example], config: Config, out: Path, **more: Any
    ) -> None:
        """`out`: where checkpoints go; `more` goes to the trainer (callbacks)."""
        self._examples, self._sheet = examples, sheet
        self._sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        bare = model.get_base_model() if hasattr(model, "get_base_model") else model
        self._cuts = "logits_to_keep" in inspect.signature(bare.forward).parameters
        super().__init__(
            model=model,
            args=arguments(config, out),
            train_dataset=list(range(len(examples))),
            data_collator=lambda places: sheet.page([self._examples[place] for place in places]),
            processing_class=sheet.processor,
            **more,
        )
        self.model_accepts_loss_kwargs = True  # a step's tokens are counted, and the loss is over all of them
        self.loss_is_scaled_for_ga = True

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Cross-entropy of the completions, summed and divided by the step's completion tokens."""
        fields = {k: v for k, v in inputs.items() if k not in ("labels", "thought", "conditions")}
        labels, width = inputs["labels"], inputs["labels"].shape[1]
        first = int((labels != IGNORED).int().argmax(1).min())
        # Row i foretells token i + 1: from the place before the first label on.
        keep = width - first + 1
        outputs = model(**fields, use_cache=False, **({"logits_to_keep": keep} if self._cuts else {}))
        logits, wanted = outputs.logits[:, -keep:-1].float(), labels[:, first:]
        nll = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), wanted.flatten(), ignore_index=IGNORED, reduction="none"
        ).view_as(wanted)
        tokens = (wanted != IGNORED).sum() if num_items_in_batch is None else num_items_in_batch
        with torch.no_grad():
            self._see(nll, logits.argmax(-1) == wanted, wanted != IGNORED, inputs, first)
        # As the trainer does: all processes' tokens are counted, and their gradients averaged.
        loss = nll.sum() / tokens * self.accelerator.num_processes
        return (loss, outputs) if return_outputs else loss

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """The trainer's numbers, and the step's own: see `_see`."""
        sums, self._sums = self._sums, defaultdict(lambda: [0.0, 0.0])
        more = {name: total / count for name, (total, count) in sums.items() if count}
        super().log({**logs, **more}, start_time)

    def _see(self, nll: Any, right: Any, kept: Any, inputs: Mapping[str, Any], first: int) -> None:
        """Sums and counts of a pass. Shapes (rows, places from `first` on); `kept`: which are learnt."""
        places = torch.arange(first, first + nll.shape[1], device=nll.device)
        inside = places < inputs["thought"].unsqueeze(1)
        parts = {"thought_nll": kept & inside, "answer_nll": kept & ~inside}
        for name in sorted(set(inputs["conditions"])):
            rows = torch.tensor([c == name for c in inputs["conditions"]], device=nll.device)
            parts[f"{name}/nll"] = kept & rows.unsqueeze(1)
        for name, part in parts.items():
            self._add(name, nll[part].sum(), part.sum())
        self._add("token_accuracy", (right & kept).sum(), kept.sum())
        self._add("completion_tokens", kept.sum(), len(kept))

    def _add(self, name: str, total: Any, count: Any) -> None:
        self._sums[name][0] += float(total)
        self._sums[name][1] += float(count)


def arguments(config: Config, out: Path) -> Any:
    """Our settings in the trainer's words."""
    s = config.sft
    return transformers.TrainingArguments(
        **settings(config, out), max_steps=s.steps or -1, num_train_epochs=s.epochs
    )
