"""One question through inspect_ai's ``Model.generate``: a reply of the chat protocol, or a `Trouble`.

inspect_ai asks once; whether to ask again is decided by `http.caller`, after the provider's own word on
which failures may pass (``ModelAPI.should_retry``). A provider that changes the beginning of a turn on its
way out is found out here: the request that it logs must hold the prefill byte for byte.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from rich.errors import MarkupError
from rich.text import Text

from unswayed.backends.inspect import translate
from unswayed.backends.inspect.package import load
from unswayed.backends.openai.credentials import Key
from unswayed.backends.openai.transport import (
    AGAIN,
    Kind,
    Transport,
    Trouble,
)
from unswayed.errors import BadInput

_CONNECTING = {"ConnectError", "ConnectTimeout", "ClientConnectorError", "ConnectionRefusedError"}
_calls: ContextVar[list[Any] | None] = ContextVar("raw_calls", default=None)


def open_model(spec: str, base_url: str | None, args: Mapping[str, Any]) -> Any:
    """inspect_ai's model of that name, for this event loop alone.

    Raises `BadInput` in its own words where it knows no such provider, or lacks a key or a package.
    """
    get_model = load(f"inspect:{spec} needs").model.get_model
    try:
        model = get_model(spec, base_url=base_url, memoize=False, **args)
    except Exception as error:  # inspect_ai's own, or anything that a provider's package raises
        said = str(getattr(error, "message", None) or error) or type(error).__name__
        raise BadInput(f"inspect:{spec}: {_plain(said)}") from error
    generate = model.api.generate

    async def observed(*given: Any, **named: Any) -> Any:
        found, seen = await generate(*given, **named), _calls.get()
        if seen is not None and isinstance(found, tuple):
            seen.append(found[1])
        return found

    # The provider's raw request and reply: `Model.generate` itself keeps them to its transcript.
    model.api.generate = observed
    return model


class InspectTransport(Transport):
    """Exchanges with whatever stands behind one model of inspect_ai."""

    def __init__(self, model: Any, key: Key, *, timeout: float, connections: int) -> None:
        """`timeout`: seconds for one generation; `connections`: open at once."""
        self._model, self._key = model, key
        self._limit, self._connections = timeout, connections

    async def close(self) -> None:
        await self._model.api.aclose()

    async def get(self, url: str) -> dict[str, Any] | Trouble:
        return Trouble("denied", "inspect_ai reaches nothing but the model")

    async def post(self, url: str, body: bytes, name: str = "") -> dict[str, Any] | Trouble:
        """What the model said, as a chat reply, or why it did not; `name` is not passed on."""
        if not url.endswith("/chat/completions"):
            return await self.get(url)
        asked = json.loads(body)
        if asked.get("stream"):
            return Trouble("denied", "inspect_ai's replies come whole")
        try:
            # In a task, so that inspect_ai's record of the call ends with the call.
            work = asyncio.create_task(self._generate(asked))
            output, call = await asyncio.wait_for(work, self._limit)
        except TimeoutError:
            return Trouble("slow", f"no whole reply within {self._limit:g} s")
        except Exception as error:  # a provider's package may raise anything
            return self._trouble(error)
        begun = translate.prefill(asked)
        if call is not None and begun and not translate.holds(call.request, begun):
            return Trouble("denied", "inspect_ai's provider changes the beginning of the assistant's turn")
        dumped = output.model_dump()
        if call is not None and call.error and output.choices and output.stop_reason != "content_filter":
            # inspect_ai makes some refusals of a provider (a text that is too long) look like generations.
            return Trouble("denied", self._key.redact(output.error or output.completion))
        raw = call.response if call is not None and not call.error else None
        return translate.reply(dumped, raw)

    async def _generate(self, asked: Mapping[str, Any]) -> tuple[Any, Any]:
        """Output, and the provider's raw call (None where it does not say)."""
        m = load("this model needs").model
        kinds = {
            "system": m.ChatMessageSystem,
            "user": m.ChatMessageUser,
            "assistant": m.ChatMessageAssistant,
        }
        messages = [kinds[one["role"]](content=one["content"]) for one in translate.messages(asked)]
        config = m.GenerateConfig(
            **translate.settings(asked), max_retries=0, max_connections=self._connections, cache=False
        )
        seen: list[Any] = []
        _calls.set(seen)
        output = await self._model.generate(messages, config=config)
        return output, seen[-1] if seen else None

    def _trouble(self, error: Exception) -> Trouble:
        last = getattr(error, "last_attempt", None)  # tenacity's word for: it might pass, and was asked once
        cause = last.exception() if last is not None else error
        decision = self._model.api.should_retry(cause)
        status = _status(cause)
        kind: Kind = "denied"
        if any(type(one).__name__ in _CONNECTING for one in _chain(cause)):
            kind = "unreachable"
        elif getattr(decision, "kind", "") == "rate_limit" or status == 429:
            kind = "busy"
        elif last is not None or decision or status in AGAIN or status >= 500:
            kind = "broken"
        said = getattr(cause, "provider_message", None) or str(cause) or type(cause).__name__
        wait = float(getattr(decision, "retry_after", None) or 0.0) if kind != "denied" else 0.0
        return Trouble(kind, self._key.redact(said), wait, status)


def _status(error: BaseException) -> int:
    for one in _chain(error):
        for holder in (one, getattr(one, "response", None)):
            code = getattr(holder, "status_code", None)
            if type(code) is int:
                return code
    return 0


def _chain(error: BaseException) -> list[BaseException]:
    """The error and what caused it."""
    found: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in found:
        found.append(one)
        one = one.__cause__ or one.__context__
    return found


def _plain(words: str) -> str:
    """inspect_ai's messages to users, on one line and without their colours."""
    with contextlib.suppress(MarkupError):
        words = Text.from_markup(words).plain
    return " ".join(words.split()).removeprefix("ERROR: ")
