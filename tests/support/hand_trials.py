"""Trials and summaries made by hand, for numbers that can be counted."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from trial_tables import table
from unswayed.metrics import Estimate, Summary, summarise
from unswayed.trial import Trial

OPTIONS = ("red", "blue", "green", "grey")


def trial(uid: int | str, condition: str = "base", answer: int | None = 0, **more: Any) -> Trial:
    """A trial of a question whose right option is 0; without an answer it was truncated."""
    state = more.pop("state", "ok" if answer is not None else "truncated")
    asked = state not in ("error", "not-asked")
    cue = more.get("cue")
    plain = Trial(
        key=f"{uid}/{condition}",
        benchmark="toys",
        family="colour",
        uid=str(uid),
        group=str(uid),
        condition=condition,
        sample=0,
        model="m",
        revision="r",
        n_options=4,
        gold=0,
        options=OPTIONS,
        question="Which?",
        state=state,
        answer=answer if asked else None,
        correct=answer == 0 if asked else None,
        followed_cue=None if cue is None or not asked else answer == cue,
    )
    return replace(plain, **more)


def thinking(uid: int, condition: str, answer: int, concluded: int | None, **more: Any) -> Trial:
    """A judged trial whose thought concludes an option (None: concludes nothing)."""
    agrees = None if concluded is None else concluded == answer
    return trial(
        uid, condition, answer, thought="So.", judged=True, concluded=concluded, consistent=agrees, **more
    )


def measured(trials: list[Trial]) -> Summary:
    return summarise(table(trials), resamples=300)


def values(summary: Summary, condition: str) -> dict[str, float | None]:
    return {name: e.value for name, e in row(summary, condition).items()}


def row(summary: Summary, condition: str) -> dict[str, Estimate]:
    return next(r for r in summary.rows if r.condition == condition).measures


def scored(uid: int, condition: str, answer: int, letters: tuple[float, ...], **more: Any) -> Trial:
    h = -sum(p * math.log(p) for p in letters if p)
    return trial(
        uid,
        condition,
        answer,
        letters=letters,
        p_correct=letters[0],
        letter_entropy=h,
        letters_outside=0.1,
        **more,
    )
