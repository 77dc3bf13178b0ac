"""One question through inspect_ai's ``Model.generate``: a reply of the chat protocol, or a
`TransportFailure`.

inspect_ai asks once; whether to repeat is decided by `openai.client`, after the provider's own statement on
which failures may pass (``ModelAPI.should_retry``). A provider that changes a prefill on its way out is found
out here: the request that it logs must hold the prefill byte for byte.
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
from unswayed.backends.inspect.package import import_inspect_ai
from unswayed.backends.openai.credentials import ApiKey, without_environment_keys
from unswayed.backends.openai.responses import error_in
from unswayed.backends.openai.transport import (
    RETRYABLE_STATUSES,
    FailureKind,
    Transport,
    TransportFailure,
)
from unswayed.errors import BadInput

_CONNECTING = {"ConnectError", "ConnectTimeout", "ClientConnectorError", "ConnectionRefusedError"}
_calls: ContextVar[list[Any] | None] = ContextVar("raw_calls", default=None)


def open_model(spec: str, base_url: str | None, args: Mapping[str, Any]) -> Any:
    """inspect_ai's model of that name, for this event loop alone.

    Raises `BadInput` with its message where it knows no such provider, or lacks a key or a package.
    """
    get_model = import_inspect_ai(f"inspect:{spec} needs").model.get_model
    try:
        model = get_model(spec, base_url=base_url, memoize=False, **args)
    except Exception as error:  # inspect_ai's own, or anything that a provider's package raises
        message = str(getattr(error, "message", None) or error) or type(error).__name__
        raise BadInput(f"inspect:{spec}: {without_environment_keys(_plain(message))}") from error
    generate = model.api.generate

    async def observed(*args: Any, **kwargs: Any) -> Any:
        result, calls = await generate(*args, **kwargs), _calls.get()
        if calls is not None and isinstance(result, tuple):
            calls.append(result[1])
        return result

    # The provider's raw request and reply: `Model.generate` itself keeps them to its transcript.
    model.api.generate = observed
    return model


class InspectTransport(Transport):
    """Exchanges with whatever stands behind one model of inspect_ai."""

    def __init__(
        self, model: Any, key: ApiKey, *, timeout: float, connections: int, summarised: bool = False
    ) -> None:
        """`timeout`: seconds for one generation; `connections`: open at once; `summarised`: the thoughts
        that come back are summaries."""
        self._summarised = summarised
        self._model, self._key = model, key
        self._timeout, self._connections = timeout, connections

    async def close(self) -> None:
        await self._model.api.aclose()

    async def get(self, url: str) -> dict[str, Any] | TransportFailure:
        return TransportFailure("denied", "inspect_ai reaches nothing but the model")

    async def post(self, url: str, body: bytes, name: str = "") -> dict[str, Any] | TransportFailure:
        """The model's output as a chat reply, or why there is none; `name` is not passed on."""
        if not url.endswith("/chat/completions"):
            return await self.get(url)
        request = json.loads(body)
        if request.get("stream"):
            return TransportFailure("denied", "inspect_ai's replies come whole")
        try:
            # In a task, so that inspect_ai's record of the call ends with the call.
            work = asyncio.create_task(self._generate(request))
            output, call = await asyncio.wait_for(work, self._timeout)
        except TimeoutError:
            return TransportFailure("slow", f"no whole reply within {self._timeout:g} s")
        except Exception as error:  # a provider's package may raise anything
            return self._classify(error)
        prefill = translate.prefill(request)
        if call is not None and prefill and not translate.holds(call.request, prefill):
            return TransportFailure(
                "denied", "inspect_ai's provider changes the beginning of the assistant's turn"
            )
        if call is not None and call.error and output.choices and output.stop_reason != "content_filter":
            # inspect_ai makes some refusals of a provider (a text that is too long) look like generations.
            return TransportFailure("denied", self._key.redact(output.error or output.completion))
        raw = call.response if call is not None and not call.error else None
        if isinstance(raw, Mapping) and (reported := error_in(raw)) is not None:
            return self._reported(reported)
        chat = translate.reply(output.model_dump(), raw, summarised=self._summarised)
        scrubbed: dict[str, Any] = self._key.scrub(chat)
        return scrubbed

    async def _generate(self, request: Mapping[str, Any]) -> tuple[Any, Any]:
        """Output, and the provider's raw call (None where it does not keep it)."""
        m = import_inspect_ai("this model needs").model
        kinds = {
            "system": m.ChatMessageSystem,
            "user": m.ChatMessageUser,
            "assistant": m.ChatMessageAssistant,
        }
        messages = [
            kinds[fields["role"]](content=fields["content"]) for fields in translate.messages(request)
        ]
        config = m.GenerateConfig(
            **translate.settings(request), max_retries=0, max_connections=self._connections, cache=False
        )
        calls: list[Any] = []
        _calls.set(calls)
        output = await self._model.generate(messages, config=config)
        return output, calls[-1] if calls else None

    def _classify(self, error: Exception) -> TransportFailure:
        last = getattr(error, "last_attempt", None)  # tenacity: it might pass, and was tried once
        cause = last.exception() if last is not None else error
        decision = self._model.api.should_retry(cause)
        status = _status(cause)
        kind: FailureKind = "denied"
        if any(type(link).__name__ in _CONNECTING for link in _causes(cause)):
            kind = "unreachable"
        elif getattr(decision, "kind", "") == "rate_limit" or status == 429:
            kind = "busy"
        elif last is not None or decision or status in RETRYABLE_STATUSES or status >= 500:
            kind = "broken"
        message = getattr(cause, "provider_message", None) or str(cause) or type(cause).__name__
        wait = float(getattr(decision, "retry_after", None) or 0.0) if kind != "denied" else 0.0
        return TransportFailure(kind, self._key.redact(message), wait, status)


def _status(error: BaseException) -> int:
    for link in _causes(error):
        for holder in (link, getattr(link, "response", None)):
            code = getattr(holder, "status_code", None)
            if type(code) is int:
                return code
    return 0


def _causes(error: BaseException) -> list[BaseException]:
    """The error and what caused it."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or link.__context__
    return chain


def _plain(message: str) -> str:
    """inspect_ai's messages to users, on one line and without their colours."""
    with contextlib.suppress(MarkupError):
        message = Text.from_markup(message).plain
    return " ".join(message.split()).removeprefix("ERROR: ")
