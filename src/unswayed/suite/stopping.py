"""Sequential stopping: questions are asked in batches until every drop is known well enough.

Questions come in an order drawn by a hash, groups whole, so that any beginning is a random sample of groups.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from unswayed.benchmarks.records import Subset
from unswayed.errors import BadInput
from unswayed.metrics.columns import read_columns
from unswayed.metrics.paired import BASE
from unswayed.metrics.suite.sequential import drop_sequence, looks
from unswayed.metrics.summary import Estimate
from unswayed.question import Question


@dataclass(frozen=True)
class Stop:
    """What sequential stopping did for one run."""

    asked: int
    """Questions asked."""
    questions: int
    """Questions that there were."""
    drops: dict[str, Estimate]
    """Condition to its confidence sequence at the end."""


def parse_until(text: str) -> float:
    """``drop:2`` as a share: every drop within ±2 points. Raises `BadInput` for anything else."""
    match = re.fullmatch(r"drop:(\d+(?:\.\d+)?)", text.strip())
    points = float(match[1]) if match else 0.0
    if not 0 < points < 100:
        raise BadInput(
            f"--until is {text!r}; give drop:POINTS with points above 0 and below 100, e.g. drop:2"
        )
    return points / 100


def batches(questions: Sequence[Question], seed: int) -> list[list[Question]]:
    """Growing beginnings of the questions in random order; the last holds all."""
    groups: dict[str, list[Question]] = {}
    for question in questions:
        groups.setdefault(question.group, []).append(question)
    rank = Subset("sequential", len(groups), seed).rank
    order = [groups[name] for name in sorted(groups, key=rank)]
    return [[question for group in order[:look] for question in group] for look in looks(len(order))]


def drops(trials: pa.Table, groups: int) -> dict[str, Estimate]:
    """The confidence sequence of the drop of every condition that was answered, beside base.

    `groups`: of all questions; the sequences are planned for a third of them.
    """
    c = read_columns(trials)
    if BASE not in c.conditions:
        raise BadInput("--until needs the condition base, against which drops are measured")
    found = {}
    for name in c.conditions:
        if name == BASE:
            continue
        a, b = c.pairs(BASE, name)
        if len(a):
            delta = c.right[a].astype("int64") - c.right[b]
            found[name] = drop_sequence(delta, c.cluster[a], planned=max(1, groups // 3))
    return found


def precise(found: dict[str, Estimate], target: float) -> bool:
    """Whether every drop is within ± `target`; False where there is none."""
    return bool(found) and all(
        e.low is not None and e.high is not None and (e.high - e.low) / 2 <= target for e in found.values()
    )
