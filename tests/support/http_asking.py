"""Backends on the tests' chat servers, and audits by them."""

from __future__ import annotations

import asyncio
from typing import Any

from chat_models import HashModel
from chat_server import ChatServer, ServerBehaviour
from synthetic import cues, questions
from unswayed.backends.openai import EndpointOptions, OpenAIBackend
from unswayed.conditions import Prompt
from unswayed.model_io import (
    Capabilities,
    Generation,
    Request,
)
from unswayed.pipeline.audit import Run, audit
from unswayed.retry import Retry

QUICK = Retry(attempts=4, initial_pause=0.002, max_pause=0.01)


CHOICES = "What?\nSelect from the following choices:\n(A) red\n(B) green\n(C) blue"


def prompt(prefill: str = "", text: str = CHOICES, images: tuple[bytes, ...] = ()) -> Prompt:
    return Prompt("system", text, prefill, images, ("red", "green", "blue"))


def backend(*servers: ChatServer, **options: Any) -> OpenAIBackend:
    options = {"retry": QUICK, "patience": 5.0, "key_env": "UNSWAYED_TEST_KEY", "concurrency": 16, **options}
    return OpenAIBackend(ChatServer.MODEL, EndpointOptions([server.url for server in servers], **options))


def with_backend(made: OpenAIBackend, work: Any) -> Any:
    async def go() -> Any:
        try:
            return await work(made)
        finally:
            await made.close()

    return asyncio.run(go())


def probed(behaviour: ServerBehaviour) -> tuple[Capabilities, OpenAIBackend]:
    with ChatServer(HashModel(), behaviour) as server:
        made = backend(server)
        return with_backend(made, lambda b: b.capabilities()), made


def generate(made: OpenAIBackend, *requests: Request) -> list[Generation]:
    result = with_backend(made, lambda b: b.generate(requests))
    assert isinstance(result, list)
    return result


def run(made: OpenAIBackend, n: int, conditions: list[str], **options: Any) -> Run:
    result = with_backend(made, lambda b: audit(b, questions(n), conditions, cues=cues, **options))
    assert isinstance(result, Run)
    return result
