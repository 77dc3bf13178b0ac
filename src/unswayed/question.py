"""Questions and cues: frozen values that do no I/O of their own.

A `Question` is one multiple-choice visual question. A `Cue` is a sentence that asserts one of its
options, or a fact that the question does not ask for. An image is read only when `Image.read` is called, so
a list of a million questions holds no image in memory.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from unswayed.errors import BadInput

LETTERS = string.ascii_uppercase
MAX_OPTIONS = len(LETTERS) - 1  # one letter is reserved for the abstain option
SCENES = "scenes"
"""Value of `Question.benchmark`, and of the column ``benchmark`` of stored trials, for synthetic scenes."""


@dataclass(frozen=True)
class Image:
    """An image that is read when needed: `read()` returns the bytes of the original file, unchanged."""

    read: Callable[[], bytes] = field(repr=False, compare=False)
    """Returns the encoded file (PNG, JPEG, …). May raise `BadImage`."""
    name: str = ""
    """Its source, for error messages. Never shown to a model."""

    @staticmethod
    def of(data: bytes, name: str = "") -> Image:
        """An image that is already in memory."""
        return Image(lambda: data, name)


CueKind = Literal["caption", "thought"]


@dataclass(frozen=True)
class Cue:
    """A sentence or two that the prompt adds to a question."""

    kind: CueKind
    """`caption` stands in the user turn, `thought` in the assistant's prefill."""
    option: int | None
    """0-based option that it asserts; None: it asserts no option (irrelevant caption)."""
    text: str
    """The exact words, ending in a full stop."""
    writer: str = "template"
    """Source of the text: `template`, `plain` (the fallback), `llm:…`, `human`."""
    phrasing: str = ""
    """Name of the phrasing; training and audit use disjoint sets of phrasings."""


@dataclass(frozen=True)
class OriginalRow:
    """The first row of a question that the file holds in several copies. All copies share its wrong
    option."""

    uid: str
    options: tuple[str, ...]
    """In the order of that row."""
    gold: int
    """0-based."""


@dataclass(frozen=True)
class JointScore:
    """A set of questions that an official score counts as right only if every one is answered rightly."""

    name: str
    """Name of the score, e.g. ``pairs``."""
    key: str
    """Identifies the set; equal for its members."""
    size: int
    """How many questions a complete set has."""


@dataclass(frozen=True)
class SourceRow:
    """How a question's row relates to the other rows of its benchmark."""

    base: str = ""
    """Id of the question that this row is a circular or mirrored copy of, or its own; empty: has no
    copies."""
    rotation: int = 0
    """By how many places the options are rotated (CircularEval)."""
    mirrored: bool = False
    """Whether the image is mirrored (FlipEval)."""
    original: OriginalRow | None = None
    """The first copy in the file; None: the benchmark has no copies."""
    joint: tuple[JointScore, ...] = ()
    """Sets that are scored as one."""
    dataset: str = ""
    """Data set of the image, where the official score weights by it (CV-Bench)."""
    shared: tuple[Hashable, ...] = ()
    """What it has in common with other rows: images, set, original. Rows with an equal item are one group."""


@dataclass(frozen=True)
class Box:
    """A rectangle of an image, in pixels of the image as a viewer shows it (EXIF orientation applied)."""

    left: float
    top: float
    width: float
    height: float
    image: int = 0
    """0-based index of the image, for questions with several."""

    @property
    def area(self) -> float:
        """In square pixels."""
        return self.width * self.height


@dataclass(frozen=True)
class Question:
    """One multiple-choice visual question.

    Raises `BadInput` for fewer than 2 or more than `MAX_OPTIONS` options, two equal options, or an index that
    is no option.
    """

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
    """Kind of question; metrics are broken down by it."""
    group: str = ""
    """Cluster of the statistics: same image, mirrored and circular copies, sets. Default: the uid."""
    hint: str = ""
    """Context shown before the question, or empty."""
    category: str | None = None
    """The benchmark's own category, stored in the trials."""
    escape_option: int | None = None
    """0-based option that says that the image does not show the answer; None: there is no such option."""
    scene: object | None = field(default=None, compare=False)
    """Ground truth of a synthetic scene (`scenes.SceneTruth`): cues and judging are exact. None: not
    synthetic."""
    evidence: tuple[Box, ...] = field(default=(), compare=False)
    """Where in the images the answer is seen; empty: the benchmark does not say."""
    source: SourceRow = field(default=SourceRow(), compare=False)
    """Its relation to other rows of the benchmark."""
    meta: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """Other facts of the source, for display only: no code decides by them. Never shown to a model."""

    def __post_init__(self) -> None:
        where = f"{self.benchmark} question {self.uid!r}"
        if not 2 <= len(self.options) <= MAX_OPTIONS:
            raise BadInput(f"{where}: has {len(self.options)} options; 2 to {MAX_OPTIONS} are possible")
        if not 0 <= self.gold < len(self.options):
            raise BadInput(f"{where}: the right option (index {self.gold}) is not among its options")
        if self.escape_option is not None and not 0 <= self.escape_option < len(self.options):
            raise BadInput(
                f"{where}: the escape option (index {self.escape_option}) is not among its options"
            )
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
    """The cues of one question. Wrong caption and wrong thought assert the same option."""

    wrong_caption: Cue | None = None
    wrong_thought: Cue | None = None
    correct_caption: Cue | None = None
    correct_thought: Cue | None = None
    irrelevant_caption: Cue | None = None
    format_caption: Cue | None = None
    """About the image file; written when the image is read (`cues.image_format`), not by cue writers."""
