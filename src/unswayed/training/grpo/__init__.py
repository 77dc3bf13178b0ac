"""GRPO on TRL's trainer: from prompts under conditions to rollouts, rewards, advantages and loss."""
