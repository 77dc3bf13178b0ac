"""The names under which trainers log what a study's report draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unswayed.study.foreign.logs import Point

NAMES: dict[str, tuple[str, ...]] = {
    "reward": ("reward", "critic/rewards/mean", "reward/overall", "critic/score/mean"),
    "correct": ("rewards/accuracy_reward/mean", "reward/accuracy", "rewards/accuracy_reward"),
    "format": ("rewards/format_reward/mean", "reward/format", "rewards/format_reward"),
    "kl": ("kl", "actor/kl_loss", "actor/kl", "actor/ppo_kl"),
    "entropy": ("entropy", "actor/entropy", "actor/entropy_loss"),
    "dead_groups": ("frac_reward_zero_std",),
    "loss": ("loss", "actor/pg_loss"),
    "length": ("completions/mean_length", "response_length/mean"),
}
"""Our name → names in TRL 1.16, verl 0.9.1 (`metric_utils`) and EasyR1, the preferred one first."""
_PREFIXES = ("train/", "training/")


def rows_by_step(points: Sequence[Point]) -> list[dict[str, Any]]:
    """The lines of a run's `metrics.jsonl`: one object a step, ascending, with ours where `NAMES` has the
    measure and the trainer's own name otherwise. Of several numbers of one name and step the last counts."""
    ours = _chosen({_plain(point.name) for point in points})
    rows: dict[int, dict[str, Any]] = {}
    for point in points:
        name = _plain(point.name)
        rows.setdefault(point.step, {"step": point.step})[ours.get(name, name)] = point.value
    return [rows[step] for step in sorted(rows)]


def _chosen(names: set[str]) -> dict[str, str]:
    """Of the logged `names`: which becomes which of ours."""
    chosen = {}
    for ours, theirs in NAMES.items():
        name = next((name for name in theirs if name in names), None)
        if name is not None:
            chosen[name] = ours
    return chosen


def _plain(name: str) -> str:
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name
