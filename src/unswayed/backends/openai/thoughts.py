"""The thought of a chat reply: where servers put it, and how much of it they show.

Servers with a reasoning parser move it out of the text (`reasoning_content`, `reasoning`, content parts of
type ``thinking``); providers of closed models return a summary, or nothing but a number of tokens. What is
seen here decides whether a thought may be judged: only the model's own words are.

Forms read: vLLM and SGLang (`reasoning`, `reasoning_content`), OpenRouter (`reasoning_details` of type text,
summary or encrypted), Mistral and Anthropic (parts ``thinking``, ``redacted_thinking``), LiteLLM
(`thinking_blocks`), OpenAI (parts ``reasoning`` with a `summary`; `reasoning_tokens` alone), Gemini
(``<thought>`` in the text, marked by `extra_content`), Ollama (`thinking`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from unswayed.formats import SUMMARY
from unswayed.model_io import Visibility

THOUGHT_PARTS = ("thinking", "reasoning", "reasoning_content", "redacted_thinking")
_FIELDS = ("reasoning_content", "reasoning", "thinking")
_LISTS = ("reasoning_details", "thinking_blocks")
_OPEN_GEMINI, _CLOSE_GEMINI = SUMMARY


@dataclass(frozen=True)
class Thought:
    """What a reply shows of the thought behind it."""

    text: str = ""
    visibility: Visibility = "visible"


def thought_in(message: Mapping[str, Any], parts: Iterable[Mapping[str, Any]], tokens: int | None) -> Thought:
    """The thought of a message that stands outside its text.

    `parts`: the parts of its content that are thoughts; `tokens`: how many tokens the server counted for the
    thought. Visible without text: there is none beside the message's text.
    """
    found = _joined(map(_entry, parts))
    if found is None:
        entries = [e for name in _LISTS if isinstance(message.get(name), list) for e in message[name]]
        found = _joined(_entry(e) for e in entries if isinstance(e, Mapping))
    fields = [_field(message.get(name)) for name in _FIELDS]
    text = next((field for field in fields if field.text), Thought())
    if found is None or (found.visibility == "visible" and not found.text):
        found = text
    elif not found.text and found.visibility != "hidden":
        found = Thought(text.text, found.visibility)
    if not found.text and found.visibility == "visible" and tokens:
        return Thought("", "hidden")
    return found


def split_summary(message: Mapping[str, Any], text: str) -> tuple[Thought, str]:
    """Gemini's summary, which precedes the answer in the text of a message that is marked so; and the
    rest."""
    extra = message.get("extra_content")
    google = extra.get("google") if isinstance(extra, Mapping) else None
    marked = isinstance(google, Mapping) and bool(google.get("thought") or google.get("thought_signature"))
    begin = text.lstrip()
    if not marked or not begin.startswith(_OPEN_GEMINI) or _CLOSE_GEMINI not in begin:
        return Thought(), text
    summary, _, rest = begin.removeprefix(_OPEN_GEMINI).partition(_CLOSE_GEMINI)
    return Thought(summary, "summary"), rest


def _entry(part: Mapping[str, Any]) -> Thought:
    """One part or detail: its words, and whether they are the thought, a summary, or encrypted."""
    kind = str(part.get("type", ""))
    if "summary" in kind or isinstance(part.get("summary"), list | str):
        words = part.get("summary") if part.get("summary") else part.get("text")
        return Thought(_words(words), "summary")
    for name in (kind, "thinking", "reasoning", "text", "content"):
        if isinstance(part.get(name), str | list):
            return Thought(_words(part[name]))
    return Thought("", "hidden")


def _field(value: Any) -> Thought:
    if isinstance(value, str):
        return Thought(value)
    return _entry(value) if isinstance(value, Mapping) else Thought()


def _joined(entries: Iterable[Thought]) -> Thought | None:
    """All entries together; None without any. One that is no plain text decides what the whole is."""
    entries = list(entries)
    if not entries:
        return None
    kinds = {entry.visibility for entry in entries}
    kind: Visibility = "summary" if "summary" in kinds else "visible"
    text = "".join(entry.text for entry in entries)
    return Thought(text, "hidden" if not text and "hidden" in kinds else kind)


def _words(value: Any) -> str:
    if isinstance(value, list):
        return "".join(map(_words, value))
    if isinstance(value, Mapping):
        return _words(value.get("text") or value.get("value") or value.get("content"))
    return value if isinstance(value, str) else ""
