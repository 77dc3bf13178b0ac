"""Samples rollouts from shared prompts; rows that have ended leave the batch.

At every token one `torch.multinomial` is drawn over as many rows as there are rollouts, as transformers'
`generate` does, so the same random state gives the same rollouts, up to rounding. Rows that have ended only
take part in that draw.
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

from unswayed.training.grpo.prefix_sharing import SharedPrefix, cache_of, position_arguments

_COMPACT_BELOW = 0.85
"""Ended rows are removed once fewer than this share of the batch goes on; each removal copies the cache."""


def logits_processors(config: GenerationConfig, device: Any) -> LogitsProcessorList:
    """The processors that `generate` applies under these settings, in its order."""
    processors = LogitsProcessorList()
    if config.suppress_tokens is not None:
        processors.append(SuppressTokensLogitsProcessor(config.suppress_tokens, device=device))
    if config.temperature is not None and config.temperature != 1.0:
        processors.append(TemperatureLogitsWarper(config.temperature))
    if config.top_k:
        processors.append(TopKLogitsWarper(top_k=config.top_k))
    if config.top_p is not None and config.top_p < 1.0:
        processors.append(TopPLogitsWarper(top_p=config.top_p))
    return processors


@torch.inference_mode()
def sample_rollouts(
    model: Any,
    prefix: SharedPrefix,
    prompt_index: Sequence[int],
    last: torch.Tensor,
    mask: torch.Tensor,
    config: GenerationConfig,
    ends: Sequence[int],
) -> list[list[int]]:
    """Tokens of every row's rollout, each with the end token that ended it, if one did.

    `prompt_index` (rows,): the prompt in `prefix` that a row continues; `last` (rows, 1): that prompt's last
    token; `mask` (rows, length): attention mask of the whole prompts.
    """
    device, total = last.device, len(prompt_index)
    cache, jump = prefix.expand(torch.tensor(prompt_index, device=device))
    process = logits_processors(config, device)
    end_tokens = torch.tensor(sorted(ends), device=device)
    in_batch = torch.arange(total, device=device)  # rows still in the batch
    running = torch.ones(total, dtype=torch.bool, device=device)  # of these, the rows that have not ended
    columns: list[torch.Tensor] = []
    token, probabilities = last, None
    for _ in range(config.max_new_tokens):
        out = model(
            input_ids=token,
            attention_mask=mask,
            use_cache=True,
            logits_to_keep=1,
            **{prefix.cache_argument: cache},
            **position_arguments(mask, 1, jump),
        )
        cache = cache_of(out)
        p = process(None, out.logits[:, -1].float()).softmax(-1)
        if probabilities is None:
            probabilities = p.new_full((total, p.shape[1]), 1.0)
        probabilities[in_batch] = p
        chosen = torch.multinomial(probabilities, num_samples=1).squeeze(1)[in_batch]
        column = torch.full((total,), -1, dtype=torch.long, device=device)
        column[in_batch[running]] = chosen[running]
        columns.append(column)
        running = running & ~torch.isin(chosen, end_tokens)
        left = int(running.sum())
        if left == 0:
            break
        token = chosen.unsqueeze(1)
        if left < _COMPACT_BELOW * len(running):
            keep = running.nonzero().squeeze(1)
            cache.batch_select_indices(keep)
            in_batch, token, mask = in_batch[keep], token[keep], mask[keep]
            jump = None if jump is None else jump[keep]
            running = running[keep]
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], 1)
    return [[t for t in row if t >= 0] for row in torch.stack(columns, 1).tolist()]
