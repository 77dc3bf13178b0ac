"""A language model as judge of rollouts: opened by name, and waited for when it goes away.

A rollout is never rewarded with 0 because its judge was unreachable: an endpoint that has answered before is
asked again without limit.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from unswayed.backends import open_backend
from unswayed.errors import BackendError
from unswayed.judges.base import Case, Judge, Verdict
from unswayed.judges.llm import LLMJudge
from unswayed.retry import Retry
from unswayed.training.config.reward import RewardSettings

JUDGE_RETRY = Retry(attempts=1, initial_pause=2.0, max_pause=120.0)
"""Pauses before a judge is asked again; there is no last attempt."""
MAX_JUDGE_ROUNDS = 4
"""Rounds after which thoughts that the judge cannot evaluate, while it does evaluate others, are given up."""


@dataclass
class PatientJudge:
    """A judge that is waited for once it has answered."""

    judge: Judge
    close_connections: Callable[[], Awaitable[None]] | None = None
    """Closes the judge's connections after each round; the next request opens new ones."""
    on_message: Callable[[str], None] = lambda line: None
    """Gets a line for every pause."""
    retry: Retry = JUDGE_RETRY
    answered: bool = False
    """Whether the judge has answered at all."""

    async def verdicts(self, cases: Sequence[Case]) -> list[Verdict | None]:
        """A verdict on every case, however long that takes.

        None: a case that the judge did not evaluate in `MAX_JUDGE_ROUNDS` rounds in which it did evaluate
        others. Raises `BackendError` where the judge has never answered.
        """
        verdicts: list[Verdict | None] = [None] * len(cases)
        open_cases, name = list(range(len(cases))), self.judge.name
        silent_rounds = answered_rounds = 0
        while open_cases:
            # A case that was evaluated before tells a dead judge from an impossible case.
            control = next((i for i, verdict in enumerate(verdicts) if verdict is not None), None)
            asked = open_cases if control is None else [*open_cases, control]
            problem, still_open, alive = "", list(open_cases), False
            try:
                replies = await self.judge.judge([cases[i] for i in asked])
            except BackendError as error:
                if not self.answered:
                    raise
                problem = str(error)
            else:
                alive = any(verdict.error is None for verdict in replies)
                for i, verdict in zip(open_cases, replies, strict=False):
                    if verdict.error is None:
                        verdicts[i] = verdict
                        still_open.remove(i)
                    else:
                        problem = verdict.error
            finally:
                if self.close_connections is not None:
                    await self.close_connections()
            self.answered = self.answered or alive
            if not self.answered:
                raise BackendError(f"{name} did not answer at all: {problem}")
            if alive:
                answered_rounds, silent_rounds = answered_rounds + 1, 0
            else:
                silent_rounds += 1
            open_cases = still_open
            if open_cases and answered_rounds >= MAX_JUDGE_ROUNDS:
                self.on_message(
                    f"{name} could not judge {len(open_cases)} thoughts, which are left out: {problem}"
                )
                break
            if open_cases:
                pause = self.retry.wait(max(1, silent_rounds))
                self.on_message(
                    f"training waits: {name} did not answer for {len(open_cases)} of {len(cases)} thoughts "
                    f"({problem}); next attempt in {math.ceil(pause)} s. Stopping here loses nothing"
                )
                await asyncio.sleep(pause)
        return verdicts


def open_judge(settings: RewardSettings) -> tuple[Judge, Callable[[], Awaitable[None]] | None] | None:
    """The judge model that the settings name, and a function that closes its connections.

    None where they name none. Raises what `open_backend` raises.
    """
    if not settings.judge_model:
        return None
    options: dict[str, Any] = {}
    if settings.judge_model.startswith("openai:"):
        url = settings.judge_url or os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"
        options |= {"base_urls": [url], "patience": 30.0}  # `PatientJudge` waits longer, and says so
    backend = open_backend(settings.judge_model, **options)
    return LLMJudge(backend), backend.close if options else None
