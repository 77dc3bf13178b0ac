"""Step 1 of an audit: questions and conditions become planned trials, one question at a time.

Lazy, so that an image is read once for all conditions of its question and released with them: a run of a
million trials holds only the trials that are being asked. What cannot be asked is planned too, with its
state and the reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from unswayed import conditions
from unswayed import images as image_files
from unswayed.conditions import Condition, NotAsked, Prompt
from unswayed.cues import CueWriter
from unswayed.cues.image_format import format_caption
from unswayed.errors import BadImage, BadInput
from unswayed.formats import COMMON, Format
from unswayed.model_io import Capabilities, Request, Sampling
from unswayed.question import Cues, Image, Question
from unswayed.store import Part
from unswayed.trial_keys import TrialKeys, identity, trial_seed


@dataclass(frozen=True)
class PlannedTrial:
    """One trial before it is asked."""

    position: tuple[int, int, int]
    """Index of the question, index of the condition, and the sample index."""
    key: str
    question: Question
    condition: Condition
    request: Request | None
    """None: it cannot be asked, for the reason in `reason`."""
    image_sha256: tuple[str, ...] = ()
    state: str = "not-asked"
    """`not-asked` or `error`, where there is no request."""
    reason: str | None = None

    @property
    def options(self) -> tuple[str, ...]:
        """Options as shown."""
        if self.request is not None:
            return self.request.prompt.options
        return self.question.options + ((conditions.ABSTAIN,) if self.condition.abstain else ())

    @property
    def identity(self) -> str:
        """See `trial_keys.identity`."""
        question = self.question
        return identity(question.benchmark, question.uid, self.condition.name, self.position[2])


@dataclass(frozen=True)
class Planner:
    """Plans the trials of one run."""

    conditions: Sequence[Condition]
    """In the order in which they are asked."""
    cues: CueWriter
    capabilities: Capabilities
    keys: TrialKeys
    sampling: Sampling
    samples: int
    seed: int
    format: Format = COMMON
    part: Part | None = None
    """Which of the questions; None: all."""

    def plan(self, questions: Iterable[Question]) -> Iterator[list[PlannedTrial]]:
        """All planned trials of one question after the other, of the part that is asked.

        Raises `BadInput` on a repeated uid.
        """
        seen: set[bytes] = set()
        for number, question in enumerate(questions):
            name = bytes.fromhex(identity(question.benchmark, question.uid, "", 0))
            if name in seen:
                where = f"{question.benchmark} question {question.uid!r}"
                raise BadInput(f"{where} comes twice; give every question its own uid")
            seen.add(name)
            if self.part is None or self.part.owns(number):
                yield list(self._plan_question(number, question))

    def _plan_question(self, number: int, question: Question) -> Iterator[PlannedTrial]:
        needs_cues = any(condition.cue for condition in self.conditions)
        cues = self.cues(question, self.seed) if needs_cues else Cues()
        images: tuple[bytes, ...] | str
        try:
            images = tuple(_read(image) for image in question.images)
        except (BadImage, OSError) as error:
            images = f"picture {_image_names(question)} cannot be read: {error}"
        else:
            if any(condition.cue == "format_caption" for condition in self.conditions):
                cues = replace(cues, format_caption=format_caption(question, images))
        hashes: dict[bytes, str] = {}  # one SHA-256 per image, not one per condition
        for index, condition in enumerate(self.conditions):
            prompt = self._prompt(question, cues, condition, images)
            for sample in range(self.samples):
                position = (number, index, sample)
                if not isinstance(prompt, Prompt):
                    state, reason = prompt
                    key = self.keys.key(question, condition.name, sample, None)
                    yield PlannedTrial(position, key, question, condition, None, (), state, reason)
                    continue
                seed = trial_seed(self.seed, question, condition.name, sample)
                request = Request(prompt, self.sampling, seed)
                image_sha256 = tuple(_sha256(data, hashes) for data in prompt.images)
                key = self.keys.key(question, condition.name, sample, request, image_sha256)
                yield PlannedTrial(position, key, question, condition, request, image_sha256)

    def _prompt(
        self, question: Question, cues: Cues, condition: Condition, images: tuple[bytes, ...] | str
    ) -> Prompt | tuple[str, str]:
        """The prompt; or, where there is none, the state and the reason."""
        if condition.prefills and self.format.thought and self.capabilities.prefill != "continues":
            problem = self.capabilities.prefill_problem
            return "not-asked", f"{problem}, and {condition.name} needs one that is continued"
        if condition.base == "stop-think" and not self.capabilities.closed:
            return "not-asked", "the model's template drops a closed thought, which stop-think consists of"
        if question.images and not self.capabilities.images:
            return "not-asked", "the model takes no pictures"
        if (condition.blank or condition.draws) and not question.images:
            use = "blank" if condition.blank else "draw into"
            return "not-asked", f"the question has no picture to {use}"
        if condition.presses and not self.capabilities.turns:
            return "not-asked", f"the model takes one turn, and {condition.name} needs two"
        if condition.abstain and question.escape_option is not None:
            option = question.options[question.escape_option]
            return (
                "not-asked",
                f"option {option!r} lets the model abstain already; {conditions.ABSTAIN!r} would be another",
            )
        if isinstance(images, str):
            return "error", images
        try:
            prompt = conditions.build_prompt(question, cues, condition, images, self.format)
        except (BadImage, OSError) as error:
            return "error", f"picture {_image_names(question)} cannot be used: {error}"
        return ("not-asked", prompt.reason) if isinstance(prompt, NotAsked) else prompt


def _read(image: Image) -> bytes:
    """The file as it is. Raises `BadImage` where it is no image, damaged, or too large to decode."""
    data = image.read()
    image_files.check(data, image.name)
    return data


def _sha256(data: bytes, known: dict[bytes, str]) -> str:
    if data not in known:
        known[data] = hashlib.sha256(data).hexdigest()
    return known[data]


def _image_names(question: Question) -> str:
    return ", ".join(image.name or "without a name" for image in question.images)
