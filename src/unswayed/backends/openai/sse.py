"""A streamed reply, assembled: server-sent events in, the reply that would have come whole out.

Code that reads replies need not know how they came. Of the event-stream format (WHATWG HTML, 9.2), what chat
servers use is read: ``data:`` lines, joined up to an empty line; comments and other fields are ignored.
Every event holds a chunk of the first choice, an error, or ``[DONE]``.
"""

from __future__ import annotations

import json
from typing import Any

from unswayed.backends.openai.responses import Malformed, is_error, split_content

_TEXTS = ("content", "reasoning_content", "reasoning", "thinking", "refusal")
_THOUGHT_LISTS = ("reasoning_details", "thinking_blocks")
_FINAL = ("finish_reason", "stop_reason", "matched_stop")


class StreamError(Exception):
    """The server sent an error object as an event."""

    def __init__(self, error: Any) -> None:
        super().__init__(str(error))
        self.error = error


class StreamAssembler:
    """Takes the bytes of one reply as they come."""

    def __init__(self) -> None:
        self.done = False
        """``[DONE]`` has come."""
        self._rest = b""
        self._data: list[bytes] = []
        self._texts: dict[str, list[str]] = {}
        self._thoughts: list[Any] = []
        self._extra: dict[str, Any] = {}
        self._choice: dict[str, Any] = {}
        self._logprobs: list[Any] = []
        self._usage: Any = None

    def feed(self, data: bytes) -> bool:
        """Whether `data` completed an event that is a part of the reply: comments are no progress.

        Raises `Malformed` for what is no chunk, and `StreamError` for an error sent by the server.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        progress = False
        for line in lines:
            line = line.removesuffix(b"\r")
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
            elif not line and self._data:
                event, self._data = b"\n".join(self._data), []
                self._event(event)
                progress = True
        return progress

    def reply(self) -> dict[str, Any]:
        """The whole reply. Raises `Malformed` where the stream ended before it."""
        if self._choice.get("finish_reason") is None:
            raise Malformed("the stream ended before the reply did")
        message: dict[str, Any] = {name: "".join(parts) for name, parts in self._texts.items()}
        if self._thoughts:
            message["reasoning_details"] = self._thoughts
        if self._extra:
            message["extra_content"] = self._extra
        choice: dict[str, Any] = {**self._choice, "message": message}
        if self._logprobs:
            choice["logprobs"] = {"content": self._logprobs}
        reply: dict[str, Any] = {"choices": [choice], "streamed": True}
        if self._usage is not None:
            reply["usage"] = self._usage
        return reply

    def _event(self, event: bytes) -> None:
        if event.strip() == b"[DONE]":
            self.done = True
            return
        try:
            chunk = json.loads(event)
        except (ValueError, RecursionError) as error:
            raise Malformed(f"an event of the stream is not JSON: {error}") from None
        if not isinstance(chunk, dict):
            raise Malformed("an event of the stream is no JSON object")
        if is_error(chunk.get("error")):
            raise StreamError(chunk["error"])
        # With running counts every chunk has them, and the last ones hold.
        self._usage = chunk.get("usage") or self._usage
        choices = chunk.get("choices") or []
        if not isinstance(choices, list):
            raise Malformed("an event of the stream has no choices")
        for choice in choices:
            if not isinstance(choice, dict):
                raise Malformed("a choice of the stream is no JSON object")
            if choice.get("index", 0) == 0:
                self._add(choice)

    def _add(self, choice: dict[str, Any]) -> None:
        if is_error(choice.get("error")):
            raise StreamError(choice["error"])
        delta = choice.get("delta")
        if delta is not None and not isinstance(delta, dict):
            raise Malformed("a delta of the stream is no JSON object")
        fields = delta or {}
        for name in _TEXTS:
            parts, text = split_content(fields.get(name))
            self._thoughts += parts
            if text:
                self._texts.setdefault(name, []).append(text)
        for name in _THOUGHT_LISTS:
            if isinstance(fields.get(name), list):
                self._thoughts += fields[name]
        if isinstance(fields.get("extra_content"), dict):
            self._extra |= fields["extra_content"]
        # Some servers send an empty finish reason with every chunk.
        self._choice |= {name: choice[name] for name in _FINAL if choice.get(name) not in (None, "")}
        logprobs = choice.get("logprobs")
        content = logprobs.get("content") if isinstance(logprobs, dict) else None
        if isinstance(content, list):
            self._logprobs += content
