"""Supervised finetuning on written thoughts: a cold start before reinforcement learning.

Questions are put as the audit puts them; thoughts and answers are given. What is shared with GRPO is in
`unswayed.training`: models, audits during training, checkpoints, guards.
"""
