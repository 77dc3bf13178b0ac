"""How a question is put to the model: (question, cues, condition) -> Prompt.

This module decides every string that reaches a model besides the question and its cues. It does
no I/O and knows no backend. Condition names and their sources: the protocol page of the docs;
the paper is arXiv 2602.12506, section 2.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace

from PIL import Image as PILImage

from unswayed.errors import BadInput
from unswayed.question import LETTERS, Cue, Cues, Question

SYSTEM = (
    "Look at the image and answer the question. First think about it inside <think> </think>, then give "
    "the letter of the right option inside <answer> </answer>."
)
CHOICES = "Select from the following choices:"
STOP_THINK = "<think>Okay let's see. This should be the final answer.</think>"
OPEN_THINK = "<think>"
BUT = " But I think"
DISCLAIMER = " but I could be wrong."
QUOTED = "Earlier you began to think about this question: "
ABSTAIN = "I'm not sure"
ABSTAIN_SUFFIX = "+abstain"


@dataclass(frozen=True)
class Prompt:
    """What reaches the model, before any chat template."""

    system: str
    text: str
    """The user turn's text; the pictures stand before it."""
    prefill: str
    """Beginning of the assistant's turn, a field of its own; empty: the model starts freely."""
    images: tuple[bytes, ...]
    """Encoded files, byte for byte as found (or the grey stand-in of `blank-image`)."""
    options: tuple[str, ...]
    """Options as shown, the abstain option last where there is one."""
    cue: Cue | None = None
    """The cue that was used, if any."""

    @property
    def letters(self) -> str:
        return LETTERS[: len(self.options)]


@dataclass(frozen=True)
class NotAsked:
    """A condition that could not be put to this question, and why."""

    reason: str


@dataclass(frozen=True)
class Condition:
    """One controlled way of asking."""

    name: str
    summary: str
    source: str
    """`paper`, or `ours`."""
    cue: str | None = None
    """Name of the field of `Cues` that it shows, or None."""
    prefills: bool = False
    """Begins the assistant's turn: needs a model that continues a prefill."""
    blank: bool = False
    abstain: bool = False

    @property
    def base(self) -> str:
        """The condition without `+abstain`."""
        return self.name.removesuffix(ABSTAIN_SUFFIX)

    @property
    def begins_wrong(self) -> bool:
        """The model's own turn begins with a wrong thought, which it may follow, revise or leave."""
        return self.prefills and self.cue == "wrong_thought"


_ALL = (
    Condition("base", "the question as it is", "paper"),
    Condition("stop-think", "the thought is closed before it begins", "paper", prefills=True),
    Condition("wrong-think", "a wrong thought already begun, left open", "paper", "wrong_thought", True),
    Condition("wrong-think-but", "the same, ending in 'But I think'", "paper", "wrong_thought", True),
    Condition(
        "wrong-think-quoted",
        "a wrong thought quoted behind the question, nothing begun",
        "ours",
        "wrong_thought",
    ),
    Condition("wrong-caption", "a false caption before the question", "paper", "wrong_caption"),
    Condition("wrong-caption-disclaimer", "the same, hedged", "paper", "wrong_caption"),
    Condition("correct-think", "a right thought already begun, left open", "paper", "correct_thought", True),
    Condition("correct-caption", "a true caption before the question", "paper", "correct_caption"),
    Condition("irrelevant-caption", "a true caption beside the point", "ours", "irrelevant_caption"),
    Condition("blank-image", "a grey picture of the same size", "ours", blank=True),
)
CONDITIONS: dict[str, Condition] = {c.name: c for c in _ALL}
"""Conditions by name; `+abstain` may be put behind any of them (see `condition`)."""


def condition(name: str) -> Condition:
    """The condition called `name`, with or without `+abstain`. Raises `BadInput` if there is none."""
    plain = name.removesuffix(ABSTAIN_SUFFIX)
    if plain not in CONDITIONS:
        raise BadInput(f"unknown condition {name!r}; there are: {', '.join(CONDITIONS)} (+abstain on any)")
    found = CONDITIONS[plain]
    if name != plain:
        return replace(
            found, name=name, summary=f"{found.summary}; with the option '{ABSTAIN}'", abstain=True
        )
    return found


def question_text(question: Question, options: tuple[str, ...]) -> str:
    """The question with its hint and lettered options, one a line."""
    lines = [question.hint] if question.hint else []
    lines += [question.text, CHOICES]
    lines += [f"({letter}) {option}" for letter, option in zip(LETTERS, options, strict=False)]
    return "\n".join(lines)


def put(question: Question, cues: Cues, how: Condition, images: tuple[bytes, ...]) -> Prompt | NotAsked:
    """Put `question` under the condition `how`.

    `images` are the question's encoded files (read once by the caller for all conditions).
    Returns `NotAsked` where the cue that the condition needs does not exist.
    """
    cue: Cue | None = getattr(cues, how.cue) if how.cue else None
    if how.cue and cue is None:
        return NotAsked(f"no {how.cue.replace('_', ' ')} was written for this question")
    options = (*question.options, ABSTAIN) if how.abstain else question.options
    text, prefill = _WORDING.get(how.base, _plain)(question_text(question, options), cue)
    if how.blank:
        images = tuple(blank(data) for data in images)
    return Prompt(SYSTEM, text, prefill, images, options, cue)


def blank(data: bytes) -> bytes:
    """A mid-grey PNG of the size of the picture `data`."""
    with PILImage.open(io.BytesIO(data)) as picture:
        size = picture.size
    out = io.BytesIO()
    PILImage.new("RGB", size, (128, 128, 128)).save(out, "PNG")
    return out.getvalue()


def _plain(q: str, cue: Cue | None) -> tuple[str, str]:
    if cue is None:
        return q, ""
    if cue.kind == "caption":
        return f"{cue.text} {q}", ""
    return q, OPEN_THINK + cue.text


def _stop(q: str, cue: Cue | None) -> tuple[str, str]:
    return q, STOP_THINK


def _but(q: str, cue: Cue | None) -> tuple[str, str]:
    assert cue is not None
    return q, OPEN_THINK + cue.text + BUT


def _quoted(q: str, cue: Cue | None) -> tuple[str, str]:
    assert cue is not None
    return f"{q}\n{QUOTED}{cue.text}", ""


def _disclaimer(q: str, cue: Cue | None) -> tuple[str, str]:
    assert cue is not None
    return f"{cue.text.rstrip().removesuffix('.')}{DISCLAIMER} {q}", ""


_WORDING: dict[str, Callable[[str, Cue | None], tuple[str, str]]] = {
    "stop-think": _stop,
    "wrong-think-but": _but,
    "wrong-think-quoted": _quoted,
    "wrong-caption-disclaimer": _disclaimer,
}
