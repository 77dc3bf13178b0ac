"""What every trainer here does alike: its settings, resuming from a checkpoint, telling trackers of audits.

Decided here: every step is logged, a loss that is no number too, for the guards read the log; and a name
among trackers hangs on the folder of the run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel

from unswayed.backends.transformers import loading
from unswayed.training.config.common import Training


def settings(config: Training, out: Path) -> dict[str, Any]:
    """What a trainer of transformers is told of any training; checkpoints go to `out`."""
    pace, rows = config.pace, config.rows
    cpu = config.model.device == "cpu" or not torch.cuda.is_available()
    at_once = pace.micro_batch or rows
    # What transformers calls constant does not warm up, whatever it is told.
    warms = pace.schedule == "constant" and pace.warmup
    # By its folder, so that a run that goes on is the same one to a tracker, and another is not.
    name = hashlib.sha256(str(out.resolve()).encode()).hexdigest()[:8]
    return {
        "output_dir": str(out),
        "run_name": f"{config.arm}-seed-{config.seed}-{name}",
        "project": "unswayed",
        "seed": config.seed,
        "per_device_train_batch_size": at_once,
        "gradient_accumulation_steps": rows // at_once,
        "learning_rate": pace.lr,
        "warmup_steps": pace.warmup,
        "lr_scheduler_type": "constant_with_warmup" if warms else pace.schedule,
        "weight_decay": pace.weight_decay,
        "max_grad_norm": pace.max_grad_norm,
        "gradient_checkpointing": pace.gradient_checkpointing,
        "use_cpu": cpu,
        "bf16": not cpu and config.model.dtype in ("auto", "bfloat16"),
        "remove_unused_columns": False,
        "dataloader_pin_memory": not cpu,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,  # a loss that is no number must be seen
        "save_strategy": "steps",
        "save_steps": config.save.every,
        "save_total_limit": config.save.keep,
        "report_to": list(config.save.report_to),
        "disable_tqdm": True,
    }


class Common:
    """Stands before a trainer of transformers in its bases."""

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """The weights of a checkpoint into the live model, read as `from_pretrained` reads them.

        A saved model may name its weights otherwise than a live one does (LLaVA's do); the trainer's own
        way of loading lets names that do not fit pass, and would go on from the first weights.
        """
        live = self.model if model is None else model  # type: ignore[attr-defined]
        if isinstance(live, PeftModel):
            super()._load_from_checkpoint(resume_from_checkpoint, model)  # type: ignore[misc]
            return
        shape = loading.load_config(resume_from_checkpoint)
        saved = loading.load_model(
            resume_from_checkpoint, shape, dtype=live.dtype, revision=None, trust_remote_code=False
        )
        live.load_state_dict(saved.state_dict(), strict=True)

    def publish(self, numbers: Mapping[str, float]) -> None:
        """Tell the trackers, and nobody else: what is logged of a step stays as it is."""
        me: Any = self
        due = me.control.should_log  # which the handler takes for done
        me.callback_handler.on_log(me.args, me.state, me.control, dict(numbers))
        me.control.should_log = due
