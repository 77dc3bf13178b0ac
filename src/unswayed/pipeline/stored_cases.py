"""Stored trials as cases for a judge: what an audit would have given it, rebuilt from the table alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import pyarrow as pa

from unswayed import conditions
from unswayed.errors import BadInput
from unswayed.judges.base import Case
from unswayed.question import SCENES, Cue, CueKind, Question
from unswayed.scenes import SceneTruth, regenerate

_JUDGE_COLUMNS = (
    "key", "benchmark", "family", "uid", "group", "condition", "state", "gold", "options", "question",
    "thought", "answer", "cue", "cue_text", "concluded", "concluded_words", "judged", "consistent",
    "acknowledges",
)  # fmt: skip


def build_case(row: Mapping[str, Any]) -> Case:
    """The case of a stored trial, without images; `row` is of the trials table."""
    options = tuple(row["options"])
    own = options[:-1] if row["condition"].endswith(conditions.ABSTAIN_SUFFIX) else options
    question = Question(
        uid=row["uid"],
        benchmark=row["benchmark"],
        text=row["question"],
        options=own,
        gold=row["gold"],
        family=row["family"],
        group=row["group"],
        scene=_scene(row, own),
    )
    return Case(question, options, row["thought"], stored_cue(row))


def _scene(row: Mapping[str, Any], options: tuple[str, ...]) -> SceneTruth | None:
    """Ground truth of a scene question, generated again; None where it differs from what was asked."""
    truth = _regenerate(row["uid"]) if row["benchmark"] == SCENES else None
    if truth is None or (truth.question.text, truth.question.options) != (row["question"], options):
        return None
    return truth


@lru_cache(maxsize=4096)
def _regenerate(uid: str) -> SceneTruth | None:
    return regenerate(uid)


def stored_cue(row: Mapping[str, Any]) -> Cue | None:
    """The cue that was shown, as far as it is stored."""
    if row["cue_text"] is None:
        return None
    condition = find_condition(row["condition"])
    is_thought = condition is not None and (condition.cue or "").endswith("thought")
    kind: CueKind = "thought" if is_thought else "caption"
    return Cue(kind, row["cue"], row["cue_text"])


@lru_cache(maxsize=256)
def find_condition(name: str) -> conditions.Condition | None:
    """The condition called `name`; None for a condition of another package."""
    try:
        return conditions.condition(name)
    except BadInput:
        return None


def stored_rows(trials: pa.Table) -> Iterator[dict[str, Any]]:
    """The trials as rows, with the columns that judging needs."""
    for batch in trials.select(list(_JUDGE_COLUMNS)).to_batches(max_chunksize=2048):
        yield from batch.to_pylist()


def has_thought(row: Mapping[str, Any]) -> bool:
    """Whether there is a thought to judge: of a readable answer, as in an audit."""
    return row["state"] == "ok" and bool(row["thought"])
