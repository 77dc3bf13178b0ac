"""What a chat endpoint's reply says. Raises `Malformed` for anything that is no reply of that form.

The text is what the server gave, byte for byte. Two things are put back that some servers take out, and
only where the reply itself says so: the stop string that ended the text (vLLM's `stop_reason`, SGLang's
`matched_stop`), and a thought that a reasoning parser moved out of the text (`reasoning_content`,
`reasoning`), which goes back between its tags.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from unswayed.model_io import Finish, Generation, first_stop

_FINISH: dict[object, Finish] = {"length": "length", "max_tokens": "length", "content_filter": "refused"}
_THINK, _END = "<think>", "</think>"


class Malformed(Exception):
    """No reply of a chat endpoint; the text says what is wrong with it."""


def choice(reply: Mapping[str, Any]) -> dict[str, Any]:
    """The first choice, which has a message."""
    choices = reply.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise Malformed("the reply has no choices")
    found: dict[str, Any] = choices[0]
    if not isinstance(found.get("message"), dict):
        raise Malformed("the reply's choice has no message")
    if found.get("finish_reason") in ("error", "abort"):
        raise Malformed(f"the server broke off ({found['finish_reason']})")
    return found


def generation(reply: Mapping[str, Any], stop: tuple[str, ...], prefill: str) -> Generation:
    """What was generated behind `prefill`, ending in the first of `stop`."""
    found = restored(reply, stop, prefill)
    cut = first_stop(found.text, stop)
    return found if cut in (None, len(found.text)) else replace(found, text=found.text[:cut], finish="stop")


def restored(reply: Mapping[str, Any], stop: tuple[str, ...], prefill: str) -> Generation:
    """The text as the server gave it, with what it says it took out; it may go on behind a stop string."""
    found = choice(reply)
    message = found["message"]
    refusal = message.get("refusal")
    prompt, made = usage(reply)
    text = words(message.get("content"))
    if not text and isinstance(refusal, str) and refusal:
        return Generation(refusal, "refused", prompt, made)
    thought = message.get("reasoning_content") or message.get("reasoning")
    if isinstance(thought, str) and thought and _END not in text:
        # With a thought begun in the prefill, its opening tag stands there.
        text = ("" if _THINK in prefill else _THINK) + thought + _END + text
    finish = _FINISH.get(found.get("finish_reason"), "stop")
    ended = found.get("stop_reason") or found.get("matched_stop")
    if finish == "stop" and isinstance(ended, str) and ended in stop and not text.endswith(ended):
        text += ended
    return Generation(text, finish, prompt, made)


def usage(reply: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Tokens of the prompt and of the generation, as counted by the server; None where it does not."""
    found = reply.get("usage")
    if not isinstance(found, dict):
        return None, None
    counts = [found.get(name) for name in ("prompt_tokens", "completion_tokens")]
    prompt, made = (n if type(n) is int and 0 <= n < 2**31 else None for n in counts)
    return prompt, made


def first_token(reply: Mapping[str, Any]) -> list[tuple[str, float]]:
    """(token's text, probability) of every alternative told for the first token; each one once.

    Tokens that are parts of characters come with replacement characters. Empty where the server
    gave no log-probabilities.
    """
    logprobs = choice(reply).get("logprobs")
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not isinstance(content, list) or not content or not isinstance(content[0], dict):
        return []
    entries = content[0].get("top_logprobs") or []
    if not isinstance(entries, list):
        raise Malformed("the reply's top_logprobs is no list")
    found = [_alternative(entry) for entry in entries]
    # vLLM tells the drawn token apart from those asked for by their ids.
    drawn = _alternative(content[0])
    return found if drawn[0] in {text for text, _ in found} else [*found, drawn]


def _alternative(entry: Any) -> tuple[str, float]:
    if not isinstance(entry, dict) or not isinstance(entry.get("token"), str):
        raise Malformed("an entry of the reply's log-probabilities has no token")
    value = entry.get("logprob")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value) or value > 1e-3:
        raise Malformed(f"the reply gives {str(value)[:20]!r} for a log-probability")
    return entry["token"], min(1.0, math.exp(value))


def words(content: Any) -> str:
    """A message's content: a string, none, or a list of parts. Raises `Malformed` for anything else."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        if len(parts) == len(content) and all(isinstance(part, str) for part in parts):
            return "".join(str(part) for part in parts)
    raise Malformed("the reply's content is no text")
