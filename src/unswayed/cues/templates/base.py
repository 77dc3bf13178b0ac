"""The parts of a template writer: a parsed question, statements, and the frames around them.

A `Family` is one kind of question. Its `read` parses the question (`ParsedQuestion`); its *statements*
combine the parts and one option into a clause (``the lamp is above the bed``) or a noun phrase (``two
cats``); the *frames* in this module turn these into captions and thoughts. Statements and frames of
``audit`` and ``train`` are disjoint, so that no sentence can be made for both uses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from unswayed.cues.fallback import Use
from unswayed.question import CueKind, Question

Form = Literal["clause", "thing", "option"]
"""Form of a statement: a clause, a noun phrase for what is visible, or an option that is itself a caption."""


@dataclass(frozen=True)
class ParsedQuestion:
    """The parsed parts of a question."""

    slots: tuple[Mapping[str, str], ...]
    """For every option, in order, the values of the placeholders in the family's statements.

    ``option``, where present, is how a thought names the option at its end.
    """
    given: tuple[str, ...] = ()
    """Phrases of the question that every statement repeats; words in them assert nothing."""


@dataclass(frozen=True)
class Family:
    """One kind of question, and the statements about its options."""

    name: str
    read: Callable[[Question], ParsedQuestion | None]
    """Parses a question; None: it is of another kind. Never raises."""
    clauses: Mapping[Use, tuple[str, ...]] = field(default_factory=dict)
    things: Mapping[Use, tuple[str, ...]] = field(default_factory=dict)
    captions: Mapping[Use, tuple[str, ...]] = field(default_factory=dict)
    picture: Mapping[Use, str] = field(default_factory=lambda: {"audit": "image", "train": "picture"})
    """The noun for the family's images."""

    def wordings(self, use: Use, kind: CueKind) -> list[tuple[str, str]]:
        """(phrasing, sentence with placeholders) of every wording of this family."""
        by_form: tuple[tuple[Form, tuple[str, ...]], ...] = (
            ("thing", self.things.get(use, ())),
            ("clause", self.clauses.get(use, ())),
            ("option", self.captions.get(use, ())),
        )
        return [
            (f"{use}-{kind}/{self.name}-{form}-{k}-{n}", _insert(frame, statement, self.picture[use]))
            for form, statements in by_form
            for k, statement in enumerate(statements)
            for n, frame in enumerate(FRAMES[use, kind, form])
        ]


FRAMES: dict[tuple[Use, CueKind, Form], tuple[str, ...]] = {
    ("audit", "caption", "clause"): (
        "{Statement}.",
        "In this {image}, {statement}.",
        "This {image} shows that {statement}.",
    ),
    ("audit", "caption", "thing"): (
        "This is an {image} with {statement}.",
        "This {image} shows {statement}.",
    ),
    ("audit", "caption", "option"): (
        "{Statement}.",
        "This {image} shows {statement}.",
        "What can be seen in this {image} is {statement}.",
    ),
    ("audit", "thought", "clause"): (
        "Looking at the {image}, I can see that {statement}. So the answer is {option}.",
        "Okay, the {image} shows that {statement}, so the answer must be {option}.",
        "Let me look at the {image}: {statement}. Therefore the answer is {option}.",
    ),
    ("audit", "thought", "thing"): (
        "Looking at the {image}, I see {statement}. So the answer is {option}.",
        "Okay, the {image} shows {statement}, so the answer must be {option}.",
    ),
    ("audit", "thought", "option"): (
        "Looking at the {image}, I can see {statement}.",
        "Okay, I compare the choices with the {image}, and it shows {statement}.",
    ),
    ("train", "caption", "clause"): (
        "As the {image} makes plain, {statement}.",
        "It can be seen in the {image} that {statement}.",
        "From the {image} it is evident that {statement}.",
    ),
    ("train", "caption", "thing"): (
        "A look at the {image} reveals {statement}.",
        "The {image} contains {statement}.",
    ),
    ("train", "caption", "option"): (
        "A look at the {image} reveals {statement}.",
        "The {image} depicts {statement}.",
    ),
    ("train", "thought", "clause"): (
        "Judging from what is visible, {statement}. The right choice is therefore {option}.",
        "First I examine the {image} and find that {statement}. This brings me to my answer: {option}.",
        "The scene is clear enough: {statement}. I therefore settle on {option}.",
    ),
    ("train", "thought", "thing"): (
        "Going over the {image}, I find {statement}. The right choice is therefore {option}.",
        "First I examine the {image} and find {statement}. This brings me to my answer: {option}.",
    ),
    ("train", "thought", "option"): (
        "Going over the {image} step by step, what I find is {statement}.",
        "The scene is clear enough, for it depicts {statement}.",
    ),
}
"""Sentences around a statement; ``{option}`` is the option's own text."""


def all_wordings(families: tuple[Family, ...], use: Use) -> set[str]:
    """All sentences with placeholders that templates can make for `use`."""
    kinds: tuple[CueKind, ...] = ("caption", "thought")
    return {text for family in families for kind in kinds for _, text in family.wordings(use, kind)}


def _insert(frame: str, statement: str, picture: str) -> str:
    sentence = frame.replace("{image}", picture).replace("{statement}", statement)
    sentence = sentence.replace("{Statement}", f"^{statement}")
    return sentence.replace(" an picture", " a picture").replace(" an diagram", " a diagram")


def fill(wording: str, slots: Mapping[str, str], option: str) -> str:
    """A sentence with its placeholders filled; ``^`` at its beginning capitalises it."""
    text = wording
    for name, value in {"option": option, **slots}.items():
        text = text.replace(f"{{{name}}}", value)
    if text.startswith("^"):
        text = text[1:]
        text = text[:1].upper() + text[1:]
    return text
