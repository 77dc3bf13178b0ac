"""The thoughts of a stored run: questions with their pictures, and the turns in which the model thought."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from unswayed.conditions import SYSTEM, NotAsked, Prompt
from unswayed.errors import BadImage
from unswayed.formats import COMMON, Format
from unswayed.interventions.text_edits import count_words
from unswayed.interventions.turn import Turn, split_turn
from unswayed.metrics.thought_use import BASE
from unswayed.pipeline.stored_cases import build_case
from unswayed.question import Cue, Image, Question
from unswayed.store.manifest import run_format
from unswayed.store.run_folder import stored_image

ImageReader = Callable[[str, str], bytes | None]
"""(SHA-256 of an image file, uid of its question) -> its bytes; None where it is not known."""


@dataclass(frozen=True, eq=False)
class BaseThought:
    """One stored `base` trial with a readable answer and a thought."""

    question: Question
    """With its pictures; they are read when needed and raise `BadImage` where the run did not keep them."""
    sample: int
    prompt_text: str
    system: str
    image_sha256: tuple[str, ...]
    prefill: str
    text: str
    answer: int
    format: Format = COMMON

    @cached_property
    def turn(self) -> Turn | NotAsked:
        """The turn in three parts; `NotAsked` where it cannot be taken apart."""
        return split_turn(self.prefill, self.text, self.format)

    @cached_property
    def words(self) -> int:
        """Number of words of the thought; 0 where the turn cannot be taken apart."""
        return count_words(self.turn.thought) if isinstance(self.turn, Turn) else 0

    @property
    def answer_text(self) -> str:
        """The text of the option that was answered."""
        return self.question.options[self.answer]

    def prompt(self, prefill: str, images: tuple[bytes, ...], cue: Cue | None = None) -> Prompt:
        """The stored prompt with another prefill."""
        return Prompt(self.system, self.prompt_text, prefill, images, self.question.options, cue, self.format)


def base_thoughts(trials: pa.Table, manifest: Mapping[str, Any], images: ImageReader) -> list[BaseThought]:
    """All `base` trials that are `ok` and have a thought, in the table's order."""
    chosen = trials.filter(
        pc.and_(pc.equal(trials["condition"], BASE), pc.equal(trials["state"], "ok"))
    ).to_pylist()
    system = manifest["asks"].get("templates", {}).get(BASE, {}).get("system", SYSTEM)
    format = run_format(manifest)
    return [_base_thought(row, system, images, format) for row in chosen if row["thought"]]


def image_reader(folder: Path, questions: Mapping[str, Question] | None = None) -> ImageReader:
    """Reads the images that a run folder kept; of `questions` (by uid) also those that it did not keep."""

    def read(sha256: str, uid: str) -> bytes | None:
        question = (questions or {}).get(uid)
        if (data := stored_image(folder, sha256)) is not None:
            return data
        files = (image.read() for image in question.images) if question else iter(())
        return next((data for data in files if hashlib.sha256(data).hexdigest() == sha256), None)

    return read


def stored_images(row: Mapping[str, Any], images: ImageReader) -> tuple[Image, ...]:
    """The images of a stored trial, read when needed; reading raises `BadImage` for one that is not known."""
    hashes = row["image_sha256"] or ()
    return tuple(Image(partial(_read, images, sha256, row["uid"]), sha256[:12]) for sha256 in hashes)


def _base_thought(row: Mapping[str, Any], system: str, images: ImageReader, format: Format) -> BaseThought:
    question = build_case(row).question
    return BaseThought(
        question=replace(question, images=stored_images(row, images), category=row["category"]),
        sample=row["sample"],
        prompt_text=row["prompt"],
        system=system,
        image_sha256=tuple(row["image_sha256"] or ()),
        prefill=row["prefill"] or "",
        text=row["text"],
        answer=row["answer"],
        format=format,
    )


def _read(images: ImageReader, sha256: str, uid: str) -> bytes:
    data = images(sha256, uid)
    if data is None:
        raise BadImage(
            f"picture {sha256[:12]}… is not in the run folder (over its budget of kept pictures); "
            "give the benchmark with --benchmark and --data"
        )
    return data
