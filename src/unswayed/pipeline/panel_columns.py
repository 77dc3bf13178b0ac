"""The judge's columns of a run that was judged again: the majority of its panel, one vote per judge."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from unswayed.judges.base import Verdict
from unswayed.judges.panel import majority
from unswayed.judges.rules import RuleJudge
from unswayed.pipeline.stored_cases import find_condition, has_thought, stored_cue, stored_rows
from unswayed.pipeline.trial_builder import judge_columns, stored_verdict_kind
from unswayed.store import verdicts
from unswayed.store.verdicts import Vote

_COLUMNS = ("concluded", "concluded_words", "judged", "consistent", "under_cue", "acknowledges")


def panel_columns(path: Path, manifest: Mapping[str, Any]) -> Callable[[pa.Table], pa.Table]:
    """A function that puts the majority of the run's panel into the judge's columns of its trials.

    It may be given any part of the trials, and changes nothing where the run was not judged again.
    """
    names = panel_names(manifest)
    if not names:
        return lambda trials: trials
    votes = verdicts.read_votes(path)
    panel = [votes.get(name, {}) for name in names]
    return lambda trials: apply_majority(trials, panel)


def panel_names(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the judges whose majority fills the columns; empty: the audit's own judge."""
    return tuple(seat["judge"] for seat in manifest.get("judging", {}).get("panel", ()))


def count_unjudged(path: Path, trials: pa.Table, manifest: Mapping[str, Any]) -> int:
    """Number of thoughts that a judge of the run's panel has not read yet; 0 where there is no panel."""
    names = panel_names(manifest)
    votes = verdicts.read_votes(path) if names else {}
    panel = [votes.get(name, {}) for name in names]
    return sum(
        any(row["key"] not in by_key for by_key in panel) for row in stored_rows(trials) if has_thought(row)
    )


def outdated_rules(manifest: Mapping[str, Any]) -> str | None:
    """The judge whose verdicts fill the columns, if it is an earlier version of the rules."""
    names = panel_names(manifest) or (str(manifest["asks"].get("judge", "")),)
    outdated = (name for name in names if re.fullmatch(r"rules-\d+", name) and name != RuleJudge.name)
    return next(outdated, None)


def all_votes(path: Path, trials: pa.Table, manifest: Mapping[str, Any]) -> dict[str, dict[str, Vote]]:
    """Judge -> trial key -> vote, of a stored run; the audit's own judge included."""
    votes = verdicts.read_votes(path)
    if "judging" not in manifest:  # the columns hold the verdicts of the audit's own judge
        for vote in audit_votes(trials, manifest, votes):
            votes.setdefault(vote.judge, {})[vote.key] = vote
    return dict(sorted(votes.items()))


def apply_majority(trials: pa.Table, panel: Sequence[Mapping[str, Vote]]) -> pa.Table:
    """`trials` with the majority of `panel` in the judge's columns. Pure.

    `panel` has one mapping per judge, from key to vote. A missing vote is an abstention. Trials without a
    thought to judge keep their nulls.
    """
    columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
    for row in stored_rows(trials):
        judged: dict[str, Any] = {}
        if has_thought(row):
            condition = find_condition(row["condition"])
            begun = condition is not None and condition.begins_wrong
            verdict = majority(panel_verdicts(panel, row["key"]))
            judged = judge_columns(begun, row["answer"], stored_cue(row), verdict)
        for name, values in columns.items():
            values.append(judged.get(name))
    for name, values in columns.items():
        index = trials.schema.get_field_index(name)
        field = trials.schema.field(index)
        trials = trials.set_column(index, field, pa.array(values, field.type))
    return trials


def panel_verdicts(panel: Sequence[Mapping[str, Vote]], key: str) -> tuple[Verdict, ...]:
    """The verdicts of all judges of a panel on one trial; a missing vote is an abstention."""
    votes = (by_key.get(key) for by_key in panel)
    return tuple(Verdict("abstains") if vote is None else vote.verdict() for vote in votes)


def audit_votes(
    trials: pa.Table, manifest: Mapping[str, Any], votes: Mapping[str, Mapping[str, Vote]]
) -> list[Vote]:
    """The verdicts of the audit's own judge, read back from its columns; empty if they are among `votes`."""
    judge = str(manifest["asks"].get("judge", ""))
    if not judge or judge in votes:
        return []
    version = RuleJudge.version if judge == RuleJudge.name else ""
    return [
        Vote(
            row["key"],
            judge,
            version,
            stored_verdict_kind(row),
            row["concluded"],
            row["acknowledges"],
            words=row["concluded_words"],
        )
        for row in stored_rows(trials)
        if has_thought(row) and row["judged"] is not None
    ]
