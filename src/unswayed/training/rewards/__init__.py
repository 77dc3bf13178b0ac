"""The reward of a rollout: what others infer from it (`evidence`), its parts (`score`), its group's
(`group_rewards`)."""
