"""Stored trials as cases for a judge: what an audit would have put before it, made of the table alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import pyarrow as pa

from unswayed import conditions
from unswayed.errors import BadInput
from unswayed.judges.base import Case
from unswayed.question import Cue, CueKind, Question

_NEEDED = (
    "key", "benchmark", "family", "uid", "group", "condition", "state", "gold", "options", "question",
    "thought", "answer", "cue", "cue_text", "concluded", "judged", "acknowledges",
)  # fmt: skip


def case_of(row: Mapping[str, Any]) -> Case:
    """The case that a stored trial puts before a judge, without pictures; `row` is of the trials table."""
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
        meta=_meta(row, own),
    )
    return Case(question, options, row["thought"], cue_of(row))


def _meta(row: Mapping[str, Any], options: tuple[str, ...]) -> dict[str, Any]:
    """What the exact judge needs of a drawn question, drawn anew and compared with what was asked."""
    asked = _again(row["uid"]) if row["benchmark"] == "scenes" else None
    if asked is None or (asked.text, asked.options) != (row["question"], options):
        return {}
    return {"asked": asked}


@lru_cache(maxsize=4096)
def _again(uid: str) -> Any:
    from unswayed import scenes  # here, so that other runs do not need it

    return scenes.again(uid)


def cue_of(row: Mapping[str, Any]) -> Cue | None:
    """The cue that was shown, as far as it is stored."""
    if row["cue_text"] is None:
        return None
    how = condition_of(row["condition"])
    kind: CueKind = "thought" if how is not None and (how.cue or "").endswith("thought") else "caption"
    return Cue(kind, row["cue"], row["cue_text"])


@lru_cache(maxsize=256)
def condition_of(name: str) -> conditions.Condition | None:
    """The condition called `name`; None for one of somebody else's."""
    try:
        return conditions.condition(name)
    except BadInput:
        return None


def stored(trials: pa.Table) -> Iterator[dict[str, Any]]:
    """The trials as rows, with the columns that judging needs."""
    for batch in trials.select(list(_NEEDED)).to_batches(max_chunksize=2048):
        yield from batch.to_pylist()


def has_thought(row: Mapping[str, Any]) -> bool:
    """Whether there is a thought to judge: of a readable answer, as in an audit."""
    return row["state"] == "ok" and bool(row["thought"])
