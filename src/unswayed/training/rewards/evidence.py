"""Who else is asked about a rollout before it is paid: readers, the model itself, a judge.

Decided here: only what the recipe pays for is asked; thoughts that are equal are asked about once; and an
endpoint that goes away is waited for, for as long as it takes: a rollout is never paid nothing because
its judge was not there.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from unswayed.answers.letter_probs import ANSWER_TAG, letter_prefill
from unswayed.backends import open_backend
from unswayed.backends.base import Backend
from unswayed.conditions import OPEN_THINK
from unswayed.errors import BackendError
from unswayed.judges.base import Case, Judge, Verdict
from unswayed.judges.llm import LLM
from unswayed.retry import Retry
from unswayed.training.augmentation import Row
from unswayed.training.blind_reader import (
    Reader,
    Thought,
    letters,
    normalised,
)
from unswayed.training.config.reward import Recipe
from unswayed.training.grpo.constraints import Floors
from unswayed.training.rewards.score import Evidence, closed_thought

PATIENCE = Retry(attempts=1, first=2.0, ceiling=120.0)
"""Pauses before a judge is asked again; there is no last attempt."""
STUBBORN = 4
"""After so many rounds, thoughts that a judge who answers others cannot be asked about are given up."""


@dataclass(frozen=True)
class Rollout:
    """One turn of the assistant, as the audit would read it."""

    row: Row
    opened: str
    """How the turn began before the rollout: the prefill, or what the template wrote."""
    text: str
    finish: str

    @cached_property
    def thought(self) -> str | None:
        """Closed thought, or None."""
        return closed_thought(self.opened + self.text)


@dataclass
class Witnesses:
    """All who may be asked; those that a recipe has no use for may be None."""

    recipe: Recipe
    floors: Floors = Floors()  # noqa: RUF009 - frozen
    live: Backend | None = None
    """The model in training."""
    frozen: Reader | None = None
    """The first weights."""
    reference: Backend | None = None
    """Who says how likely an answer is behind its thought (GRPO-CARE)."""
    judge: Judge | None = None
    renew: Callable[[], Awaitable[None]] | None = None
    """Lets go of the judge's connections; the next question makes new ones."""
    told: Callable[[str], None] = lambda line: None
    patience: Retry = PATIENCE
    _answered: bool = False

    @property
    def needed(self) -> bool:
        """Whether there is anything to ask."""
        r, f = self.recipe, self.floors
        judged = r.judge == "llm" and r.judged
        return r.asks_live or r.needs_frozen or r.care > 0 or judged or f.needs_frozen

    async def ask(self, rollouts: Sequence[Rollout]) -> list[Evidence]:
        """What they say, a rollout each, in order. Raises `BackendError` where a model cannot be asked."""
        recipe, found = self.recipe, [Evidence() for _ in rollouts]
        if recipe.judge == "reader":
            assert self.frozen is not None
            for i, read in await self._read(self.frozen, rollouts, rotate=False):
                found[i] = replace(found[i], verdict=Verdict("option", _largest(read)))
        if recipe.judge == "llm" and recipe.judged:
            found = await self._judged(rollouts, found)
        if recipe.finishes:
            who = self.frozen if recipe.finisher == "frozen" else Reader(_there(self.live))
            assert who is not None
            for i, read in await self._read(who, rollouts, rotate=True):
                found[i] = replace(found[i], finish=read)
        if recipe.segments or self.floors.agree > 0:
            assert self.frozen is not None
            for i, read in await self._read(self.frozen, rollouts, rotate=True):
                found[i] = replace(found[i], read=read)
        if (recipe.segments and recipe.gain) or self.floors.gain > 0:
            assert self.frozen is not None
            where = [i for i, r in enumerate(rollouts) if r.thought is not None]
            gains = await self.frozen.gains([_thought(rollouts[i]) for i in where], rotate=True)
            for i, gain in zip(where, gains, strict=True):
                found[i] = replace(found[i], gain=gain)
        if recipe.expected or recipe.causal:
            for i, p in enumerate(await _sighted(_there(self.live), rollouts, thinking=True)):
                found[i] = replace(found[i], told=p)
        if recipe.causal:
            for i, p in enumerate(await _sighted(_there(self.live), rollouts, thinking=False)):
                found[i] = replace(found[i], untold=p)
        if recipe.care:
            for i, p in enumerate(await _sighted(_there(self.reference), rollouts, thinking=True)):
                found[i] = replace(found[i], likely=p)
        return found

    async def _read(
        self, reader: Reader, rollouts: Sequence[Rollout], *, rotate: bool
    ) -> list[tuple[int, tuple[float, ...]]]:
        where = [i for i, r in enumerate(rollouts) if r.thought is not None]
        read = await reader.read([_thought(rollouts[i]) for i in where], rotate=rotate)
        return [(i, r.p) for i, r in zip(where, read, strict=True)]

    async def _judged(self, rollouts: Sequence[Rollout], found: list[Evidence]) -> list[Evidence]:
        assert self.judge is not None
        cases: dict[tuple[str, str, tuple[str, ...], str], Case] = {}
        keys = []
        for r in rollouts:
            q, shown = r.row.question, r.row.prompt.options
            key = None if r.thought is None else (q.benchmark, q.uid, shown, r.thought)
            keys.append(key)
            if key is not None:
                cases[key] = Case(q, shown, key[3])
        said = dict(zip(cases, await self._wait_for(list(cases.values())), strict=True))
        out = []
        for each, key in zip(found, keys, strict=True):
            verdict = None if key is None else said[key]
            out.append(replace(each, verdict=verdict, missing=key is not None and verdict is None))
        return out

    async def _wait_for(self, cases: Sequence[Case]) -> list[Verdict | None]:
        """A verdict on every case, however long that takes; `told` hears of every pause.

        A judge that answered before and now answers nobody is waited for without end; one that never did is
        an error. None: a case that it could not be asked about in `STUBBORN` rounds, while it did answer
        what it had answered before; that is no verdict, and not a bad one.
        """
        assert self.judge is not None
        found: list[Verdict | None] = [None] * len(cases)
        left, name = list(range(len(cases))), self.judge.name
        silent = rounds = 0
        while left:
            known = next((i for i, verdict in enumerate(found) if verdict is not None), None)
            asked = left if known is None else [*left, known]  # one that it did answer, to tell them apart
            words, still, alive = "", list(left), False
            try:
                said = await self.judge.judge([cases[i] for i in asked])
            except BackendError as problem:
                if not self._answered:
                    raise
                words = str(problem)
            else:
                alive = any(verdict.error is None for verdict in said)
                for i, verdict in zip(left, said, strict=False):
                    if verdict.error is None:
                        found[i] = verdict
                        still.remove(i)
                    else:
                        words = verdict.error
            finally:
                if self.renew is not None:
                    await self.renew()
            self._answered = self._answered or alive
            if not self._answered:
                raise BackendError(f"{name} did not answer at all: {words}")
            rounds, silent = (rounds + 1, 0) if alive else (rounds, silent + 1)
            left = still
            if left and rounds >= STUBBORN:
                self.told(f"{name} cannot be asked about {len(left)} thoughts, which are left out: {words}")
                break
            if left:
                pause = self.patience.wait(max(1, silent))
                self.told(
                    f"training waits: {name} did not answer about {len(left)} of {len(cases)} thoughts "
                    f"({words}); asked again in {math.ceil(pause)} s. Nothing is lost by stopping here"
                )
                await asyncio.sleep(pause)
        return found


def open_judge(recipe: Recipe) -> tuple[Judge, Callable[[], Awaitable[None]] | None] | None:
    """The language model that judges, as the recipe names it, and what lets go of its connections.

    None where the recipe names none. Raises what `open_backend` does.
    """
    if not recipe.judge_model:
        return None
    options: dict[str, Any] = {}
    if recipe.judge_model.startswith("openai:"):
        url = recipe.judge_url or os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"
        options |= {"base_urls": [url], "patience": 30.0}  # the rest of the waiting is told, here
    backend = open_backend(recipe.judge_model, **options)
    return LLM(backend), backend.close if options else None


async def _sighted(
    backend: Backend, rollouts: Sequence[Rollout], *, thinking: bool
) -> list[tuple[float, ...] | None]:
    """P(option) with everything that the rollout saw, where it gives its answer, or with an empty thought."""
    prompts = [
        replace(
            r.row.prompt,
            prefill=letter_prefill(r.opened, r.text) if thinking else f"{OPEN_THINK}</think>{ANSWER_TAG}",
        )
        for r in rollouts
    ]
    scores = await letters(backend, prompts)
    return [None if s is None or not s.p else normalised(s) for s in scores]


def _thought(rollout: Rollout) -> Thought:
    assert rollout.thought is not None
    return Thought(rollout.row.question, rollout.row.prompt.options, rollout.thought)


def _largest(p: Sequence[float]) -> int:
    return max(range(len(p)), key=lambda i: p[i])


def _there(backend: Backend | None) -> Backend:
    assert backend is not None
    return backend
