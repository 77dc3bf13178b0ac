"""What the weights say of a model's own words: how unsure each token was, and how far from the start.

An audit's generations are read once more, whole, by the model that wrote them and by the weights that
training began with. Both distributions are taken in full at every drawn token, so entropy and
KL(now || start) are exact there, at temperature 1, in nats. Decided here:

* Tokens up to the end of the last thought, its closing tag included, are *thought*; those behind it are
  *answer*. A turn without a thought is all answer, one whose thought never ends all thought.
* A trial's number is the mean over its tokens, so a long thought weighs no more than a short one.
* A greedy path is followed: what is compared is how the two models would go on along it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from unswayed.backends.transformers.backend import TransformersBackend
from unswayed.backends.transformers.decoding import Words
from unswayed.conditions import Prompt
from unswayed.metrics.catalogue import IN_TRAINING
from unswayed.metrics.stats import mean
from unswayed.metrics.summary import Estimate
from unswayed.model_io import Generation, Request
from unswayed.training.rewards.score import thought_end

Floats = npt.NDArray[np.float64]
Start = Callable[[], AbstractContextManager[Any]]
"""Gives the model with its first weights, for as long as the context is open."""


def border(words: Words, prompt: Sequence[int], tokens: Sequence[int], begun: str) -> int:
    """How many of `tokens`, drawn behind `prompt`, are thought. `begun`: the turn's text before them."""
    whole = begun + words.text(prompt, tokens)
    end = thought_end(whole)
    return len(tokens) if end == len(whole) else words.first_from(prompt, tokens, end - len(begun))


@dataclass(frozen=True)
class Reread:
    """One generation, token by token; arrays of shape (tokens,), in nats."""

    entropy: Floats
    kl: Floats | None
    """None where the first weights were not asked."""
    thought: int
    """How many of the tokens are thought."""


class Listener(TransformersBackend):
    """A model in this process that keeps what it said, to read it again."""

    def _set_up(self, *args: Any) -> None:
        super()._set_up(*args)
        self.heard: dict[int, tuple[Prompt, Generation]] = {}
        """By the request's seed, which is a trial's own (`keys.trial_seed`)."""

    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        found = await super().generate(requests)
        self.heard |= {r.seed: (r.prompt, g) for r, g in zip(requests, found, strict=True) if g.ids}
        return found

    async def reread(self, start: Start | None) -> dict[int, Reread]:
        """Everything heard, by seed; what cannot be read again is left out. `start`: first weights."""
        return await self._work(lambda cancel: self._reread(start))

    def _reread(self, start: Start | None) -> dict[int, Reread]:
        from unswayed.backends.transformers.batching import (
            Album,
            Inputs,
            Item,
            items,
        )

        album, seeds = Album(), list(self.heard)
        said = [self.heard[seed] for seed in seeds]
        todo = items([prompt for prompt, _ in said], album, self._renderer, self._processor.tokenizer)
        for item, (_, generation) in zip(todo, said, strict=True):
            item.tokens = list(generation.ids)

        def work(batch: list[Item], inputs: Inputs) -> None:
            drawn = [len(item.tokens) for item in batch]
            # Only the positions that foretell drawn tokens; row i's are the last drawn[i].
            keep = {"logits_to_keep": max(drawn) + 1, "use_cache": False}
            now = self._model(**inputs, **keep).logits[:, -max(drawn) - 1 : -1]
            then = None
            if start is not None:
                with start() as first:
                    then = first(**inputs, **keep).logits[:, -max(drawn) - 1 : -1]
            for i, (item, n) in enumerate(zip(batch, drawn, strict=True)):
                item.state = divergence(now[i, -n:], None if then is None else then[i, -n:])

        self._batcher.run([item for item in todo if item.error is None], album, 0, work)
        out = {}
        for seed, item, (prompt, generation) in zip(seeds, todo, said, strict=True):
            if item.state is not None:
                # What stands before a text's first token hardly matters to it; the turn's own beginning does.
                begun = prompt.prefill or item.rendered.given
                entropy, kl = item.state
                out[seed] = Reread(entropy, kl, border(self._words, (), generation.ids, begun))
        return out


def divergence(now: torch.Tensor, then: torch.Tensor | None) -> tuple[Floats, Floats | None]:
    """Entropy of `now`, and KL(now || then), at every position, in nats.

    Shapes: logits (positions, vocabulary) -> (positions,).
    """
    log_p = now.float().log_softmax(-1)
    p = log_p.exp()
    # 0 log 0 is 0: a token that cannot come adds nothing.
    entropy = -torch.where(p > 0, p * log_p, 0.0).sum(-1)
    if then is None:
        return _array(entropy), None
    log_q = then.float().log_softmax(-1)
    kl = torch.where(p > 0, p * (log_p - log_q), 0.0).sum(-1)
    return _array(entropy), _array(kl.clamp(min=0))


def measure(read: Sequence[tuple[Reread, str]]) -> dict[str, Estimate]:
    """Entropies and KL (`IN_TRAINING`) of some trials, each with its question's group; those that apply."""
    values: dict[str, list[tuple[float, str]]] = {}
    for one, group in read:
        parts = {"thought": slice(0, one.thought), "answer": slice(one.thought, None)}
        for part, where in parts.items():
            if len(one.entropy[where]):
                values.setdefault(f"{part}_entropy", []).append((float(one.entropy[where].mean()), group))
                if one.kl is not None:
                    values.setdefault(f"kl_start_{part}", []).append((float(one.kl[where].mean()), group))
        if one.kl is not None and len(one.kl):
            values.setdefault("kl_start", []).append((float(one.kl.mean()), group))
    out = {}
    for name in IN_TRAINING:
        if pairs := values.get(name):
            numbers, groups = zip(*pairs, strict=True)
            clusters = np.unique(np.array(groups), return_inverse=True)[1]
            out[name] = mean(np.array(numbers), clusters, (0.0, np.inf))
    return out


def _array(values: torch.Tensor) -> Floats:
    return values.detach().cpu().double().numpy()
