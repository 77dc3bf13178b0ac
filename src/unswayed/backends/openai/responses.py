"""What a chat endpoint's reply contains. Raises `Malformed` for anything that is no reply of that form.

The text is what the server gave, byte for byte. Two things are put back that some servers take out, and
only where the reply itself says so: the stop string that ended the text (vLLM's `stop_reason`, SGLang's
`matched_stop`), and a thought that a reasoning parser moved out of the text (`reasoning_content`,
`reasoning`, or parts of type ``thinking``), which goes back between its tags. A thought that a stop string or
the token limit ended is left open, for the server never saw it closed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from unswayed.answers.stopping import first_stop
from unswayed.model_io import Finish, Generation

_FINISH: dict[str, Finish] = {"length": "length", "max_tokens": "length", "content_filter": "refused"}
_OPEN, _CLOSE = "<think>", "</think>"
_THINKING_PARTS = ("thinking", "reasoning", "reasoning_content")


class Malformed(Exception):
    """No reply of a chat endpoint; the text says what is wrong with it."""


def error_in(reply: Mapping[str, Any]) -> Any:
    """The error object that a reply of status 200 carries, at its top, in its choice or message; None
    without.

    Gateways report a failure of the server behind them in this way, beside an empty or partial choice.
    """
    choices = reply.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    for holder in (reply, choice, message):
        if isinstance(holder, dict) and is_error(holder.get("error")):
            return holder["error"]
    return None


def is_error(value: Any) -> bool:
    """Whether a field `error` reports one: some servers send it empty, or as an object of empty fields."""
    return any(value.values()) if isinstance(value, dict) else bool(value)


def first_choice(reply: Mapping[str, Any]) -> dict[str, Any]:
    """The first choice, which has a message."""
    choices = reply.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise Malformed("the reply has no choices")
    choice: dict[str, Any] = choices[0]
    if not isinstance(choice.get("message"), dict):
        raise Malformed("the reply's choice has no message")
    if choice.get("finish_reason") in ("error", "abort"):
        raise Malformed(f"the server broke off ({choice['finish_reason']})")
    return choice


def read_generation(reply: Mapping[str, Any], stop: tuple[str, ...], prefill: str) -> Generation:
    """What was generated after `prefill`, up to the first of `stop` that counts (`answers.stopping`)."""
    generation = read_uncut(reply, stop, prefill)
    cut = first_stop(generation.text, stop, prefill=prefill)
    if cut in (None, len(generation.text)):
        return generation
    return replace(generation, text=generation.text[:cut], finish="stop")


def read_uncut(reply: Mapping[str, Any], stop: tuple[str, ...], prefill: str) -> Generation:
    """The text as the server gave it, with what it says it took out; it may continue after a stop string."""
    choice = first_choice(reply)
    message = choice["message"]
    refusal = message.get("refusal")
    prompt_tokens, tokens = usage(reply)
    thought, text = content_parts(message.get("content"))
    if not text and not thought and isinstance(refusal, str) and refusal:
        return Generation(refusal, "refused", prompt_tokens, tokens)
    for name in ("reasoning_content", "reasoning"):
        if not thought and isinstance(message.get(name), str):
            thought = message[name]
    reason = choice.get("finish_reason")
    finish: Finish = _FINISH.get(reason, "stop") if isinstance(reason, str) else "stop"
    stopped_at = choice.get("stop_reason") or choice.get("matched_stop")
    if finish != "stop" or not isinstance(stopped_at, str) or stopped_at not in stop:
        stopped_at = ""
    if thought and _CLOSE not in text:
        # With a thought begun in the prefill, its opening tag stands there.
        opening = "" if _OPEN in prefill else _OPEN
        unfinished = not text and (stopped_at or finish == "length")
        text = opening + thought + ("" if unfinished else _CLOSE) + text
    if stopped_at and not text.endswith(stopped_at):
        text += stopped_at
    return Generation(text, finish, prompt_tokens, tokens)


def usage(reply: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Tokens of the prompt and of the generation, as counted by the server; None where it does not."""
    counts = reply.get("usage")
    if not isinstance(counts, dict):
        return None, None
    values = [counts.get(name) for name in ("prompt_tokens", "completion_tokens")]
    prompt_tokens, tokens = (n if type(n) is int and 0 <= n < 2**31 else None for n in values)
    return prompt_tokens, tokens


def first_token_probs(reply: Mapping[str, Any]) -> list[tuple[str, float]]:
    """(token text, probability) of every alternative returned for the first token.

    Different tokens may have the same text; tokens that are parts of characters come with replacement
    characters. Empty where the server gave no alternatives: the sampled token alone tells nothing of the
    others.
    """
    logprobs = first_choice(reply).get("logprobs")
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not isinstance(content, list) or not content or not isinstance(content[0], dict):
        return []
    entries = content[0].get("top_logprobs") or []
    if not isinstance(entries, list):
        raise Malformed("the reply's top_logprobs is no list")
    if not entries:
        return []
    alternatives = [_alternative(entry) for entry in entries]
    # vLLM lists the sampled token apart from those requested by id.
    sampled = _alternative(content[0])
    return alternatives if sampled[0] in {text for text, _ in alternatives} else [*alternatives, sampled]


def _alternative(entry: Any) -> tuple[str, float]:
    if not isinstance(entry, dict) or not isinstance(entry.get("token"), str):
        raise Malformed("an entry of the reply's log-probabilities has no token")
    value = entry.get("logprob")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value) or value > 1e-3:
        raise Malformed(f"the reply gives {str(value)[:20]!r} for a log-probability")
    return entry["token"], min(1.0, math.exp(value))


def content_parts(content: Any) -> tuple[str, str]:
    """(thought, text) of a message's content: a string, none, or a list of parts.

    Parts are strings, objects with a `text` (a string, or an object with a `value`), or thoughts: objects of
    type ``thinking`` or ``reasoning`` whose content is a string or such a list again. Raises `Malformed` for
    anything else.
    """
    if content is None:
        return "", ""
    if isinstance(content, str):
        return "", content
    if not isinstance(content, list):
        raise Malformed("the reply's content is no text")
    thoughts, texts = [], []
    for part in content:
        if isinstance(part, dict) and part.get("type") in _THINKING_PARTS:
            thoughts.append(_thinking(part))
        else:
            texts.append(_part_text(part))
    return "".join(thoughts), "".join(texts)


def _thinking(part: Mapping[str, Any]) -> str:
    for name in (part["type"], "thinking", "reasoning", "text", "content"):
        value = part.get(name)
        if isinstance(value, list):
            return "".join(map(_part_text, value))
        if isinstance(value, str):
            return value
    raise Malformed("a thought of the reply has no text")


def _part_text(part: Any) -> str:
    value = part.get("text") if isinstance(part, dict) else part
    if isinstance(value, dict):
        value = value.get("value")
    if not isinstance(value, str):
        raise Malformed("a part of the reply's content is no text")
    return value
