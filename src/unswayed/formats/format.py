"""A prompt format: how a model is asked, and how it marks its thought and its answer.

Only this package knows marks such as ``<think>`` or ``\\boxed{}``. A mark is written exactly as it stands
here, blanks and line breaks included; how tolerantly it is read is decided in `answers`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from unswayed.errors import BadInput

Marks = tuple[str, str]
"""What opens and what closes a thought or an answer."""

STOPPED = "Okay let's see. This should be the final answer."
"""The thought of `stop-think` (arXiv 2602.12506)."""
THINK: Marks = ("<think>", "</think>")
SUMMARY: Marks = ("<thought>", "</thought>")
"""Marks of the summary of a thought in replies of Gemini's OpenAI-compatible endpoint."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,40}")
_MOST = 20_000
"""Longest text of a format, in characters."""


@dataclass(frozen=True)
class Format:
    """How a model is asked and answers. Raises `BadInput` for marks that contradict each other."""

    name: str
    system: str = ""
    """System text; empty: the model gets none."""
    prefix: str = ""
    """Text before the question (and its caption) in the user turn."""
    suffix: str = ""
    """Text behind the question and its options."""
    thought: Marks | None = None
    """Marks of the thought as they are written; None: the model shows none, or none is asked for."""
    opened_by_template: bool = False
    """The chat template writes the mark that opens the thought."""
    other_thoughts: tuple[Marks, ...] = ()
    """Marks of a thought that are read as well."""
    answer: Marks = ("", "")
    """Marks of the answer as they are written, e.g. ``("Answer:", "")``; both empty: it is not marked."""
    other_answers: tuple[Marks, ...] = ()
    """Marks of an answer that are read as well; each needs a closing mark."""
    stop: tuple[str, ...] = ()
    """What ends a generation, where it stands behind the closed thought."""
    stopped: str = STOPPED
    """The thought of `stop-think`."""
    models: tuple[str, ...] = field(default=(), compare=False)
    """Regular expressions; where one is found in a model's name, this is its native format."""
    source: str = field(default="", compare=False)
    """Where the wording comes from, and what of it could not be verified."""

    def __post_init__(self) -> None:
        if problem := self._problem():
            raise BadInput(f"format {self.name!r}: {problem}")

    @property
    def open_thought(self) -> str:
        """The mark that opens a thought; empty where the format has none."""
        return self.thought[0] if self.thought else ""

    @property
    def close_thought(self) -> str:
        """The mark that closes a thought; empty where the format has none."""
        return self.thought[1] if self.thought else ""

    @property
    def gap(self) -> str:
        """Blanks that follow the closed thought."""
        return self.close_thought[len(self.close_thought.rstrip()) :]

    @property
    def stop_think(self) -> str:
        """The turn of `stop-think`: a thought that is closed before it begins."""
        return self.open_thought + self.stopped + self.close_thought

    @property
    def thought_marks(self) -> tuple[Marks, ...]:
        """All marks of a thought that are read; the written ones first."""
        return ((self.thought,) if self.thought else ()) + self.other_thoughts

    @property
    def answer_marks(self) -> tuple[Marks, ...]:
        """All marks of an answer that are read; the written ones first."""
        return ((self.answer,) if self.answer[0] else ()) + self.other_answers

    def begin(self, thought: str) -> str:
        """A turn whose thought is begun and left open."""
        return self.open_thought + thought

    def up_to_letter(self, thought: str) -> str:
        """A turn with a closed thought, up to the position of the answer's letter; in a format without a
        thought only what precedes the letter."""
        if self.thought is None:
            return self.answer[0]
        return self.open_thought + thought + self.close_thought + self.answer[0]

    def write_answer(self, answer: str) -> str:
        """An answer in its marks."""
        opened, closed = self.answer
        blank = " " if opened and not closed and not opened[-1].isspace() else ""
        return f"{opened}{blank}{answer}{closed}"

    def write(self, thought: str, answer: str) -> str:
        """A whole turn: the thought, closed, and the answer; the answer alone in a format without a thought.

        >>> COMMON.write("Red.", "(A)")
        '<think>Red.</think><answer>(A)</answer>'
        """
        if self.thought is None:
            return self.write_answer(answer)
        return self.open_thought + thought + self.close_thought + self.write_answer(answer)

    def as_dict(self) -> dict[str, Any]:
        """For manifests and keys: everything that decides what is asked and how it is read."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.compare}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Format:
        """The format of a manifest. Raises `BadInput` for what is none."""
        known = {each.name for each in fields(cls) if each.compare}
        try:
            given = {name: _tuples(value) for name, value in values.items() if name in known}
            return cls(**given)
        except (TypeError, ValueError, AttributeError) as error:
            raise BadInput(f"the manifest's prompt format is damaged ({error})") from error

    def _problem(self) -> str:
        """What is wrong with the values; empty where nothing is."""
        if not _NAME.fullmatch(self.name):
            return "a name has letters, digits and . _ + - only, at most 41"
        long = next((f.name for f in fields(self) if len(str(getattr(self, f.name))) > _MOST), None)
        if long:
            return f"{long} has more than {_MOST:,} characters"
        pairs = ((self.thought,) if self.thought else ()) + self.other_thoughts + self.other_answers
        for pair in (*pairs, self.answer):
            if not (isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(m, str) for m in pair)):
                return f"{pair!r} are no marks; give what opens and what closes"
        for what, marks in (("thought", self.thought_marks), ("other answer", self.other_answers)):
            for opened, closed in marks:
                if not opened.strip() or not closed.strip():
                    return f"a mark of the {what} is empty; give what opens and what closes it"
                if opened.strip() == closed.strip():
                    return f"{opened!r} opens and closes the {what}; the two marks must differ"
        if self.answer[1] and not self.answer[0].strip():
            return "the answer has a closing mark and none that opens it"
        if self.opened_by_template and self.thought is None:
            return "the chat template cannot open a thought that has no marks"
        opened_thoughts = {opened.strip() for opened, _ in self.thought_marks}
        if shared := opened_thoughts & {opened.strip() for opened, _ in self.answer_marks}:
            return f"{min(shared)!r} opens both the thought and the answer"
        if not all(self.stop):
            return "a stop string is empty"
        for pattern in self.models:
            try:
                re.compile(pattern)
            except re.error as error:
                return f"models holds {pattern!r}, which is no regular expression ({error})"
        return ""


def _tuples(value: Any) -> Any:
    return tuple(_tuples(each) for each in value) if isinstance(value, (list, tuple)) else value


COMMON = Format(
    name="common",
    system=(
        "Look at the image and answer the question. First think about it inside <think> </think>, then give "
        "the letter of the right option inside <answer> </answer>."
    ),
    thought=THINK,
    other_thoughts=(("<thinking>", "</thinking>"),),
    answer=("<answer>", "</answer>"),
    stop=("</answer>",),
    models=(r"(?<![a-z])pebble(?![a-z])",),
    source="ours; the paper's own system text is not published",
)
"""The format in which every model can be asked, so that models are compared with equal words."""
