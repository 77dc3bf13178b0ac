"""Finetuning by reinforcement learning, with the audit's own pieces.

Conditions are the augmentation, readings and judges are the reward, the audit is the dynamics. Nothing
here is imported by any other room but the command line.
"""
