"""What is to be asked: questions and conditions become planned trials, one at a time.

Lazy on purpose: a picture is read once for all conditions of its question and let go with them, so
a run of a million trials holds only what is being asked. What cannot be asked is planned too, with
its state and the reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from unswayed import conditions
from unswayed import images as pictures
from unswayed.conditions import Condition, NotAsked, Prompt
from unswayed.cues import Writer
from unswayed.errors import BadImage, BadInput
from unswayed.model_io import Capabilities, Request, Sampling
from unswayed.question import Cues, Image, Question
from unswayed.trial_keys import Keys, identity, trial_seed


@dataclass(frozen=True)
class Plan:
    """One trial before it is asked."""

    at: tuple[int, int, int]
    """Position of the question, of the condition, and the sample index."""
    key: str
    question: Question
    condition: Condition
    request: Request | None
    """None: it cannot be asked, for the reason in `why`."""
    image_sha256: tuple[str, ...] = ()
    state: str = "not-asked"
    """`not-asked` or `error`, where there is no request."""
    why: str | None = None

    @property
    def options(self) -> tuple[str, ...]:
        """Options as shown."""
        if self.request is not None:
            return self.request.prompt.options
        more = (conditions.ABSTAIN,) if self.condition.abstain else ()
        return self.question.options + more


@dataclass(frozen=True)
class Planner:
    """Everything that turns questions into plans, for one run."""

    hows: Sequence[Condition]
    """In the order in which they are asked."""
    cues: Writer
    capabilities: Capabilities
    keys: Keys
    sampling: Sampling
    samples: int
    seed: int

    def plans(self, questions: Iterable[Question]) -> Iterator[list[Plan]]:
        """All plans of one question after the other. Raises `BadInput` on a repeated uid."""
        seen: set[bytes] = set()
        for number, question in enumerate(questions):
            name = bytes.fromhex(identity(question.benchmark, question.uid, "", 0))
            if name in seen:
                where = f"{question.benchmark} question {question.uid!r}"
                raise BadInput(f"{where} comes twice; give every question its own uid")
            seen.add(name)
            yield list(self._question(number, question))

    def _question(self, number: int, question: Question) -> Iterator[Plan]:
        cues = self.cues(question, self.seed) if any(how.cue for how in self.hows) else Cues()
        images: tuple[bytes, ...] | str
        try:
            images = tuple(_read(image) for image in question.images)
        except (BadImage, OSError) as error:
            images = f"picture {_names(question)} cannot be read: {error}"
        hashes: dict[bytes, str] = {}  # one SHA-256 a picture, not one a condition
        for place, how in enumerate(self.hows):
            found = self._put(question, cues, how, images)
            for sample in range(self.samples):
                at = (number, place, sample)
                if not isinstance(found, Prompt):
                    state, why = found
                    key = self.keys.key(question, how.name, sample, None)
                    yield Plan(at, key, question, how, None, (), state, why)
                    continue
                request = Request(found, self.sampling, trial_seed(self.seed, question, how.name, sample))
                shas = tuple(_sha(data, hashes) for data in found.images)
                key = self.keys.key(question, how.name, sample, request, shas)
                yield Plan(at, key, question, how, request, shas)

    def _put(
        self, question: Question, cues: Cues, how: Condition, images: tuple[bytes, ...] | str
    ) -> Prompt | tuple[str, str]:
        """The prompt, or the state and the reason why there is none."""
        if how.prefills and self.capabilities.prefill != "continues":
            verb = {"restarts": "starts afresh behind", "rejected": "rejects"}[self.capabilities.prefill]
            return "not-asked", f"the model {verb} a prefill, and {how.name} needs one that is continued"
        if how.base == "stop-think" and not self.capabilities.closed:
            return "not-asked", "the model's template drops a closed thought, and stop-think is nothing else"
        if question.images and not self.capabilities.images:
            return "not-asked", "the model takes no pictures"
        if how.blank and not question.images:
            return "not-asked", "the question has no picture to blank"
        if how.abstain and "escape" in question.meta:
            way = question.options[question.meta["escape"]]
            return (
                "not-asked",
                f"one of its options is a way out already ({way}); {conditions.ABSTAIN!r} is another",
            )
        if isinstance(images, str):
            return "error", images
        try:
            found = conditions.put(question, cues, how, images)
        except (BadImage, OSError) as error:
            return "error", f"picture {_names(question)} cannot be used: {error}"
        return ("not-asked", found.reason) if isinstance(found, NotAsked) else found


def _read(image: Image) -> bytes:
    """The file as it is. Raises `BadImage` where it is no picture, damaged, or too large to decode."""
    data = image.read()
    pictures.check(data, image.name)
    return data


def _sha(data: bytes, known: dict[bytes, str]) -> str:
    if data not in known:
        known[data] = hashlib.sha256(data).hexdigest()
    return known[data]


def _names(question: Question) -> str:
    return ", ".join(image.name or "without a name" for image in question.images)
