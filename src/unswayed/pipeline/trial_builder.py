"""Step 3 of an audit: the columns of a trial from what was asked, answered, measured and judged. Pure.

This module decides when a column is null: `correct` and `followed_cue` are null where the model was not
asked or failed, and false where it gave no readable answer; the judge's columns are null where there was no
readable answer or no thought to judge.

A trial is built in two steps, because an answer is stored before its letters are asked: `build_trial` has
the answer, `letter_columns` and `judge_columns` are added later (`store.shards.TrialUpdate`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from unswayed.judges.base import Verdict, consistent, under_cue
from unswayed.model_io import Generation
from unswayed.pipeline.planner import PlannedTrial
from unswayed.question import Cue
from unswayed.trial import Trial

if TYPE_CHECKING:
    from unswayed.answers.letter_probs import LetterMeasures
    from unswayed.answers.parser import Reading


def build_trial(
    plan: PlannedTrial,
    model: str,
    revision: str,
    generation: Generation | None = None,
    reading: Reading | None = None,
) -> Trial:
    """The trial of `plan`, without the columns of letters and judge.

    Without a generation the model was not asked, or an image is unusable; without a reading the
    generation failed.
    """
    question = plan.question
    columns: dict[str, Any] = {
        "key": plan.key,
        "benchmark": question.benchmark,
        "family": question.family,
        "uid": question.uid,
        "group": question.group,
        "condition": plan.condition.name,
        "sample": plan.position[2],
        "model": model,
        "revision": revision,
        "n_options": len(plan.options),
        "gold": question.gold,
        "options": plan.options,
        "question": question.text,
        "category": question.category,
        "image_sha256": plan.image_sha256,
    }
    cue = plan.request.prompt.cue if plan.request else None
    if plan.request is not None:
        columns |= {"prompt": plan.request.prompt.text, "prefill": plan.request.prompt.prefill}
    if cue is not None:
        writer = f"{cue.writer}/{cue.phrasing}" if cue.phrasing else cue.writer
        columns |= {"cue": cue.option, "cue_text": cue.text, "cue_writer": writer}
    if generation is None:
        return Trial(**columns, state=plan.state, error=plan.reason)
    columns |= {
        "text": generation.text,
        "finish": None if generation.finish == "error" else generation.finish,
        "prompt_tokens": generation.prompt_tokens,
        "tokens": generation.tokens,
        "seconds": generation.seconds,
        "attempts": generation.attempts,
        "reasoning_tokens": generation.reasoning_tokens,
        "first_turn": generation.first_turn or None,
    }
    if reading is None:
        return Trial(**columns, state="error", error=generation.error or "the backend gave no reason")
    return Trial(
        **columns,
        state=reading.state,
        # A summary is not the thought; it stays in the text, and is neither judged nor measured.
        thought=reading.thought if generation.visibility == "visible" else None,
        thought_visibility=generation.visibility,
        answer=reading.answer,
        correct=reading.answer == question.gold,
        followed_cue=None if cue is None or cue.option is None else reading.answer == cue.option,
    )


def letter_columns(letters: LetterMeasures) -> dict[str, Any]:
    """The letter columns of a trial."""
    return {
        "letters": tuple(float(p) for p in letters.letters),
        "letters_outside": float(letters.outside),
        "p_correct": float(letters.p_correct),
        "letter_entropy": float(letters.entropy),
    }


def judge_columns(begun: bool, answer: int | None, cue: Cue | None, verdict: Verdict) -> dict[str, Any]:
    """The judge's columns of a trial with a thought; `begun`: the prefill began it with a wrong thought."""
    return {
        "concluded": verdict.option if verdict.kind == "option" else None,
        "concluded_words": verdict.words if verdict.kind == "elsewhere" else None,
        "judged": verdict.kind != "abstains",
        "consistent": consistent(verdict, answer),
        "under_cue": under_cue(verdict, answer, cue.option) if begun and cue is not None else None,
        "acknowledges": None if cue is None else verdict.acknowledges,
    }


def stored_verdict_kind(row: Mapping[str, Any]) -> str:
    """The kind of verdict that the judge's columns of a stored trial came from."""
    if not row["judged"]:
        return "abstains"
    if row["concluded"] is not None:
        return "option"
    return "elsewhere" if row["consistent"] is False else "nothing"
