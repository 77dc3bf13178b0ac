"""Between the chat protocol and inspect_ai: pure functions on plain values, which import neither.

inspect_ai parses what a model says: a closed thought leaves the text for a part of its own, trimmed. The
provider's own reply, byte for byte, is taken wherever inspect_ai returns it in the chat protocol's form;
elsewhere text and thought are those that inspect_ai gives, and the thought goes back between its tags
(see `openai.responses`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_SAME = ("temperature", "top_p", "seed", "logprobs", "top_logprobs", "reasoning_effort")
_RENAMED = {"max_tokens": "max_tokens", "max_completion_tokens": "max_tokens", "stop": "stop_seqs"}
_RENAMED["thinking_token_budget"] = "reasoning_tokens"
SUMMARISING = frozenset({"anthropic", "google", "bedrock", "vertex"})
"""Providers whose thoughts, where they return any, are summaries by their own documentation."""
_NOT_PASSED = {"model", "messages"}
_FINISH = {"max_tokens": "length", "model_length": "length", "content_filter": "content_filter"}


def messages(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The messages of a chat request as fields of inspect_ai's; pictures stay data URIs.

    A prefill is a last message of the assistant, whose content is one plain string: inspect_ai changes
    contents in parts.
    """
    return [{"role": m["role"], "content": _content(m["content"])} for m in body["messages"]]


def settings(body: Mapping[str, Any]) -> dict[str, Any]:
    """Its other fields as those of a `GenerateConfig`; what that does not know is sent as it is."""
    fields: dict[str, Any] = {name: body[name] for name in _SAME if name in body}
    fields |= {target: body[name] for name, target in _RENAMED.items() if name in body}
    more = {k: v for k, v in body.items() if k not in {*_SAME, *_RENAMED, *_NOT_PASSED}}
    return fields | ({"extra_body": more} if more else {})


def prefill(body: Mapping[str, Any]) -> str:
    """The beginning of the assistant's turn; empty without one."""
    last = body["messages"][-1]
    return str(last["content"]) if last["role"] == "assistant" else ""


def holds(value: Any, text: str) -> bool:
    """Whether one of the strings in `value` (JSON values) is `text`, byte for byte."""
    return any(string == text for string in _strings(value))


def reply(output: Mapping[str, Any], raw: Any = None, *, summarised: bool = False) -> dict[str, Any]:
    """A chat reply from a dumped `ModelOutput` and, if at hand, the provider's raw response.

    `summarised`: the provider's thoughts are summaries.
    """
    if isinstance(raw, Mapping) and _is_reply(raw):
        return dict(raw)
    choices = [_choice(choice, summarised) for choice in output.get("choices") or ()]
    chat: dict[str, Any] = {"choices": choices}
    usage = output.get("usage")
    if usage:
        cached = ("input_tokens_cache_read", "input_tokens_cache_write")
        chat["usage"] = {
            "prompt_tokens": usage["input_tokens"] + sum(usage.get(name) or 0 for name in cached),
            "completion_tokens": usage["output_tokens"],
            "completion_tokens_details": {"reasoning_tokens": usage.get("reasoning_tokens")},
        }
    return chat


def _content(content: Any) -> Any:
    if isinstance(content, str):
        return content
    parts = []
    for part in content:
        if part["type"] == "image_url":
            url = part["image_url"]
            parts.append({"type": "image", "image": url if isinstance(url, str) else url["url"]})
        else:
            parts.append({"type": "text", "text": part["text"]})
    return parts


def _choice(choice: Mapping[str, Any], summarised: bool) -> dict[str, Any]:
    content = choice["message"]["content"]
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    message: dict[str, Any] = {"content": "".join(p["text"] for p in parts if p["type"] == "text")}
    details = [_detail(part, summarised) for part in parts if part["type"] == "reasoning"]
    if details:
        message["reasoning_details"] = details
    stop = choice.get("stop_reason")
    return {
        "message": message,
        "finish_reason": _FINISH.get(str(stop), "stop"),
        "logprobs": choice.get("logprobs"),
    }


def _detail(part: Mapping[str, Any], summarised: bool) -> dict[str, Any]:
    """A thought in OpenRouter's form, which tells text, summary and encrypted thoughts apart."""
    if part.get("summary"):
        return {"type": "reasoning.summary", "summary": part["summary"]}
    if part.get("redacted"):
        return {"type": "reasoning.encrypted"}
    kind, name = ("summary", "summary") if summarised else ("text", "text")
    return {"type": f"reasoning.{kind}", name: part["reasoning"]}


def _is_reply(raw: Mapping[str, Any]) -> bool:
    choices = raw.get("choices")
    return (
        isinstance(choices, list)
        and bool(choices)
        and isinstance(choices[0], Mapping)
        and isinstance(choices[0].get("message"), Mapping)
    )


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _strings(item)
