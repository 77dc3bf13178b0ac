"""Translates a config to TRL's arguments, and TRL's refusals to ours."""

from __future__ import annotations

from pathlib import Path

from trl import GRPOConfig

from unswayed.errors import BadInput
from unswayed.training import trainer_base
from unswayed.training.config.grpo import GrpoConfig


def grpo_arguments(config: GrpoConfig, out: Path) -> GRPOConfig:
    """TRL's arguments; checkpoints go to `out`. Raises `BadInput` for what TRL refuses."""
    g = config.grpo
    try:
        return GRPOConfig(
            **trainer_base.trainer_arguments(config, out),
            max_steps=g.steps,
            num_generations=g.num_generations,
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
            use_vllm=g.vllm,
            vllm_gpu_memory_utilization=g.vllm_memory,
            log_completions=config.save.completions,
            num_completions_to_print=0,
        )
    except ValueError as error:
        raise BadInput(f"TRL refuses these settings: {error}") from error
