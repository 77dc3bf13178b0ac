"""Per-token entropy and KL to the first weights, of a model's own generations.

An audit's generations are processed once more, whole, by the model that wrote them and by the weights that
training started from. Both distributions are complete at every generated token, so entropy and KL(now ||
first weights) are exact there, at temperature 1, in nats.

* Tokens up to the end of the last thought, its closing tag included, are *thought*; those after it are
  *answer*. A turn without a thought is all answer, one whose thought never ends is all thought.
* A trial's number is the mean over its tokens, so a long thought has no more weight than a short one.
* The path is greedy: the numbers compare how the two models would continue along it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from unswayed.backends.base import OnBatch
from unswayed.backends.transformers.backend import TransformersBackend
from unswayed.backends.transformers.decoding import TokenDecoder
from unswayed.conditions import Prompt
from unswayed.formats import COMMON, Format
from unswayed.metrics.catalogue import IN_TRAINING
from unswayed.metrics.stats import mean
from unswayed.metrics.summary import Estimate
from unswayed.model_io import Generation, Request
from unswayed.training.rewards.turn_format import thought_end

Floats = npt.NDArray[np.float64]
FirstWeights = Callable[[], AbstractContextManager[Any]]
"""Gives the model with its first weights, for as long as the context is open."""


def thought_token_count(
    words: TokenDecoder,
    prompt: Sequence[int],
    tokens: Sequence[int],
    turn_start: str,
    format: Format = COMMON,
) -> int:
    """How many of `tokens`, generated after `prompt`, are thought. `turn_start`: the turn's text before
    them."""
    turn = turn_start + words.text(prompt, tokens)
    end = thought_end(turn, format)
    return len(tokens) if end == len(turn) else words.first_from(prompt, tokens, end - len(turn_start))


@dataclass(frozen=True)
class TokenStats:
    """One generation, token by token; arrays of shape (tokens,), in nats."""

    entropy: Floats
    kl: Floats | None
    """KL(now || first weights); None where it was not measured."""
    thought_tokens: int
    """How many of the tokens are thought."""


class RecordingBackend(TransformersBackend):
    """A model in this process that records its generations, to compute `TokenStats` of them."""

    def _set_up(self, *args: Any) -> None:
        super()._set_up(*args)
        self.recorded: dict[int, tuple[Prompt, Generation]] = {}
        """By the request's seed, which is a trial's own (`trial_keys.trial_seed`)."""

    async def generate_in_batches(self, requests: Sequence[Request], on_batch: OnBatch) -> list[Generation]:
        generations = await super().generate_in_batches(requests, on_batch)
        self.recorded |= {r.seed: (r.prompt, g) for r, g in zip(requests, generations, strict=True) if g.ids}
        return generations

    async def token_stats(self, first_weights: FirstWeights | None) -> dict[int, TokenStats]:
        """Statistics of everything recorded, by seed, without prompts that cannot be processed again."""
        return await self._work(lambda cancel: self._token_stats(first_weights))

    def _token_stats(self, first_weights: FirstWeights | None) -> dict[int, TokenStats]:
        from unswayed.backends.transformers.batching import BatchItem, ImageCache, Inputs, prepare_items

        images, seeds = ImageCache(), list(self.recorded)
        recorded = [self.recorded[seed] for seed in seeds]
        items = prepare_items(
            [prompt for prompt, _ in recorded], images, self._renderer, self._processor.tokenizer
        )
        for item, (_, generation) in zip(items, recorded, strict=True):
            item.tokens = list(generation.ids)

        def work(batch: list[BatchItem], inputs: Inputs) -> None:
            lengths = [len(item.tokens) for item in batch]
            # Only the positions that predict generated tokens; row i's are the last lengths[i].
            keep = {"logits_to_keep": max(lengths) + 1, "use_cache": False}
            now = self._model(**inputs, **keep).logits[:, -max(lengths) - 1 : -1]
            first = None
            if first_weights is not None:
                with first_weights() as model:
                    first = model(**inputs, **keep).logits[:, -max(lengths) - 1 : -1]
            for i, (item, n) in enumerate(zip(batch, lengths, strict=True)):
                item.state = entropy_and_kl(now[i, -n:], None if first is None else first[i, -n:])

        self._batcher.run([item for item in items if item.error is None], images, 0, work)
        stats = {}
        for seed, item, (prompt, generation) in zip(seeds, items, recorded, strict=True):
            if item.state is not None:
                # The text before a generation's first token hardly matters to it; the turn's own start does.
                turn_start = prompt.prefill or item.rendered.template_opening
                entropy, kl = item.state
                thought_tokens = thought_token_count(
                    self._decoder, (), generation.ids, turn_start, prompt.format
                )
                stats[seed] = TokenStats(entropy, kl, thought_tokens)
        return stats


def entropy_and_kl(now: torch.Tensor, first: torch.Tensor | None) -> tuple[Floats, Floats | None]:
    """Entropy of `now`, and KL(now || first), at every position, in nats.

    Shapes: logits (positions, vocabulary) -> (positions,).
    """
    log_p = now.float().log_softmax(-1)
    p = log_p.exp()
    # 0 log 0 is 0: an impossible token adds nothing.
    entropy = -torch.where(p > 0, p * log_p, 0.0).sum(-1)
    if first is None:
        return _array(entropy), None
    log_q = first.float().log_softmax(-1)
    kl = torch.where(p > 0, p * (log_p - log_q), 0.0).sum(-1)
    return _array(entropy), _array(kl.clamp(min=0))


def token_measures(stats: Sequence[tuple[TokenStats, str]]) -> dict[str, Estimate]:
    """Entropies and KL (`IN_TRAINING`) of some trials, each with its question's group; those that apply."""
    values: dict[str, list[tuple[float, str]]] = {}
    for each, group in stats:
        segments = {"thought": slice(0, each.thought_tokens), "answer": slice(each.thought_tokens, None)}
        for name, segment in segments.items():
            if len(each.entropy[segment]):
                values.setdefault(f"{name}_entropy", []).append((float(each.entropy[segment].mean()), group))
                if each.kl is not None:
                    values.setdefault(f"kl_start_{name}", []).append((float(each.kl[segment].mean()), group))
        if each.kl is not None and len(each.kl):
            values.setdefault("kl_start", []).append((float(each.kl.mean()), group))
    measures = {}
    for name in IN_TRAINING:
        if pairs := values.get(name):
            numbers, groups = zip(*pairs, strict=True)
            clusters = np.unique(np.array(groups), return_inverse=True)[1]
            measures[name] = mean(np.array(numbers), clusters, (0.0, np.inf))
    return measures


def _array(values: torch.Tensor) -> Floats:
    return values.detach().cpu().double().numpy()
