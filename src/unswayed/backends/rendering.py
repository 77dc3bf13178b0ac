"""How a prompt becomes the one string that a model in this process reads.

The model's own chat template renders system text and user turn, and the prefill is put behind it as
it is, so the string ends in exactly the prefill. Three habits of templates are met here:

* Content is given in parts or as a string, whichever the template shows intact (probed once).
* Without a system role, the system text stands in front of the user's text.
* A template that opens the thought itself (``<think>`` behind the assistant header): with a prefill
  its tag is left out, for the prefill *is* the beginning of the assistant's turn; without one the
  tag stays and is handed back as `Rendered.given`, which the generation's text begins with. Either
  way prefill + text is the whole assistant turn, and no tag is there twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from unswayed.conditions import Prompt
from unswayed.errors import BadInput

Style = Literal["parts", "string"]

_OPENED = re.compile(r"<think>\s*(?:</think>\s*)?\Z")
# Plain words survive every template, whatever it does to tags and line breaks.
_SYSTEM, _USER, _PREFILL = "Probe of the system.", "Probe of the user.", "<think>Probe of the prefill"
_MIND, _NEXT = "Probe of the answer.", "Probe of the next user."


@dataclass(frozen=True)
class Rendered:
    """A prompt as the tokenizer gets it."""

    text: str
    """Ends in exactly the prefill."""
    given: str = ""
    """Beginning of the assistant's turn that the template itself wrote (only without a prefill)."""


class Renderer:
    """Renders with one processor's chat template. Raises `BadInput` where that cannot be done."""

    def __init__(self, processor: Any, name: str) -> None:
        self._processor = processor
        self._name = name
        marks = (getattr(processor, kind, None) for kind in ("image_token", "video_token"))
        self._marks = tuple(mark for mark in marks if isinstance(mark, str) and mark)
        self.image_token = str(getattr(processor, "image_token", "") or "")
        self.notes: tuple[str, ...] = ()
        """What the template made necessary, in words; for the run's manifest."""
        if not _template(processor):
            raise BadInput(
                f"{name}: the model has no chat template; put a chat_template.jinja beside its weights "
                "(that of the instruction-tuned model it belongs to)"
            )
        self._style, self._folds = self._probe()
        notes = []
        if self._folds:
            notes.append("the chat template has no system role: system text stands before the user's text")
        if self._style == "string":
            notes.append("the chat template takes plain strings")
        opened = _OPENED.search(self._turns("", _USER, 0))
        if opened:
            notes.append(f"the chat template begins the assistant's turn with {opened.group()!r}")
        self.notes = tuple(notes)

    def render(self, prompt: Prompt) -> Rendered:
        """The string for one prompt.

        Raises `BadInput` where text or prefill holds the model's own image token, or the template
        changes the text or shows another number of pictures.
        """
        token = self.image_token
        for mark in self._marks:
            if any(mark in said for said in (prompt.system, prompt.text, prompt.prefill)):
                raise BadInput(f"the text contains {mark!r}, which {self._name} takes for a picture")
        text = self._turns(prompt.system, prompt.text, len(prompt.images))
        if prompt.text.strip() not in text or prompt.system.strip() not in text:
            raise BadInput(f"{self._name}: the chat template changes the prompt's text; use another template")
        if token and text.count(token) != len(prompt.images):
            raise BadInput(
                f"{self._name}: the chat template shows {text.count(token)} of {len(prompt.images)} "
                "pictures; use a template made for pictures"
            )
        opened = _OPENED.search(text)
        if opened and prompt.prefill:
            return Rendered(text[: opened.start()] + prompt.prefill)
        return Rendered(text + prompt.prefill, opened.group() if opened else "")

    def special(self, text: str) -> bool:
        """Whether the tokenizer is to add its own special tokens: not where the template wrote them."""
        bos = getattr(self._processor.tokenizer, "bos_token", None)
        return not (bos and text.startswith(bos))

    def continues(self) -> bool:
        """Whether a prefill reaches the model as it is: the tokens of a rendered prompt end in its words."""
        text = self.render(Prompt("", _USER, _PREFILL, (), ())).text
        tokenizer = self._processor.tokenizer
        ids = tokenizer(text, add_special_tokens=self.special(text))["input_ids"]
        told = tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return text.endswith(_PREFILL) and str(told).endswith(_PREFILL)

    def closing(self) -> str:
        """What the template writes between an assistant's turn and a next user's; empty where it will not."""
        turns = [("user", _USER), ("assistant", _MIND), ("user", _NEXT)]
        parts = self._style == "parts"
        messages = [
            {"role": role, "content": [{"type": "text", "text": text}] if parts else text}
            for role, text in turns
        ]
        try:
            told = str(self._processor.apply_chat_template(messages, tokenize=False))
        except Exception:  # a template may raise anything
            return ""
        return told.partition(_MIND)[2].partition(_NEXT)[0]

    def _probe(self) -> tuple[Style, bool]:
        """In which style, and whether with the system text folded, the template shows all it is given."""
        trouble = "it leaves out the text"
        styles: tuple[Style, ...] = ("parts", "string")
        for style in styles:
            for folds in (False, True):
                self._style, self._folds = style, folds
                try:
                    text = self._turns(_SYSTEM, _USER, 0)
                except Exception as problem:  # a template may raise anything
                    trouble = str(problem)
                    continue
                if text.count(_SYSTEM) == text.count(_USER) == 1 and "'type'" not in text:
                    return style, folds
        raise BadInput(f"{self._name}: the chat template cannot render a plain question ({trouble})")

    def _turns(self, system: str, text: str, images: int) -> str:
        if system and self._folds:
            system, text = "", f"{system}\n\n{text}"
        content: Any = [{"type": "image"}] * images + [{"type": "text", "text": text}]
        if self._style == "string":
            content = (self.image_token + "\n") * images + text
        messages: list[dict[str, Any]] = [{"role": "user", "content": content}]
        if system:
            said: Any = [{"type": "text", "text": system}] if self._style == "parts" else system
            messages.insert(0, {"role": "system", "content": said})
        rendered = self._processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return str(rendered)


def _template(processor: Any) -> Any:
    tokenizer = getattr(processor, "tokenizer", None)
    return getattr(processor, "chat_template", None) or getattr(tokenizer, "chat_template", None)


def template_text(processor: Any) -> str:
    """The chat template in use, or an empty string; part of what decides a model's answers."""
    return str(_template(processor) or "")
