"""Rendering a prompt as the one string that a model in this process reads.

The model's own chat template renders system text and user turn, and the prefill is appended unchanged, so the
string ends in exactly the prefill. Three kinds of templates need care:

* Content is passed in parts or as a string, whichever the template renders intact (probed once).
* Without a system role, the system text precedes the user's text.
* A template may open the thought itself (in the marks of any known format, after the assistant header). With
  a prefill its tag is left out, since the prefill *is* the beginning of the assistant's turn; without one the
  tag stays and is returned as `Rendered.template_opening`, with which the
  generation's text begins. Either way prefill + text is the whole assistant turn, and no tag is there twice.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from unswayed.answers.marks import template_opening
from unswayed.answers.tags import thought_spans
from unswayed.conditions import Prompt
from unswayed.errors import BadInput
from unswayed.formats import COMMON, Format

Style = Literal["parts", "string"]

_SPECIAL = re.compile(r"<\|[^<>|\s]{1,40}\|?>|<[^<>|\s]{1,40}\|>")
# Plain words survive every template, whatever it does to tags and line breaks.
_SYSTEM, _USER = "Probe of the system.", "Probe of the user."
_PREFILL = COMMON.begin("Probe of the prefill")
_ANSWER, _NEXT = "Probe of the answer.", "Probe of the next user."


@dataclass(frozen=True)
class Rendered:
    """A prompt as the tokenizer gets it."""

    text: str
    """Ends in exactly the prefill."""
    template_opening: str = ""
    """Beginning of the assistant's turn that the template itself writes (only without a prefill)."""


class Renderer:
    """Renders with one processor's chat template. Raises `BadInput` for a template that cannot be used."""

    def __init__(self, processor: Any, name: str) -> None:
        self._processor = processor
        self._name = name
        tokens = (getattr(processor, kind, None) for kind in ("image_token", "video_token"))
        self._media_tokens = tuple(token for token in tokens if isinstance(token, str) and token)
        self.image_token = str(getattr(processor, "image_token", "") or "")
        self.notes: tuple[str, ...] = ()
        """How the template was accommodated, in words; for the run's manifest."""
        if not _template(processor):
            raise BadInput(
                f"{name}: the model has no chat template; put a chat_template.jinja beside its weights "
                "(that of the instruction-tuned model it belongs to)"
            )
        self._style, self._folds_system = self._probe()
        notes = []
        if self._folds_system:
            notes.append("the chat template has no system role: system text precedes the user's text")
        if self._style == "string":
            notes.append("the chat template takes plain strings")
        self._opening = template_opening(self._turns("", _USER, 0))
        if self._opening:
            notes.append(f"the chat template begins the assistant's turn with {self._opening!r}")
        self.notes = tuple(notes)

    def render(self, prompt: Prompt) -> Rendered:
        """The string for one prompt.

        Raises `BadInput` where text or prefill holds the model's own image token, or the template
        changes the text or shows another number of pictures.
        """
        token = self.image_token
        parts = (prompt.system, prompt.text, prompt.prefill, prompt.first_answer)
        for media_token in self._media_tokens:
            if any(media_token in part for part in parts):
                raise BadInput(f"the text contains {media_token!r}, which {self._name} takes for a picture")
        text = self._turns(prompt.system, prompt.text, len(prompt.images), _later_turns(prompt))
        if prompt.text.strip() not in text or prompt.system.strip() not in text:
            raise BadInput(f"{self._name}: the chat template changes the prompt's text; use another template")
        if token and text.count(token) != len(prompt.images):
            raise BadInput(
                f"{self._name}: the chat template shows {text.count(token)} of {len(prompt.images)} "
                "pictures; use a template made for pictures"
            )
        opening = template_opening(text)
        if opening and prompt.prefill:
            return Rendered(text.removesuffix(opening) + prompt.prefill)
        return Rendered(text + prompt.prefill, opening)

    def check_format(self, format: Format) -> None:
        """Raises `BadInput`, with the reason, where the chat template does not fit the prompt format."""
        opening = self._opening
        spans = thought_spans(opening, format)
        reason = ""
        if format.opened_by_template and not opening:
            reason = "it leaves the opening of the thought to the chat template, which opens none"
        elif opening and not spans:
            reason = f"the chat template opens a thought with {opening.strip()!r}, which it does not read"
        elif format.opened_by_template and spans[-1][1] < len(opening):
            reason = f"the chat template turns thinking off: it begins the turn with {opening!r}"
        elif missing := self._missing_token(format):
            reason = f"its mark {missing!r} is no token of the model, which was trained in another format"
        if reason:
            raise BadInput(
                f"{self._name}: the prompt format {format.name} does not fit: {reason}; choose another with "
                "--format (unswayed formats)"
            )

    def _missing_token(self, format: Format) -> str:
        """A special token in the written marks that the tokenizer lacks; empty without one."""
        tokenizer = self._processor.tokenizer
        for mark in (*(format.thought or ()), *format.answer):
            for token in _SPECIAL.findall(mark):
                if tokenizer.convert_tokens_to_ids(token) in (None, tokenizer.unk_token_id):
                    return str(token)
        return ""

    def adds_special_tokens(self, text: str) -> bool:
        """Whether the tokenizer must add its special tokens: not where the template wrote them."""
        bos = getattr(self._processor.tokenizer, "bos_token", None)
        return not (bos and text.startswith(bos))

    def continues(self) -> bool:
        """Whether a prefill reaches the model unchanged: the decoded tokens of a rendered prompt end in
        it."""
        text = self.render(Prompt("", _USER, _PREFILL, (), ())).text
        tokenizer = self._processor.tokenizer
        ids = tokenizer(text, add_special_tokens=self.adds_special_tokens(text))["input_ids"]
        decoded = tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return text.endswith(_PREFILL) and str(decoded).endswith(_PREFILL)

    def turn_separator(self) -> str:
        """What the template writes between an assistant's and the next user's turn; empty where it fails."""
        turns = [("user", _USER), ("assistant", _ANSWER), ("user", _NEXT)]
        parts = self._style == "parts"
        messages = [
            {"role": role, "content": [{"type": "text", "text": text}] if parts else text}
            for role, text in turns
        ]
        try:
            rendered = str(self._processor.apply_chat_template(messages, tokenize=False))
        except Exception:  # a template may raise anything
            return ""
        return rendered.partition(_ANSWER)[2].partition(_NEXT)[0]

    def _probe(self) -> tuple[Style, bool]:
        """The style in which the template renders everything, and whether the system text must be folded."""
        reason = "it leaves out the text"
        styles: tuple[Style, ...] = ("parts", "string")
        for style in styles:
            for folds in (False, True):
                self._style, self._folds_system = style, folds
                try:
                    text = self._turns(_SYSTEM, _USER, 0)
                except Exception as problem:  # a template may raise anything
                    reason = str(problem)
                    continue
                if text.count(_SYSTEM) == text.count(_USER) == 1 and "'type'" not in text:
                    return style, folds
        raise BadInput(f"{self._name}: the chat template cannot render a plain question ({reason})")

    def _turns(self, system: str, text: str, images: int, later: Sequence[tuple[str, str]] = ()) -> str:
        if system and self._folds_system:
            system, text = "", f"{system}\n\n{text}"
        content: Any = [{"type": "image"}] * images + [{"type": "text", "text": text}]
        if self._style == "string":
            content = (self.image_token + "\n") * images + text
        messages: list[dict[str, Any]] = [{"role": "user", "content": content}]
        if system:
            system_content: Any = [{"type": "text", "text": system}] if self._style == "parts" else system
            messages.insert(0, {"role": "system", "content": system_content})
        for role, words in later:
            said: Any = [{"type": "text", "text": words}] if self._style == "parts" else words
            messages.append({"role": role, "content": said})
        rendered = self._processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return str(rendered)


def _later_turns(prompt: Prompt) -> list[tuple[str, str]]:
    """Role and text of the turns behind the first user turn."""
    if not prompt.first_answer:
        return []
    return [("assistant", prompt.first_answer), ("user", prompt.follow_up)]


def _template(processor: Any) -> Any:
    tokenizer = getattr(processor, "tokenizer", None)
    return getattr(processor, "chat_template", None) or getattr(tokenizer, "chat_template", None)


def template_text(processor: Any) -> str:
    """The chat template in use, or an empty string; part of a backend's identity."""
    return str(_template(processor) or "")
