"""What both trainers share: their arguments, resuming from a checkpoint, and tracker logs of audits.

Every step is logged, a non-finite loss too, because the guards read the log. A run's name among trackers
depends on its folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import TrainingArguments

from unswayed.backends.transformers import loading
from unswayed.training.config.common import TrainingConfig

# transformers 5.24 renamed this argument.
_CHECKPOINTING = (
    "activation_checkpointing"
    if any(item.name == "activation_checkpointing" for item in fields(TrainingArguments))
    else "gradient_checkpointing"
)


def trainer_arguments(config: TrainingConfig, out: Path) -> dict[str, Any]:
    """Arguments of transformers' trainer that every training has; checkpoints go to `out`."""
    optimizer, rows = config.optimizer, config.rows_per_step
    cpu = config.model.device == "cpu" or not torch.cuda.is_available()
    micro_batch = optimizer.micro_batch or rows
    # transformers' schedule `constant` has no warmup, whatever `warmup_steps` is.
    warmup = optimizer.schedule == "constant" and optimizer.warmup
    # A resumed run has the same name for a tracker, and a run in another folder another one.
    folder_hash = hashlib.sha256(str(out.resolve()).encode()).hexdigest()[:8]
    return {
        "output_dir": str(out),
        "run_name": f"{config.arm}-seed-{config.seed}-{folder_hash}",
        "project": "unswayed",
        "seed": config.seed,
        "per_device_train_batch_size": micro_batch,
        "gradient_accumulation_steps": rows // micro_batch,
        "learning_rate": optimizer.lr,
        "warmup_steps": optimizer.warmup,
        "lr_scheduler_type": "constant_with_warmup" if warmup else optimizer.schedule,
        "weight_decay": optimizer.weight_decay,
        "max_grad_norm": optimizer.max_grad_norm,
        _CHECKPOINTING: optimizer.gradient_checkpointing,
        "use_cpu": cpu,
        "bf16": not cpu and config.model.dtype in ("auto", "bfloat16"),
        "remove_unused_columns": False,
        "dataloader_pin_memory": not cpu,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,  # the guards must see a non-finite loss
        "save_strategy": "steps",
        "save_steps": config.save.every,
        "save_total_limit": config.save.keep,
        "report_to": list(config.save.report_to),
        "disable_tqdm": True,
    }


class TrainerMixin:
    """First base class of our trainers, before a trainer of transformers."""

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """Loads the weights of a checkpoint into the live model, read as `from_pretrained` reads them.

        A saved model may name its weights differently from a live one (LLaVA does). The trainer's own method
        ignores names that do not match, and would continue from the first weights.
        """
        live = self.model if model is None else model  # type: ignore[attr-defined]
        if isinstance(live, PeftModel):
            super()._load_from_checkpoint(resume_from_checkpoint, model)  # type: ignore[misc]
            return
        config = loading.load_config(resume_from_checkpoint)
        saved = loading.load_model(
            resume_from_checkpoint, config, dtype=live.dtype, revision=None, trust_remote_code=False
        )
        live.load_state_dict(saved.state_dict(), strict=True)

    def publish(self, numbers: Mapping[str, float]) -> None:
        """Sends numbers to the trackers alone; the log of the step stays as it is."""
        trainer: Any = self
        should_log = trainer.control.should_log  # the handler resets it
        trainer.callback_handler.on_log(trainer.args, trainer.state, trainer.control, dict(numbers))
        trainer.control.should_log = should_log
