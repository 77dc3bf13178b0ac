"""Finetuning (GRPO and SFT) with the audit's own parts.

The audit's conditions are the augmentation, its readings and judges are the reward, and audits during
training are the record of what changes. `config` is the lowest package, then `rewards`, then `grpo` and
`sft`.
"""
