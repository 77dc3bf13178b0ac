"""Answers to the same few questions at every audit of a study, as JSON values within a size budget."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from unswayed.formatting import clip, visible
from unswayed.report.examples import ImageLoader, data_uri, mark_cue

TEXT_BYTES = 2_500_000
IMAGE_BYTES = 1_500_000
MAX_CHARACTERS = 1500
"""Characters shown of one answer."""


@dataclass(frozen=True)
class Rollouts:
    """Plain JSON values, which must be escaped before they enter a page."""

    items: tuple[dict[str, Any], ...]
    """A question under a condition with all answers to it."""
    images: dict[str, str]
    """Data URI by SHA-256."""
    left_out: int
    """Questions beyond the size budget."""


def collect_rollouts(
    table: pa.Table, load_image: ImageLoader, arms: Sequence[str], conditions: Sequence[str]
) -> Rollouts:
    """The rows of `table` (columns of `store.study_records.ROLLOUTS`) by question, then by condition.

    Arms and conditions are in the given order. Questions beyond the size budget are left out, the last ones
    first.
    """
    by_question: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for row in table.to_pylist():
        by_condition = by_question.setdefault((row["benchmark"] or "", row["uid"] or ""), {})
        by_condition.setdefault(row["condition"], _item(row))["answers"].append(_answer(row))
    items: list[dict[str, Any]] = []
    images: dict[str, str] = {}
    text_left, image_left, kept = TEXT_BYTES, IMAGE_BYTES, 0
    condition_rank = {name: i for i, name in enumerate(conditions)}
    arm_rank = {arm: i for i, arm in enumerate(arms)}
    for by_condition in by_question.values():
        size = sum(_size(item) for item in by_condition.values())
        if size > text_left and kept:
            break
        text_left, kept = text_left - size, kept + 1
        for condition in sorted(by_condition, key=lambda c: (condition_rank.get(c, len(condition_rank)), c)):
            item = by_condition[condition]
            item["answers"].sort(
                key=lambda a: (arm_rank.get(a["arm"], len(arm_rank)), a["arm"], a["seed"], a["step"])
            )
            items.append(item)
            for sha in item["images"]:
                uri = None if sha in images else data_uri(load_image(sha))
                if uri and len(uri) <= image_left:
                    images[sha], image_left = uri, image_left - len(uri)
    return Rollouts(tuple(items), images, len(by_question) - kept)


def _item(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **{name: visible(clip(row[name] or "", 400)) for name in ("benchmark", "uid", "condition")},
        "question": visible(clip(row["question"] or "", 2000)),
        "options": [visible(clip(option, 300)) for option in row["options"] or ()],
        "gold": row["gold"],
        "cue": row["cue"],
        "prompt": mark_cue(clip(row["prompt"] or "", MAX_CHARACTERS), row["cue_text"]),
        "prefill": mark_cue(clip(row["prefill"] or "", MAX_CHARACTERS), row["cue_text"]),
        "images": [visible(sha) for sha in (row["image_sha256"] or [])[:3]],
        "answers": [],
    }


def _answer(row: dict[str, Any]) -> dict[str, Any]:
    def finite(x: float | None) -> float | None:
        return None if x is None or not math.isfinite(x) else round(x, 3)

    return {
        "arm": visible(clip(row["arm"], 120)),
        **{name: row[name] for name in ("seed", "step", "answer", "correct", "concluded", "consistent")},
        "state": visible(row["state"] or ""),
        "under": visible(row["under_cue"] or ""),
        "text": visible(clip(row["text"] or "", MAX_CHARACTERS)),
        "p": finite(row["p_correct"]),
        "h": finite(row["letter_entropy"]),
    }


def _size(item: dict[str, Any]) -> int:
    """Approximate size of an item as JSON."""
    texts = sum(len(answer["text"]) for answer in item["answers"])
    return 2 * texts + 150 * len(item["answers"]) + 4 * sum(len(text) for text, _ in item["prompt"]) + 400
