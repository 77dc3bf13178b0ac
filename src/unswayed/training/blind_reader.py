"""The blind reader: which option does a thought alone lead to, without the image?

A frozen model gets the question and the whole thought, but neither image nor caption. Its probability of
every option letter is taken at the position of the answer: one forward pass, exact over the options.

* Options are reordered by (seed, question), and bracketed letters, which would now name other options, are
  removed: a thought that is only a letter leads nowhere. Rewards average over all K rotations of the options:
  each option stands once at each letter, so a bias of the reader to a letter gives every option exactly 1/K.
* Tags inside a thought are removed, so that a thought cannot answer in the reader's place.
* A masked thought has lost the words of every option and every bracketed letter; what remains is evidence.
  The masked gain is log P(correct | masked thought) - log P(correct | no thought), in nats.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from unswayed.answers.marks import patterns
from unswayed.answers.option_matching import fold, option_matcher
from unswayed.backends.base import Backend
from unswayed.conditions import Prompt, question_text
from unswayed.errors import BackendError
from unswayed.formats import COMMON, Format
from unswayed.metrics.stats import mean, rate
from unswayed.metrics.summary import Estimate
from unswayed.model_io import LetterScores
from unswayed.question import Question

MASK = "…"
"""Replaces every mention of an option in a masked thought."""
_LETTER = re.compile(r" ?\([A-Z]\)")
_TINY = 1e-12


@dataclass(frozen=True)
class ReaderInput:
    """A thought and its question."""

    question: Question
    options: tuple[str, ...]
    """In the order that the writer of the thought saw."""
    thought: str
    format: Format = COMMON
    """The prompt format in which the reader is asked."""


@dataclass(frozen=True)
class ReaderOutput:
    """What the reader infers from a thought."""

    p: tuple[float, ...]
    """P(option), normalised over the options, in the order of `ReaderInput.options`."""
    outside: float
    """Probability mass outside the option letters, before the normalisation."""

    @property
    def option(self) -> int:
        """The most probable option, 0-based."""
        return int(np.argmax(self.p))


class BlindReader:
    """Reads thoughts with a frozen model behind a backend."""

    def __init__(self, backend: Backend, *, seed: int = 0, reshuffle: bool = True) -> None:
        self.backend = backend
        self._seed = seed
        self._reshuffle = reshuffle

    async def read(self, inputs: Sequence[ReaderInput], *, rotate: bool = False) -> list[ReaderOutput]:
        """One output per input, in order. Raises `BackendError` where the reader cannot score letters.

        `rotate`: the mean over all rotations of the options, without bracketed letters; a thought that the
        reader cannot process (it may hold an image token, say) then gets the uniform distribution, as long as
        others can be processed. Equal prompts are scored once.
        """
        orders = [rotations(len(i.options)) if rotate else [self._order(i)] for i in inputs]
        prompts = [
            reader_prompt(i, order, bare=rotate)
            for i, each in zip(inputs, orders, strict=True)
            for order in each
        ]
        scores = await score_letters(self.backend, prompts)
        if rotate and any(scores):
            scores = [
                s or LetterScores((1.0,) * len(p.options)) for s, p in zip(scores, prompts, strict=True)
            ]
        outputs, start = [], 0
        for each, own_orders in zip(inputs, orders, strict=True):
            own_scores = scores[start : start + len(own_orders)]
            start += len(own_orders)
            p, outside = np.zeros(len(each.options)), 0.0
            for order, score in zip(own_orders, own_scores, strict=True):
                if score is None or len(score.p) != len(order):
                    raise BackendError(
                        f"the blind reader cannot read the thought about {each.question.uid!r}"
                    )
                p[list(order)] += np.array(normalise(score)) / len(own_orders)
                outside += score.outside / len(own_orders)
            outputs.append(ReaderOutput(tuple(p.tolist()), outside))
        return outputs

    async def gains(self, inputs: Sequence[ReaderInput], *, rotate: bool = False) -> list[float]:
        """The masked gain of each thought towards the correct option, in nats."""
        masked = [replace(i, thought=mask_options(i.thought, i.options)) for i in inputs]
        outputs = await self.read(masked + [replace(i, thought="") for i in inputs], rotate=rotate)
        with_thought, without = outputs[: len(inputs)], outputs[len(inputs) :]
        return [
            float(np.log(max(a.p[i.question.gold], _TINY)) - np.log(max(b.p[i.question.gold], _TINY)))
            for i, a, b in zip(inputs, with_thought, without, strict=True)
        ]

    def _order(self, each: ReaderInput) -> tuple[int, ...]:
        """The option at each position; never the order that the thought was written for."""
        n = len(each.options)
        order = list(range(n))
        if self._reshuffle:
            key = f"{self._seed}/reader/{each.question.benchmark}/{each.question.uid}"
            rng = random.Random(hashlib.sha256(key.encode()).digest())
            while order == list(range(n)):
                rng.shuffle(order)
        return tuple(order)


async def score_letters(backend: Backend, prompts: Sequence[Prompt]) -> list[LetterScores | None]:
    """Letter scores of prompts, in order; equal prompts are scored once, a chunk of the backend at a time."""
    distinct = list(dict.fromkeys(prompts))
    scores: dict[Prompt, LetterScores | None] = {}
    for start in range(0, len(distinct), backend.chunk):
        part = distinct[start : start + backend.chunk]
        scores.update(zip(part, await backend.score_letters(part), strict=True))
    return [scores[p] for p in prompts]


def normalise(score: LetterScores) -> tuple[float, ...]:
    """P(option) over the options alone; uniform where they have no mass."""
    p = np.array(score.p)
    total = float(p.sum())
    return tuple((p / total if total > 0 else np.full(len(p), 1 / len(p))).tolist())


def rotations(n: int) -> list[tuple[int, ...]]:
    """The `n` orders of `n` options in which each option stands once at each position."""
    return [tuple((i + shift) % n for i in range(n)) for shift in range(n)]


def reader_prompt(each: ReaderInput, order: Sequence[int], *, bare: bool = False) -> Prompt:
    """The reader's prompt: the question with its options in `order`, the thought, the opened answer tag.

    Bracketed letters are removed where the order differs from the writer's, or always (`bare`).
    """
    shown = tuple(each.options[i] for i in order)
    thought = each.thought
    for tag in reversed(list(patterns(each.format).tag.finditer(fold(thought)))):
        thought = thought[: tag.start()] + " " + thought[tag.end() :]
    if bare or list(order) != sorted(order):
        thought = _LETTER.sub("", thought)
    form = each.format
    text = form.prefix + question_text(each.question, shown) + form.suffix
    return Prompt(form.system, text, form.up_to_letter(thought), (), shown, format=form)


def mask_options(text: str, options: Sequence[str]) -> str:
    """The text with `MASK` for every mention of an option's words, and without bracketed letters."""
    for mention in reversed(option_matcher(options).mentions(text)):
        text = text[: mention.start] + MASK + text[mention.end :]
    return _LETTER.sub("", text)


def agreement_rate(read: Sequence[ReaderOutput], answers: Sequence[int], groups: Sequence[str]) -> Estimate:
    """Share of thoughts from which the reader infers the given answer; clustered by group."""
    if not read:
        return Estimate(None)
    hits = np.array([r.option == a for r, a in zip(read, answers, strict=True)])
    return rate(hits, np.unique(np.array(groups), return_inverse=True)[1])


def mean_gain(gains: Sequence[float], groups: Sequence[str]) -> Estimate:
    """Mean masked gain in nats; clustered by group."""
    if not gains:
        return Estimate(None)
    return mean(np.array(gains), np.unique(np.array(groups), return_inverse=True)[1])
