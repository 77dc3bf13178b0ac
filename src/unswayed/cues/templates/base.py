"""How a template writer is made: it reads a question, and says each option in some wordings.

A `Family` is one kind of question. Its `read` finds the parts of the question (`Reading`); its
*statements* put the parts and one option into a clause (``the lamp is above the bed``) or a phrase for a
thing (``two cats``); the *frames* here make captions and thoughts of those. Statements and frames of
``audit`` and of ``train`` are different ones, so that no sentence can be made in both ways.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from unswayed.cues.fallback import Use
from unswayed.question import CueKind, Question

Form = Literal["clause", "thing", "option"]
"""What a statement is: a clause, a phrase for what is seen, or an option that is a caption itself."""


@dataclass(frozen=True)
class Reading:
    """What was understood of a question."""

    slots: tuple[Mapping[str, str], ...]
    """For every option, in order, what fills the holes of the family's statements; ``option``, where it is
    there, is how a thought names the option at its end."""
    given: tuple[str, ...] = ()
    """Phrases of the question that every statement repeats; words in them assert nothing."""


@dataclass(frozen=True)
class Family:
    """One kind of question, and how its options are said."""

    name: str
    read: Callable[[Question], Reading | None]
    """None: the question is of another kind. Never raises."""
    clauses: Mapping[Use, tuple[str, ...]] = field(default_factory=dict)
    things: Mapping[Use, tuple[str, ...]] = field(default_factory=dict)
    captions: Mapping[Use, tuple[str, ...]] = field(default_factory=dict)
    picture: Mapping[Use, str] = field(default_factory=lambda: {"audit": "image", "train": "picture"})
    """What the family's picture is called."""

    def wordings(self, use: Use, kind: CueKind) -> list[tuple[str, str]]:
        """(name, sentence with holes) of every way in which this family words a cue."""
        said: tuple[tuple[Form, tuple[str, ...]], ...] = (
            ("thing", self.things.get(use, ())),
            ("clause", self.clauses.get(use, ())),
            ("option", self.captions.get(use, ())),
        )
        return [
            (f"{use}-{kind}/{self.name}-{form}-{k}-{n}", _put(frame, statement, self.picture[use]))
            for form, statements in said
            for k, statement in enumerate(statements)
            for n, frame in enumerate(FRAMES[use, kind, form])
        ]


FRAMES: dict[tuple[Use, CueKind, Form], tuple[str, ...]] = {
    ("audit", "caption", "clause"): (
        "{Said}.",
        "In this {image}, {said}.",
        "This {image} shows that {said}.",
    ),
    ("audit", "caption", "thing"): (
        "This is an {image} with {said}.",
        "This {image} shows {said}.",
    ),
    ("audit", "caption", "option"): (
        "{Said}.",
        "This {image} shows {said}.",
        "What can be seen in this {image} is {said}.",
    ),
    ("audit", "thought", "clause"): (
        "Looking at the {image}, I can see that {said}. So the answer is {option}.",
        "Okay, the {image} shows that {said}, so the answer must be {option}.",
        "Let me look at the {image}: {said}. Therefore the answer is {option}.",
    ),
    ("audit", "thought", "thing"): (
        "Looking at the {image}, I see {said}. So the answer is {option}.",
        "Okay, the {image} shows {said}, so the answer must be {option}.",
    ),
    ("audit", "thought", "option"): (
        "Looking at the {image}, I can see {said}.",
        "Okay, I compare the choices with the {image}, and it shows {said}.",
    ),
    ("train", "caption", "clause"): (
        "As the {image} makes plain, {said}.",
        "It can be seen in the {image} that {said}.",
        "From the {image} it is evident that {said}.",
    ),
    ("train", "caption", "thing"): (
        "A look at the {image} reveals {said}.",
        "The {image} contains {said}.",
    ),
    ("train", "caption", "option"): (
        "A look at the {image} reveals {said}.",
        "The {image} depicts {said}.",
    ),
    ("train", "thought", "clause"): (
        "Judging from what is visible, {said}. The right choice is therefore {option}.",
        "First I examine the {image} and find that {said}. This brings me to my answer: {option}.",
        "The scene is clear enough: {said}. I therefore settle on {option}.",
    ),
    ("train", "thought", "thing"): (
        "Going over the {image}, I find {said}. The right choice is therefore {option}.",
        "First I examine the {image} and find {said}. This brings me to my answer: {option}.",
    ),
    ("train", "thought", "option"): (
        "Going over the {image} step by step, what I find is {said}.",
        "The scene is clear enough, for it depicts {said}.",
    ),
}
"""Sentences around a statement; ``{said}`` is the statement, ``{option}`` the option's own text."""


def every_wording(families: tuple[Family, ...], use: Use) -> set[str]:
    """All sentences with holes that templates can make for `use`."""
    kinds: tuple[CueKind, ...] = ("caption", "thought")
    return {text for family in families for kind in kinds for _, text in family.wordings(use, kind)}


def _put(frame: str, statement: str, picture: str) -> str:
    said = frame.replace("{image}", picture).replace("{said}", statement).replace("{Said}", f"^{statement}")
    return said.replace(" an picture", " a picture").replace(" an diagram", " a diagram")


def fill(wording: str, slots: Mapping[str, str], option: str) -> str:
    """A sentence with its holes filled; ``^`` at its beginning makes a capital."""
    text = wording
    for name, value in {"option": option, **slots}.items():
        text = text.replace(f"{{{name}}}", value)
    if text.startswith("^"):
        text = text[1:]
        text = text[:1].upper() + text[1:]
    return text
