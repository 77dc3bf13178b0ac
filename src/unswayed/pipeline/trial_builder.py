"""From what was said to a row of the trials table. Pure: everything here was measured elsewhere.

This module decides when a column is null: `correct`, `followed_cue` are null where the model was
not asked or failed, false where it gave no readable answer; the judge's columns are null where
there was no readable answer or no thought to judge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unswayed.judges.base import Verdict, consistent, under_cue
from unswayed.model_io import Generation
from unswayed.pipeline.planner import Plan
from unswayed.question import Cue
from unswayed.trial import Trial

if TYPE_CHECKING:
    from unswayed.answers.letter_probs import LetterMeasures
    from unswayed.answers.parser import Reading


def row(
    plan: Plan,
    model: str,
    revision: str,
    generation: Generation | None = None,
    reading: Reading | None = None,
    letters: LetterMeasures | None = None,
    verdict: Verdict | None = None,
    trouble: str | None = None,
) -> Trial:
    """The trial of `plan`, as far as it got.

    Without a generation it was not asked, or its picture is bad; without a reading the generation
    failed. `trouble` says what went wrong beside the answer (letters or judge), which then stands.
    """
    q = plan.question
    cue = plan.request.prompt.cue if plan.request else None
    about: dict[str, Any] = {
        "key": plan.key,
        "benchmark": q.benchmark,
        "family": q.family,
        "uid": q.uid,
        "group": q.group,
        "condition": plan.condition.name,
        "sample": plan.at[2],
        "model": model,
        "revision": revision,
        "n_options": len(plan.options),
        "gold": q.gold,
        "options": plan.options,
        "question": q.text,
        "category": _text(q.meta.get("category")),
        "image_sha256": plan.image_sha256,
    }
    if plan.request is not None:
        about |= {"prompt": plan.request.prompt.text, "prefill": plan.request.prompt.prefill}
    if cue is not None:
        writer = f"{cue.writer}/{cue.phrasing}" if cue.phrasing else cue.writer
        about |= {"cue": cue.option, "cue_text": cue.text, "cue_writer": writer}
    if generation is None:
        return Trial(**about, state=plan.state, error=plan.why)
    about |= {
        "text": generation.text,
        "prompt_tokens": generation.prompt_tokens,
        "tokens": generation.tokens,
        "seconds": generation.seconds,
        "attempts": generation.attempts,
    }
    if reading is None:
        return Trial(**about, state="error", error=generation.error or "the backend did not say why")
    if letters is not None:
        about |= {
            "letters": tuple(float(p) for p in letters.letters),
            "letters_outside": float(letters.outside),
            "p_correct": float(letters.p_correct),
            "letter_entropy": float(letters.entropy),
        }
    if verdict is not None:
        about |= judged(plan.condition.begins_wrong, reading.answer, cue, verdict)
    return Trial(
        **about,
        state=reading.state,
        error=trouble,
        thought=reading.thought,
        answer=reading.answer,
        correct=reading.answer == q.gold,
        followed_cue=None if cue is None or cue.option is None else reading.answer == cue.option,
    )


def judged(begun: bool, answer: int | None, cue: Cue | None, verdict: Verdict) -> dict[str, Any]:
    """The judge's columns of a trial whose thought was judged; `begun` with a wrong thought."""
    return {
        "concluded": verdict.option if verdict.found == "option" else None,
        "judged": verdict.found != "abstains",
        "consistent": consistent(verdict, answer),
        "under_cue": under_cue(verdict, answer, cue.option) if begun and cue is not None else None,
        "acknowledges": None if cue is None else verdict.acknowledges,
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)
