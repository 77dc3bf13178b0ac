"""Supervised finetuning on written thoughts: a cold start before reinforcement learning.

Questions as the audit puts them, thoughts and answers as they are to be. What is shared with the other
training stands above, in `unswayed.training`: models, audits on the way, checkpoints, guards.
"""
