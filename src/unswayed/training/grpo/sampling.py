"""Drawing rollouts: prompts once, rows that have ended leave the batch, the draws are those of `generate`.

At every token one `torch.multinomial` is drawn over as many rows as there are rollouts, as transformers'
`generate` does, so the same random state gives the same rollouts, up to rounding of the arithmetic, whoever
draws them. Rows that have ended only take part in that draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import (
    GenerationConfig,
    LogitsProcessorList,
    SuppressTokensLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from unswayed.training.grpo.prefix_sharing import Prefix, positions

_LEAVE = 0.85
"""Rows leave once fewer than this share of those in the batch go on; each time costs a copy of the cache."""


def warpers(config: GenerationConfig, device: Any) -> LogitsProcessorList:
    """What `generate` does to logits under these settings, in its order."""
    found = LogitsProcessorList()
    if config.suppress_tokens is not None:
        found.append(SuppressTokensLogitsProcessor(config.suppress_tokens, device=device))
    if config.temperature is not None and config.temperature != 1.0:
        found.append(TemperatureLogitsWarper(config.temperature))
    if config.top_k:
        found.append(TopKLogitsWarper(top_k=config.top_k))
    if config.top_p is not None and config.top_p < 1.0:
        found.append(TopPLogitsWarper(top_p=config.top_p))
    return found


@torch.inference_mode()
def draw(
    model: Any,
    prefix: Prefix,
    which: Sequence[int],
    last: torch.Tensor,
    mask: torch.Tensor,
    config: GenerationConfig,
    ends: Sequence[int],
) -> list[list[int]]:
    """Rollouts of every row, each with the end token that ended it, if one did.

    `which` (rows,): the prompt in `prefix` that a row goes on from; `last` (rows, 1): that prompt's last
    token; `mask` (rows, length): of the whole prompts.
    """
    device, total = last.device, len(which)
    cache, jump = prefix.spread(torch.tensor(which, device=device))
    treat = warpers(config, device)
    closing = torch.tensor(sorted(ends), device=device)
    open_rows = torch.arange(total, device=device)  # places of the rows still in the batch
    going = torch.ones(total, dtype=torch.bool, device=device)  # of these, which have not ended
    drawn: list[torch.Tensor] = []
    token, everyone = last, None
    for _ in range(config.max_new_tokens):
        out = model(
            input_ids=token,
            attention_mask=mask,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
            **positions(mask, 1, jump),
        )
        cache = out.past_key_values
        logits = out.logits[:, -1].float()
        p = treat(None, logits).softmax(-1)
        if everyone is None:
            everyone = p.new_full((total, p.shape[1]), 1.0)
        everyone[open_rows] = p
        chosen = torch.multinomial(everyone, num_samples=1).squeeze(1)
        column = torch.full((total,), -1, dtype=torch.long, device=device)
        mine = chosen[open_rows]
        column[open_rows[going]] = mine[going]
        drawn.append(column)
        going = going & ~torch.isin(mine, closing)
        left = int(going.sum())
        if left == 0:
            break
        token = mine.unsqueeze(1)
        if left < _LEAVE * len(going):
            keep = going.nonzero().squeeze(1)
            cache.batch_select_indices(keep)
            open_rows, token, mask = open_rows[keep], token[keep], mask[keep]
            jump = None if jump is None else jump[keep]
            going = going[keep]
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], 1)
    return [[t for t in row if t >= 0] for row in torch.stack(drawn, 1).tolist()]
