"""What was said to the same few questions all through training, as JSON for the page, within a budget."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from unswayed.formatting import clip, visible
from unswayed.report.examples import Picture, data_uri, mark

TEXT_BYTES = 2_500_000
IMAGE_BYTES = 1_500_000
LONGEST = 1500
"""Characters of one answer that are shown."""


@dataclass(frozen=True)
class Rollouts:
    """Plain JSON values, safe only once escaped."""

    asked: tuple[dict[str, Any], ...]
    """A question under a condition, with everything that was said to it."""
    images: dict[str, str]
    """Data URI by SHA-256."""
    left_out: int
    """Questions for which there was no room."""


def gather(table: pa.Table, picture: Picture, arms: Sequence[str], conditions: Sequence[str]) -> Rollouts:
    """The rows of `table` (columns of `training.records.ROLLOUTS`), question by question, then by condition.

    Whole questions are left out, the last first, where there is no room; arms and conditions stand in the
    given order.
    """
    place = {name: i for i, name in enumerate(conditions)}
    found: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for row in table.to_pylist():
        by = found.setdefault((row["benchmark"] or "", row["uid"] or ""), {})
        at = by.setdefault(row["condition"], _asked(row))
        at["said"].append(_said(row))
    asked: list[dict[str, Any]] = []
    images: dict[str, str] = {}
    text, room, kept = TEXT_BYTES, IMAGE_BYTES, 0
    order = {arm: i for i, arm in enumerate(arms)}
    for by in found.values():
        size = sum(_size(a) for a in by.values())
        if size > text and kept:
            break
        text, kept = text - size, kept + 1
        for condition in sorted(by, key=lambda c: (place.get(c, len(place)), c)):
            one = by[condition]
            one["said"].sort(key=lambda s: (order.get(s["arm"], len(order)), s["arm"], s["seed"], s["step"]))
            asked.append(one)
            for sha in one["images"]:
                uri = None if sha in images else data_uri(picture(sha))
                if uri and len(uri) <= room:
                    images[sha], room = uri, room - len(uri)
    return Rollouts(tuple(asked), images, len(found) - kept)


def _asked(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **{name: visible(clip(row[name] or "", 400)) for name in ("benchmark", "uid", "condition")},
        "question": visible(clip(row["question"] or "", 2000)),
        "options": [visible(clip(option, 300)) for option in row["options"] or ()],
        "gold": row["gold"],
        "cue": row["cue"],
        "prompt": mark(clip(row["prompt"] or "", LONGEST), row["cue_text"]),
        "prefill": mark(clip(row["prefill"] or "", LONGEST), row["cue_text"]),
        "images": [visible(sha) for sha in (row["image_sha256"] or [])[:3]],
        "said": [],
    }


def _said(row: dict[str, Any]) -> dict[str, Any]:
    p, h = (row[name] for name in ("p_correct", "letter_entropy"))
    return {
        "arm": visible(clip(row["arm"], 120)),
        **{name: row[name] for name in ("seed", "step", "answer", "correct", "concluded", "consistent")},
        "state": visible(row["state"] or ""),
        "under": visible(row["under_cue"] or ""),
        "text": visible(clip(row["text"] or "", LONGEST)),
        "p": None if p is None or not math.isfinite(p) else round(p, 3),
        "h": None if h is None or not math.isfinite(h) else round(h, 3),
    }


def _size(asked: dict[str, Any]) -> int:
    told = sum(len(s["text"]) for s in asked["said"])
    return 2 * told + 150 * len(asked["said"]) + 4 * sum(len(t) for t, _ in asked["prompt"]) + 400
