"""The questions of a stored run as they were asked under `base`, with the captions that the run showed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from unswayed.conditions import SYSTEM
from unswayed.formats import Format
from unswayed.interventions.base_thoughts import ImageReader, stored_images
from unswayed.metrics.columns import UNSCORED_STATES
from unswayed.metrics.image_use.names import BASE, CAPTIONS
from unswayed.pipeline.stored_cases import build_case, stored_cue
from unswayed.question import Cue, Question
from unswayed.store.manifest import run_format

Unit = tuple[str, str, int]
"""Benchmark, uid and sample index: one asked question."""


@dataclass(frozen=True, eq=False)
class BaseTrial:
    """One stored `base` trial that reached the model."""

    question: Question
    """With its pictures, which are read when needed, and its evidence where that is known."""
    sample: int
    prompt_text: str
    system: str
    format: Format
    image_sha256: tuple[str, ...]
    captions: Mapping[str, Cue]
    """By condition, those that the run showed with this question."""
    asked: frozenset[str]
    """The conditions under which the run asked this question."""

    @property
    def unit(self) -> Unit:
        return self.question.benchmark, self.question.uid, self.sample


def base_trials(
    trials: pa.Table,
    manifest: Mapping[str, Any],
    images: ImageReader,
    questions: Mapping[str, Question] | None = None,
) -> list[BaseTrial]:
    """All `base` trials that reached the model, in the table's order. `questions` by uid supply evidence."""
    columns = [
        *("benchmark", "uid", "group", "family", "category", "sample", "condition", "state", "question"),
        *("options", "gold", "prompt", "image_sha256", "thought", "cue", "cue_text", "cue_writer"),
    ]
    found: list[dict[str, Any]] = []
    asked: dict[Unit, set[str]] = defaultdict(set)
    captions: dict[Unit, dict[str, Cue]] = defaultdict(dict)
    for row in trials.select(columns).to_pylist():
        if row["state"] in UNSCORED_STATES:
            continue
        unit = (row["benchmark"], row["uid"], row["sample"])
        asked[unit].add(row["condition"])
        if row["condition"] in CAPTIONS and (cue := stored_cue(row)) is not None:
            writer, _, phrasing = (row["cue_writer"] or "").rpartition("/")
            captions[unit][row["condition"]] = replace(
                cue, writer=writer or phrasing, phrasing=phrasing if writer else ""
            )
        if row["condition"] == BASE:
            found.append(row)
    system = manifest["asks"].get("templates", {}).get(BASE, {}).get("system", SYSTEM)
    format = run_format(manifest)

    def trial(row: Mapping[str, Any]) -> BaseTrial:
        unit = (row["benchmark"], row["uid"], row["sample"])
        known = (questions or {}).get(row["uid"])
        question = replace(
            build_case(row).question,
            images=stored_images(row, images),
            category=row["category"],
            evidence=known.evidence if known is not None else (),
        )
        return BaseTrial(
            question,
            row["sample"],
            row["prompt"],
            system,
            format,
            tuple(row["image_sha256"] or ()),
            captions[unit],
            frozenset(asked[unit]),
        )

    return [trial(row) for row in found]
