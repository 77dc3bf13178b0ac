"""A config in TRL's words, and what TRL refuses in ours.

Decided here: every step is logged, a loss that is no number too, for the guards read the log; and a name
among trackers hangs on the folder of the run.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from trl import GRPOConfig

from unswayed.errors import BadInput
from unswayed.training.settings import Config


def arguments(config: Config, out: Path) -> GRPOConfig:
    """TRL's settings; checkpoints go to `out`. Raises `BadInput` for what TRL does not take."""
    try:
        return _arguments(config, out)
    except ValueError as problem:
        raise BadInput(f"TRL refuses these settings: {problem}") from problem


def _arguments(config: Config, out: Path) -> GRPOConfig:
    g, cpu = config.grpo, config.model.device == "cpu" or not torch.cuda.is_available()
    rollouts = g.prompts * g.num_generations
    rows = g.micro_batch or rollouts
    # What transformers calls constant does not warm up, whatever it is told.
    schedule = "constant_with_warmup" if g.schedule == "constant" and g.warmup else g.schedule
    # By its folder, so that a run that goes on is the same one to a tracker, and another is not.
    name = hashlib.sha256(str(out.resolve()).encode()).hexdigest()[:8]
    return GRPOConfig(
        output_dir=str(out),
        run_name=f"{config.arm}-seed-{config.seed}-{name}",
        project="unswayed",
        seed=config.seed,
        max_steps=g.steps,
        per_device_train_batch_size=rows,
        gradient_accumulation_steps=rollouts // rows,
        num_generations=g.num_generations,
        learning_rate=g.lr,
        warmup_steps=g.warmup,
        lr_scheduler_type=schedule,
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
