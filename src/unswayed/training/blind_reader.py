"""The blind reader: which option does a thought alone lead to, for somebody who sees no picture?

A frozen model is shown the question and the whole thought, but neither picture nor caption, and its
probability of every option letter is taken where the answer would begin: one forward pass, exact over the
options. Decided here:

* Options are shown in another order, drawn from (seed, question), and bracketed letters, which would now
  point to other options, are taken out: a thought which is nothing but a letter leads nowhere. Rewards
  are read in all K rotations of the options: each option stands once at each letter, so that whatever
  draws a reader to a letter, by liking it or by being told it, gives every option 1/K, exactly.
* Tags in a thought are no tags to the reader, for a thought must not answer in the reader's place.
* Masked, a thought has lost the words of every option and every bracketed letter: what it still tells is
  evidence. The masked gain is log P(right | masked thought) - log P(right | no thought), in nats.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from unswayed.answers.letter_probs import ANSWER_TAG
from unswayed.answers.option_matching import fold, matcher
from unswayed.backends.base import Backend
from unswayed.conditions import SYSTEM, Prompt, question_text
from unswayed.errors import BackendError
from unswayed.metrics.summary import Estimate
from unswayed.model_io import LetterScores
from unswayed.question import Question

HOLE = "…"
_TAG = re.compile(r"<[\s/]{0,4}(?:think(?:ing)?|answer)\s{0,4}>", re.IGNORECASE)
_LETTER = re.compile(r" ?\([A-Z]\)")


@dataclass(frozen=True)
class Thought:
    """What the reader is given."""

    question: Question
    options: tuple[str, ...]
    """As the model under training saw them."""
    text: str


@dataclass(frozen=True)
class Impression:
    """Where a thought leads."""

    p: tuple[float, ...]
    """P(option), normalised over the options, in the order of `Thought.options`."""
    outside: float
    """Probability mass on anything but the letters, before that."""

    @property
    def option(self) -> int:
        """The likeliest, 0-based."""
        return int(np.argmax(self.p))


class Reader:
    """Reads thoughts with a frozen model behind a backend."""

    def __init__(self, backend: Backend, *, seed: int = 0, reshuffle: bool = True) -> None:
        self.backend = backend
        self._seed = seed
        self._reshuffle = reshuffle

    async def read(self, thoughts: Sequence[Thought], *, rotate: bool = False) -> list[Impression]:
        """One impression a thought, in order. Raises `BackendError` where the reader cannot be asked.

        `rotate`: the mean over all rotations of the options, without bracketed letters in any of them; and
        a thought that cannot be put to the reader (for it holds what only a picture may stand for, say)
        leads nowhere, as long as others can. Equal prompts are asked once.
        """
        orders = [rotations(len(t.options)) if rotate else [self._order(t)] for t in thoughts]
        asked = [
            [prompt(t, order, bare=rotate) for order in each]
            for t, each in zip(thoughts, orders, strict=True)
        ]
        prompts = [p for each in asked for p in each]
        scores = await letters(self.backend, prompts)
        if rotate and any(scores):
            scores = [
                s or LetterScores((1.0,) * len(p.options)) for s, p in zip(scores, prompts, strict=True)
            ]
        out, at = [], 0
        for thought, each in zip(thoughts, orders, strict=True):
            heard = scores[at : at + len(each)]
            at += len(each)
            mean, outside = np.zeros(len(thought.options)), 0.0
            for order, score in zip(each, heard, strict=True):
                if score is None or len(score.p) != len(order):
                    raise BackendError(
                        f"the blind reader cannot read the thought about {thought.question.uid!r}"
                    )
                mean[list(order)] += np.array(normalised(score)) / len(each)
                outside += score.outside / len(each)
            out.append(Impression(tuple(mean.tolist()), outside))
        return out

    async def gains(self, thoughts: Sequence[Thought], *, rotate: bool = False) -> list[float]:
        """The masked gain of each thought towards the right option, in nats."""
        masked = [replace(t, text=mask(t.text, t.options)) for t in thoughts]
        found = await self.read(masked + [replace(t, text="") for t in thoughts], rotate=rotate)
        told, untold = found[: len(thoughts)], found[len(thoughts) :]
        return [
            float(np.log(max(a.p[t.question.gold], 1e-12)) - np.log(max(b.p[t.question.gold], 1e-12)))
            for t, a, b in zip(thoughts, told, untold, strict=True)
        ]

    def _order(self, thought: Thought) -> tuple[int, ...]:
        """Which option stands at each place; never the order that the thought was written for."""
        n = len(thought.options)
        order = list(range(n))
        if self._reshuffle:
            key = f"{self._seed}/reader/{thought.question.benchmark}/{thought.question.uid}"
            draw = random.Random(hashlib.sha256(key.encode()).digest())
            while order == list(range(n)):
                draw.shuffle(order)
        return tuple(order)


async def letters(backend: Backend, prompts: Sequence[Prompt]) -> list[LetterScores | None]:
    """Letter scores of prompts in order; equal ones are asked once, the others a chunk at a time."""
    distinct = list(dict.fromkeys(prompts))
    found: dict[Prompt, LetterScores | None] = {}
    for start in range(0, len(distinct), backend.chunk):
        part = distinct[start : start + backend.chunk]
        found.update(zip(part, await backend.score_letters(part), strict=True))
    return [found[p] for p in prompts]


def normalised(score: LetterScores) -> tuple[float, ...]:
    """P(option) over the options alone; even where there is no mass on any."""
    p = np.array(score.p)
    total = float(p.sum())
    return tuple((p / total if total > 0 else np.full(len(p), 1 / len(p))).tolist())


def rotations(n: int) -> list[tuple[int, ...]]:
    """The `n` orders of `n` options in which each option stands once at each place."""
    return [tuple((i + s) % n for i in range(n)) for s in range(n)]


def prompt(thought: Thought, order: Sequence[int], *, bare: bool = False) -> Prompt:
    """What the reader sees: the plain question with its options in `order`, the thought, the opened tag.

    Bracketed letters go where the order is another one, or in any case (`bare`).
    """
    shown = tuple(thought.options[i] for i in order)
    said = thought.text
    for tag in reversed(list(_TAG.finditer(fold(said)))):
        said = said[: tag.start()] + " " + said[tag.end() :]
    if bare or list(order) != sorted(order):
        said = _LETTER.sub("", said)
    return Prompt(
        SYSTEM, question_text(thought.question, shown), f"<think>{said}</think>{ANSWER_TAG}", (), shown
    )


def mask(text: str, options: Sequence[str]) -> str:
    """The text with a hole for every mention of an option's words, and without bracketed letters."""
    for mention in reversed(matcher(options).mentions(text)):
        text = text[: mention.start] + HOLE + text[mention.end :]
    return _LETTER.sub("", text)


def agreement(read: Sequence[Impression], answers: Sequence[int], groups: Sequence[str]) -> Estimate:
    """Share of thoughts that lead the reader to the model's own answer; clustered by group."""
    from unswayed.metrics.stats import rate

    if not read:
        return Estimate(None)
    hits = np.array([r.option == a for r, a in zip(read, answers, strict=True)])
    return rate(hits, np.unique(np.array(groups), return_inverse=True)[1])


def mean_gain(gains: Sequence[float], groups: Sequence[str]) -> Estimate:
    """Mean masked gain in nats; clustered by group."""
    from unswayed.metrics.stats import mean

    if not gains:
        return Estimate(None)
    return mean(np.array(gains), np.unique(np.array(groups), return_inverse=True)[1])
