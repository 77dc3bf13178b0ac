"""verl's options for a training config; `BadInput` for a setting that has no counterpart there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from unswayed.errors import BadInput
from unswayed.training.config.grpo import GrpoConfig
from unswayed.training.config.reward import RewardSettings

_AGGREGATION = {
    "dapo": "token-mean",
    "bnpo": "token-mean",
    "grpo": "seq-mean-token-mean",
    "dr_grpo": "seq-mean-token-sum-norm",
}
"""TRL's `loss_type` → verl's `loss_agg_mode`."""
_OWN_MODELS = ("finish", "finish_only", "cross", "care", "causal", "gain", "expected", "segments")
"""Parts of the reward that ask a model or the rest of the group, which verl's reward workers do not have."""


def verl_options(config: GrpoConfig, folder: Path) -> dict[str, Any]:
    """Hydra overrides of verl 0.9 for `config`, with the data in `folder`. Raises `BadInput`."""
    check(config)
    g = config.grpo
    options: dict[str, Any] = {
        "algorithm.adv_estimator": "grpo",
        "algorithm.norm_adv_by_std_in_grpo": g.scale_rewards == "group",
        "data.train_files": str(folder / "train.parquet"),
        "data.val_files": str(folder / "dev.parquet"),
        "data.train_batch_size": g.prompts,
        "data.max_response_length": g.max_tokens,
        "data.seed": config.seed,
        "data.truncation": "error",
        "actor_rollout_ref.model.path": config.model.path,
        "actor_rollout_ref.actor.optim.lr": g.lr,
        "actor_rollout_ref.actor.optim.lr_warmup_steps": g.warmup,
        "actor_rollout_ref.actor.optim.weight_decay": g.weight_decay,
        "actor_rollout_ref.actor.ppo_mini_batch_size": g.prompts,
        "actor_rollout_ref.actor.ppo_epochs": g.iterations,
        "actor_rollout_ref.actor.clip_ratio": g.epsilon,
        "actor_rollout_ref.actor.clip_ratio_low": g.epsilon,
        "actor_rollout_ref.actor.clip_ratio_high": g.epsilon_high or g.epsilon,
        "actor_rollout_ref.actor.loss_agg_mode": _AGGREGATION[g.loss],
        "actor_rollout_ref.actor.policy_loss.loss_mode": (
            "gspo" if g.importance == "sequence" else "vanilla"
        ),
        "actor_rollout_ref.actor.entropy_coeff": g.entropy_coef,
        "actor_rollout_ref.actor.use_kl_loss": g.beta > 0,
        "actor_rollout_ref.actor.kl_loss_coef": g.beta,
        "actor_rollout_ref.rollout.n": g.num_generations,
        "actor_rollout_ref.rollout.temperature": g.temperature,
        "actor_rollout_ref.rollout.top_p": g.top_p,
        "actor_rollout_ref.rollout.agent.agent_loop_config_path": str(folder / "agent_loops.yaml"),
        "reward.reward_manager.source": "importlib",
        "reward.reward_manager.name": "RewardManager",
        "reward.reward_manager.module.path": str(folder / "plugin.py"),
        "trainer.total_training_steps": g.steps,
        "trainer.save_freq": config.save.every,
        "trainer.test_freq": config.audit.every or -1,
        "trainer.default_local_dir": str(folder / "checkpoints"),
        "trainer.project_name": "unswayed",
        "trainer.experiment_name": f"{config.arm}-{config.seed}",
        "actor_rollout_ref.actor.checkpoint.save_contents": ["model", "optimizer", "extra", "hf_model"],
        "trainer.logger": ["console", "file"],
    }
    return options


def command_line(options: dict[str, Any]) -> Iterator[str]:
    """The options as hydra reads them."""
    for name, value in options.items():
        if isinstance(value, bool):
            text = str(value)
        elif isinstance(value, list | str):
            text = json.dumps(value).replace('"', "'")
        else:
            text = repr(value)
        yield f"{name}={text}"


def reward_json(settings: RewardSettings) -> str:
    """For `reward.read_settings`."""
    return json.dumps(asdict(settings))


def check(config: GrpoConfig) -> None:
    """Raises `BadInput`, with the setting, where `config` needs what the adapter does not have."""
    g, reward = config.grpo, config.reward
    missing = [f"reward.{name}" for name in _OWN_MODELS if getattr(reward, name)]
    if reward.judge != "rules":
        missing.append(f"reward.judge = {reward.judge!r}")
    if config.augment.groups != "same":
        missing.append("augment.groups = 'paired'")
    if config.floors != type(config.floors)():
        missing.append("floors")
    if g.loss not in _AGGREGATION:
        missing.append(f"grpo.loss = {g.loss!r}")
    if g.scale_rewards == "batch":
        missing.append("grpo.scale_rewards = 'batch'")
    if g.mask_truncated:
        missing.append("grpo.mask_truncated")
    if g.peft_rank:
        missing.append("grpo.peft_rank")
    if missing:
        raise BadInput(
            f"{', '.join(missing)}: the adapter for verl does not have it; train with --engine trl, or "
            "leave it out"
        )
