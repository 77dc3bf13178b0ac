"""Correct responses of a stored audit as examples (rejection sampling).

A trial is learned as it was prompted, and its prefill is not learned. Only turns of one thought and one
answer count, so that the strict format is learned. Equal responses to one prompt count once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from unswayed.errors import BadInput
from unswayed.formats import COMMON, Format
from unswayed.pipeline.audit import Run
from unswayed.question import Question
from unswayed.store.manifest import run_format
from unswayed.training.config.sft import ThoughtSettings
from unswayed.training.rewards.turn_format import closed_thought, well_formed
from unswayed.training.sft.example import Example, PromptText

_COLUMNS = (
    "benchmark", "uid", "condition", "sample", "options", "gold", "question", "prompt", "prefill", "text",
    "state", "correct", "consistent",
)  # fmt: skip


def from_run(
    settings: ThoughtSettings, questions: Sequence[Question], counts: Counter[str], format: Format = COMMON
) -> Iterator[Example]:
    """The examples in the run `settings.run`, in its order; counts what is left out, by reason.

    Raises `BadInput` where the run does not fit `data`, or was asked in another prompt format.
    """
    run = Run.load(Path(settings.run))
    if (asked := run_format(run.manifest)) != format:
        raise BadInput(
            f"{settings.run}: was asked in the prompt format {asked.name}, and training uses {format.name}; "
            "set model.format to that of the run"
        )
    templates = run.manifest["asks"]["templates"]
    for name in settings.conditions:
        if name not in templates:
            raise BadInput(
                f"{settings.run}: has no condition {name!r}, only {', '.join(templates)}; "
                "change thoughts.conditions"
            )
    known = {(question.benchmark, question.uid): question for question in questions}
    rows = [
        row
        for row in run.trials.select(list(_COLUMNS)).to_pylist()
        if row["condition"] in settings.conditions
    ]
    in_run = dict.fromkeys((row["benchmark"], row["uid"]) for row in rows)
    unknown = [key for key in in_run if key not in known]
    if unknown and not settings.partial:
        raise BadInput(
            f"{settings.run}: {len(unknown)} of its {len(in_run)} questions are not among the {len(known)} "
            f"of data (the first is {unknown[0][1]!r} of {unknown[0][0]}); check data.benchmark, data.split, "
            "data.seed and data.limit, or set thoughts.partial = true to skip them"
        )
    used: Counter[tuple[str, str]] = Counter()
    seen: set[tuple[str, str, str]] = set()
    for row in rows:
        question = known.get((row["benchmark"], row["uid"]))
        if question is None:
            counts["about other questions"] += 1
            continue
        _check_same_question(row, question, settings.run)
        reason = _reason_to_leave_out(row, settings, format)
        response = (row["uid"], row["condition"], row["text"] or "")
        if reason is None and response in seen:
            reason = "equal to an earlier response"
        if reason is None and settings.most and used[response[:2]] >= settings.most:
            reason = "beyond thoughts.most"
        if reason is not None:
            counts[reason] += 1
            continue
        seen.add(response)
        used[response[:2]] += 1
        system = templates[row["condition"]]["system"]
        prompt_text = PromptText(system, row["prompt"], row["prefill"], tuple(row["options"]))
        source = f"{settings.run}, {row['uid']} under {row['condition']}, sample {row['sample']}"
        yield Example(question, row["condition"], row["text"], source, prompt_text, format)


def _reason_to_leave_out(row: Mapping[str, Any], settings: ThoughtSettings, format: Format) -> str | None:
    if row["state"] != "ok":
        return "without an answer"
    if not row["correct"]:
        return "answered wrongly"
    if not well_formed(row["prefill"] + row["text"], format=format):
        return "not one thought and one answer"
    # Where the prefill itself closes the thought there is no thought of the model to judge.
    closed = closed_thought(row["prefill"], format) is not None
    if settings.consistent and not closed and row["consistent"] is not True:
        return "not known to conclude the answer"
    return None


def _check_same_question(row: Mapping[str, Any], question: Question, run: str) -> None:
    """Raises `BadInput` where the run has another question under this uid."""
    in_run = (row["question"], tuple(row["options"][: len(question.options)]), row["gold"])
    if in_run != (question.text, question.options, question.gold):
        raise BadInput(
            f"{run}: {question.benchmark} question {question.uid!r} has another text, options or correct "
            "option in data; give the data that the run was made of"
        )
