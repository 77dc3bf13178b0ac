"""What is asked, and what may mislead: frozen values that do no I/O of their own.

A `Question` is one multiple-choice visual question. A `Cue` is a sentence that asserts one of
its options (or something beside the point). Pictures are read late, by calling `Image.read`, so a
million questions cost no memory.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from unswayed.errors import BadInput

LETTERS = string.ascii_uppercase
MAX_OPTIONS = len(LETTERS) - 1  # one letter is kept for the abstain option


@dataclass(frozen=True)
class Image:
    """A picture that is read when needed: `read()` gives the original file's bytes, unchanged."""

    read: Callable[[], bytes] = field(repr=False, compare=False)
    """Returns the encoded file (PNG, JPEG, …). May raise `BadImage`."""
    name: str = ""
    """Where it came from, for error messages. Never shown to a model."""

    @staticmethod
    def of(data: bytes, name: str = "") -> Image:
        """A picture already in memory."""
        return Image(lambda: data, name)


CueKind = Literal["caption", "thought"]


@dataclass(frozen=True)
class Cue:
    """One sentence or two put in front of the model."""

    kind: CueKind
    """Whether it is worded as a caption (user turn) or as a thought (assistant turn)."""
    option: int | None
    """0-based option that it asserts; None: asserts none of them (irrelevant caption)."""
    text: str
    """The exact words, ending in a full stop."""
    writer: str = "template"
    """Who wrote it: `template`, `plain` (the fallback), `llm:…`, `human`."""
    phrasing: str = ""
    """Name of the phrasing, so that training and audit phrasings can be told apart."""


@dataclass(frozen=True)
class Question:
    """One multiple-choice visual question. Raises `BadInput` when it is not one."""

    uid: str
    """Unique within its benchmark."""
    benchmark: str
    text: str
    """The question without its options."""
    options: tuple[str, ...]
    """Option texts in the order shown, without letters."""
    gold: int
    """0-based index of the right option."""
    images: tuple[Image, ...] = ()
    family: str = "all"
    """Kind of question; measures are broken down by it."""
    group: str = ""
    """What is statistically one thing (same picture, flips, circular copies). Default: the uid."""
    hint: str = ""
    """Context shown before the question, or empty."""
    meta: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """Whatever else the source says; never shown to a model."""

    def __post_init__(self) -> None:
        where = f"{self.benchmark} question {self.uid!r}"
        if not 2 <= len(self.options) <= MAX_OPTIONS:
            raise BadInput(f"{where}: has {len(self.options)} options; 2 to {MAX_OPTIONS} are possible")
        if not 0 <= self.gold < len(self.options):
            raise BadInput(f"{where}: the right option (index {self.gold}) is not among its options")
        if len(set(self.options)) != len(self.options):
            raise BadInput(f"{where}: two options have the same text: {list(self.options)}")
        if not self.group:
            object.__setattr__(self, "group", self.uid)

    @property
    def letters(self) -> str:
        """The letters of the options as shown, e.g. ``ABCD``."""
        return LETTERS[: len(self.options)]


@dataclass(frozen=True)
class Cues:
    """All that may be said about one question. Wrong caption and wrong thought assert one option."""

    wrong_caption: Cue | None = None
    wrong_thought: Cue | None = None
    correct_caption: Cue | None = None
    correct_thought: Cue | None = None
    irrelevant_caption: Cue | None = None
