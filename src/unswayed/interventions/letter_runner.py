"""Asks closed thoughts: nothing is generated, the letters behind the prefill are the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from unswayed.answers.letter_probs import measure_letters
from unswayed.answers.parser import read
from unswayed.model_io import LetterScores
from unswayed.pipeline.planner import PlannedTrial
from unswayed.pipeline.runner import Runner
from unswayed.pipeline.trial_builder import letter_columns
from unswayed.retry import RetriesExhausted
from unswayed.store import PositionedTrial
from unswayed.trial import Trial


class LetterRunner(Runner):
    """A pass over planned trials whose prefill ends in the opened answer tag.

    The answer is the option with the largest letter probability, the first of equal ones. Trials are stored
    with their letters, in state `ok` and without text.
    """

    async def _run_chunk(
        self, plans: list[PlannedTrial], incomplete: list[tuple[PlannedTrial, Mapping[str, Any]]]
    ) -> None:
        self._store([PositionedTrial(p.position, self._build(p)) for p in plans if p.request is None])
        asked = [plan for plan in plans if plan.request is not None]
        if not asked:
            return
        prompts = [plan.request.prompt for plan in asked if plan.request is not None]
        scores, attempts = await self._call(
            lambda: self._backend.score_letters(prompts), len(prompts), self._calls
        )
        results: list[LetterScores | str | None]
        if isinstance(scores, RetriesExhausted):
            results = [scores.message] * len(asked)
        else:
            results = [score.error if score and score.error else score for score in scores]
        for plan in asked:
            self._keep_images(plan)
        self._store(
            [
                PositionedTrial(plan.position, answered(self._build(plan), plan, score, attempts))
                for plan, score in zip(asked, results, strict=True)
            ]
        )


def answered(trial: Trial, plan: PlannedTrial, score: LetterScores | str | None, attempts: int) -> Trial:
    """`trial` with the answer that the letters give; in state `error` without letters (a string: why)."""
    assert plan.request is not None
    letters = None if isinstance(score, str) else measure_letters(score, trial.gold)
    if letters is None:
        reason = score if isinstance(score, str) else "no probability lies on any option letter"
        return replace(trial, state="error", error=f"no letter scores: {reason}", attempts=attempts)
    answer = letters.letters.index(max(letters.letters))
    prompt = plan.request.prompt
    option = None if prompt.cue is None else prompt.cue.option
    return replace(
        trial,
        state="ok",
        error=None,
        thought=read("", prompt.options, prefill=prompt.prefill, format=prompt.format).thought,
        answer=answer,
        correct=answer == trial.gold,
        followed_cue=None if option is None else answer == option,
        attempts=attempts,
        **letter_columns(letters),
    )
