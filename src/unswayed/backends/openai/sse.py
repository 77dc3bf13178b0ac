"""A streamed reply, put together: server-sent events in, the reply that would have come whole out.

So whoever reads replies need not know how they came. Of the event-stream format (WHATWG HTML, 9.2) what
chat servers use is read: ``data:`` lines, joined up to an empty line; comments and other fields are passed
over. Every event holds a chunk of the first choice, an error, or ``[DONE]``.
"""

from __future__ import annotations

import json
from typing import Any

from unswayed.backends.openai.responses import Malformed, words

_TEXTS = ("content", "reasoning_content", "reasoning", "refusal")
_LAST = ("finish_reason", "stop_reason", "matched_stop")


class Broke(Exception):
    """The server told of an error in the middle; `status` is its code, 0 where it gives none."""

    def __init__(self, told: Any) -> None:
        super().__init__(json.dumps({"error": told}))
        code = told.get("code") if isinstance(told, dict) else None
        self.status = code if type(code) is int and 400 <= code < 600 else 0


class Assembly:
    """Takes the bytes of one reply as they come."""

    def __init__(self) -> None:
        self.done = False
        """``[DONE]`` has come."""
        self._rest = b""
        self._data: list[bytes] = []
        self._texts: dict[str, list[str]] = {}
        self._choice: dict[str, Any] = {}
        self._logprobs: list[Any] = []
        self._usage: Any = None

    def feed(self, part: bytes) -> bool:
        """Whether `part` ended an event that is a part of the reply: comments are no progress.

        Raises `Malformed` for what is no chunk, and `Broke` for an error that the server tells of.
        """
        *lines, self._rest = (self._rest + part).split(b"\n")
        moved = False
        for line in lines:
            line = line.removesuffix(b"\r")
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
            elif not line and self._data:
                event, self._data = b"\n".join(self._data), []
                self._event(event)
                moved = True
        return moved

    def reply(self) -> dict[str, Any]:
        """The whole reply. Raises `Malformed` where it never came to its end."""
        if self._choice.get("finish_reason") is None:
            raise Malformed("the stream ended before the reply did")
        message = {name: "".join(parts) for name, parts in self._texts.items()}
        found: dict[str, Any] = {"choices": [{**self._choice, "message": message}], "streamed": True}
        if self._logprobs:
            found["choices"][0]["logprobs"] = {"content": self._logprobs}
        if self._usage is not None:
            found["usage"] = self._usage
        return found

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
        if chunk.get("error"):
            raise Broke(chunk["error"])
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
        delta = choice.get("delta")
        if delta is not None and not isinstance(delta, dict):
            raise Malformed("a delta of the stream is no JSON object")
        for name in _TEXTS:
            if text := words((delta or {}).get(name)):
                self._texts.setdefault(name, []).append(text)
        self._choice |= {name: choice[name] for name in _LAST if choice.get(name) is not None}
        told = choice.get("logprobs")
        content = told.get("content") if isinstance(told, dict) else None
        if isinstance(content, list):
            self._logprobs += content
