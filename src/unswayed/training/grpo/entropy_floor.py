"""Token entropies of rollouts in the loss: the bonus of a floor under entropy, and means of thought and
answer."""

from __future__ import annotations

import math
from typing import Any

import torch

from unswayed.training.config.augmentation import AugmentSettings
from unswayed.training.grpo.multipliers import Multipliers

CONDITIONS = ("base", *AugmentSettings().by_condition())
"""All conditions of rollouts; in tensors a condition is its index here."""


def condition_weights(conditions: torch.Tensor, in_loss: torch.Tensor) -> torch.Tensor:
    """Weight of each rollout (n,) in the mean of its condition: 1 / number of such rollouts in the loss, else
    0.

    `conditions` (n,): indices; `in_loss` (n,): whether the rollout is in the loss.
    """
    same = conditions.unsqueeze(0) == conditions.unsqueeze(1)
    return in_loss / (same & in_loss).sum(1).clamp(min=1)


def segment_entropies(
    entropies: torch.Tensor, mask: torch.Tensor, thought_tokens: torch.Tensor
) -> dict[str, float]:
    """Mean token entropy of thoughts and of answers, in nats; NaN where there is no such token.

    `entropies`, `mask`: (rows, tokens); `thought_tokens` (rows,): how many of each row's tokens are thought.
    """
    kept = mask.bool()
    in_thought = torch.arange(kept.shape[1], device=kept.device) < thought_tokens.unsqueeze(1)
    segments = {"thought_entropy": kept & in_thought, "answer_entropy": kept & ~in_thought}
    return {
        name: entropies[part].float().mean().item() if part.any() else math.nan
        for name, part in segments.items()
    }


class EntropyFloor:
    """The loss term of a floor under entropy, and the update of its multipliers."""

    def __init__(self, multipliers: Multipliers) -> None:
        self._multipliers = multipliers
        self._seen: list[tuple[str, float]] = []

    def bonus(self, entropies: torch.Tensor, inputs: dict[str, Any], last: bool) -> torch.Tensor:
        """These rollouts' part of ``Σ_c λ_c · mean entropy under c``, to be subtracted from the loss.

        Parts add up over micro-batches, as their gradients do; with the `last` one of a step the multipliers
        are updated. `entropies` (rows, tokens), in nats.
        """
        mask = inputs["completion_mask"]
        means = (entropies * mask).sum(1) / mask.sum(1).clamp(min=1)
        names = [CONDITIONS[i] for i in inputs["condition"].tolist()]
        weights = torch.tensor(self._multipliers.by_rollout("entropy", names), device=means.device)
        rows = zip(names, means.tolist(), inputs["condition_weight"].tolist(), strict=True)
        self._seen += [(name, value) for name, value, weight in rows if weight]
        if last and self._seen:
            conditions, values = zip(*self._seen, strict=True)
            self._multipliers.update({"entropy": values}, conditions)
            self._seen = []
        bonus: torch.Tensor = (weights * inputs["condition_weight"] * means).sum()
        return bonus
