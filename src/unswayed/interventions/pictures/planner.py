"""Stored questions × picture interventions become planned trials, or the reason why one is not asked."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from unswayed import images as image_files
from unswayed.conditions import ABSTAIN, NotAsked, Prompt, blank
from unswayed.cues import CueWriter
from unswayed.errors import BadImage
from unswayed.interventions.pictures import transforms
from unswayed.interventions.pictures.base_trials import BaseTrial
from unswayed.interventions.pictures.catalogue import ORIGINAL, PICTURES, PictureIntervention
from unswayed.interventions.pictures.evidence import elsewhere_boxes, evidence_boxes
from unswayed.interventions.pictures.swaps import SwapIndex
from unswayed.interventions.pictures.turning import turned_question
from unswayed.metrics.image_use.names import (
    BLANK,
    BLUR,
    ELSEWHERE,
    LOW_RESOLUTION,
    MASKED,
    MIRRORED,
    NOISE,
    ROTATED,
    SWAPPED,
)
from unswayed.model_io import Capabilities, Request, Sampling
from unswayed.pipeline.planner import PlannedTrial
from unswayed.question import LETTERS, Box, Cue, Question
from unswayed.trial_keys import TrialKeys, identity, trial_seed

_ORDER = {name: 100 + index for index, name in enumerate(PICTURES)}
"""Behind the interventions on the thought."""


@dataclass(frozen=True)
class Shown:
    """What stands in a prompt: the pictures, and the question with the option that is right of them."""

    images: tuple[bytes, ...]
    image_sha256: tuple[str, ...]
    question: Question


Outcome = Shown | NotAsked | BadImage


@dataclass(frozen=True)
class PicturePlanner:
    """Plans the picture interventions on the questions of one run."""

    trials: Sequence[BaseTrial]
    """All of the run: swapped pictures are chosen among them, whatever is asked."""
    capabilities: Capabilities
    keys: TrialKeys
    sampling: Sampling
    seed: int
    cues: CueWriter
    """Writes the captions that the run did not show."""
    swaps: Mapping[str, tuple[str, ...]]
    """Swapped pictures of an earlier call, by trial identity: their hashes."""

    def plan(self, names: Sequence[str], limit: int | None = None) -> Iterator[list[PlannedTrial]]:
        """All planned trials of one question after the other, in the run's order; of at most `limit`
        questions."""
        index = SwapIndex(self.trials)
        for number, own in enumerate(self.trials[:limit]):
            pictures = _Pictures(own, self.seed, index, self.swaps)
            items = [PICTURES[name] for name in names]
            yield [
                self._trial(number, own, item, pictures)
                for item in items
                if not (item.repeats_audit and item.name in own.asked)
            ]

    def count(self, names: Sequence[str], limit: int | None = None) -> int:
        """Number of trials that `plan` plans."""
        return sum(
            not (PICTURES[name].repeats_audit and name in own.asked)
            for own in self.trials[:limit]
            for name in names
        )

    def _trial(
        self, number: int, own: BaseTrial, item: PictureIntervention, pictures: _Pictures
    ) -> PlannedTrial:
        position = (number, _ORDER[item.name], own.sample)
        shown = self._shown(own, item, pictures)
        cue = self._caption(own, item) if isinstance(shown, Shown) else None
        outcome = cue if isinstance(cue, NotAsked) else shown
        if not isinstance(outcome, Shown):
            state, reason = (
                ("error", str(outcome)) if isinstance(outcome, BadImage) else ("not-asked", outcome.reason)
            )
            key = self.keys.key(own.question, item.name, own.sample, None)
            return PlannedTrial(position, key, own.question, item.condition, None, (), state, reason)
        assert not isinstance(cue, NotAsked)
        request = Request(
            _prompt(own, item, outcome.images, cue),
            self.sampling,
            trial_seed(self.seed, own.question, item.name, own.sample),
        )
        key = self.keys.key(outcome.question, item.name, own.sample, request, outcome.image_sha256)
        return PlannedTrial(position, key, outcome.question, item.condition, request, outcome.image_sha256)

    def _shown(self, own: BaseTrial, item: PictureIntervention, pictures: _Pictures) -> Outcome:
        if not own.image_sha256:
            return NotAsked("the question has no picture")
        if not self.capabilities.images:
            return NotAsked("the model takes no pictures")
        if item.abstain and own.question.escape_option is not None:
            return NotAsked("one of its options lets the model abstain already")
        return pictures.of(item)

    def _caption(self, own: BaseTrial, item: PictureIntervention) -> Cue | NotAsked | None:
        if item.caption is None:
            return None
        stored = own.captions.get(item.caption)
        cue: Cue | None = stored or getattr(
            self.cues(own.question, self.seed), item.caption.replace("-", "_")
        )
        return cue or NotAsked(f"no {item.caption.replace('-', ' ')} was written for this question")


class _Pictures:
    """The pictures of one question; each is made once for all conditions that show it."""

    def __init__(
        self, own: BaseTrial, seed: int, index: SwapIndex, swaps: Mapping[str, tuple[str, ...]]
    ) -> None:
        self._own, self._seed, self._index, self._swaps = own, seed, index, swaps
        self._made: dict[tuple[str, float], Outcome] = {}

    def of(self, item: PictureIntervention) -> Outcome:
        """What `item` shows; `BadImage` (returned) where an image cannot be used."""
        key = (item.picture, item.strength)
        if key not in self._made:
            try:
                self._made[key] = self._make(item)
            except (BadImage, OSError) as error:
                self._made[key] = error if isinstance(error, BadImage) else BadImage(str(error))
        return self._made[key]

    def _make(self, item: PictureIntervention) -> Outcome:
        own, kind, strength = self._own, item.picture, item.strength
        if kind == ORIGINAL:
            return Shown(self._originals(), own.image_sha256, own.question)
        if kind == SWAPPED:
            return self._swapped(item)
        if kind in (MASKED, ELSEWHERE):
            return self._masked(item)
        if kind in (ROTATED, MIRRORED):
            question = turned_question(own.question, item.name)
            if isinstance(question, NotAsked):
                return question
            if kind == MIRRORED:
                return self._changed(transforms.mirrored, question)
            return self._changed(lambda data: transforms.rotated(data, int(strength)), question)
        seed = trial_seed(self._seed, own.question, item.name, own.sample)
        changes: dict[str, Callable[[bytes], bytes]] = {
            BLANK: blank,
            NOISE: lambda data: transforms.noisy(data, strength, seed),
            BLUR: lambda data: transforms.blurred(data, strength),
            LOW_RESOLUTION: lambda data: transforms.reduced(data, strength),
        }
        return self._changed(changes[kind])

    def _originals(self) -> tuple[bytes, ...]:
        return _read(self._own)

    def _changed(self, change: Callable[[bytes], bytes], question: Question | None = None) -> Shown:
        images = tuple(change(data) for data in self._originals())
        return Shown(images, tuple(map(_sha256, images)), question or self._own.question)

    def _swapped(self, item: PictureIntervention) -> Outcome:
        own = self._own
        name = identity(own.question.benchmark, own.question.uid, item.name, own.sample)
        other = self._index.find(own.question.benchmark, self._swaps.get(name, ()))
        if other is None:
            rng = random.Random(trial_seed(self._seed, own.question, item.name, own.sample))
            other = self._index.choose(own, rng)
        if other is None:
            return NotAsked("no picture of the run is known to have another right option")
        return Shown(_read(other), other.image_sha256, own.question)

    def _masked(self, item: PictureIntervention) -> Outcome:
        own, originals = self._own, self._originals()
        sizes = [image_files.size(data) for data in originals]
        boxes: tuple[Box, ...] | NotAsked = evidence_boxes(own.question, sizes)
        if item.picture == ELSEWHERE and not isinstance(boxes, NotAsked):
            rng = random.Random(trial_seed(self._seed, own.question, item.name, own.sample))
            boxes = elsewhere_boxes(own.question, sizes, boxes, rng)
        if isinstance(boxes, NotAsked):
            return boxes
        images = tuple(
            transforms.masked(data, of_image) if (of_image := [b for b in boxes if b.image == i]) else data
            for i, data in enumerate(originals)
        )
        return Shown(images, tuple(map(_sha256, images)), own.question)


def _prompt(own: BaseTrial, item: PictureIntervention, images: tuple[bytes, ...], cue: Cue | None) -> Prompt:
    """The stored prompt with other pictures, a caption before it and the abstain option behind it, as
    `conditions.build_prompt` puts them."""
    around, options = own.format, own.question.options
    text = own.prompt_text.removeprefix(around.prefix).removesuffix(around.suffix)
    if cue is not None:
        text = f"{cue.text} {text}"
    if item.abstain:
        text = f"{text}\n({LETTERS[len(options)]}) {ABSTAIN}"
        options = (*options, ABSTAIN)
    return Prompt(own.system, around.prefix + text + around.suffix, "", images, options, cue, around)


def _read(trial: BaseTrial) -> tuple[bytes, ...]:
    files = tuple(image.read() for image in trial.question.images)
    for data, sha256 in zip(files, trial.image_sha256, strict=True):
        image_files.check(data, sha256[:12])
    return files


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
