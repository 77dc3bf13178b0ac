"""Small requests of the probe, and what is read from their replies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from unswayed.backends.openai.client import EndpointClient, Failure, Success
from unswayed.backends.openai.requests import Dialect, RequestBuilder
from unswayed.backends.openai.responses import first_choice, read_uncut, usage
from unswayed.conditions import SYSTEM, Prompt
from unswayed.model_io import Generation, Sampling

T = TypeVar("T")
TEXT = "Which of these is a colour?\nSelect from the following choices:\n(A) red\n(B) seven"
LENGTH = 24
"""Tokens of the text that is put back as prefill."""
ROOM = 2048
"""Tokens that every request gets where the model spends some on a thought that it does not show."""


@dataclass
class Asker:
    """Asks one endpoint."""

    client: EndpointClient
    builder: RequestBuilder
    notes: list[str] = field(default_factory=list)
    """The findings in words, one each."""
    room: int = 0
    """The least `max_tokens` of a request."""

    async def reply(
        self,
        dialect: Dialect,
        prefill: str = "",
        *,
        stop: tuple[str, ...] = (),
        seed: int = 0,
        temperature: float = 0.0,
        tokens: int = LENGTH,
        attempts: int | None = None,
    ) -> Generation | Failure:
        """A short generation."""
        sampling = Sampling(temperature, 1.0, max(tokens, self.room), stop)
        body = self.builder.generation(dialect, plain_prompt(prefill), sampling, seed)

        def read(reply: dict[str, Any]) -> Generation:
            return read_uncut(reply, stop, prefill, echo=dialect.echo)

        outcome = await self.client.complete(body, read, probing=True, attempts=attempts)
        return outcome.value if isinstance(outcome, Success) else outcome

    async def text(self, dialect: Dialect, prefill: str = "", **how: Any) -> str | Failure:
        """The text of a short generation."""
        outcome = await self.reply(dialect, prefill, **how)
        return outcome if isinstance(outcome, Failure) else outcome.text

    async def tokens(self, dialect: Dialect, prefill: str) -> int | Failure:
        """Tokens of a prompt, 0 where the server does not count; or why it does not take the prompt."""
        return await self.ask(dialect, plain_prompt(prefill), counted)

    async def count(self, dialect: Dialect, prefill: str) -> int | None:
        """The same; None where there is no number."""
        tokens = await self.tokens(dialect, prefill)
        return None if isinstance(tokens, Failure) else tokens or None

    async def ask(
        self,
        dialect: Dialect,
        prompt: Prompt,
        read: Callable[[dict[str, Any]], T],
        fields: Mapping[str, Any] | None = None,
    ) -> T | Failure:
        """What `read` finds in the reply to the shortest request, with `fields` added."""
        sampling = Sampling(max_tokens=max(1, self.room), stop=())
        body = self.builder.generation(dialect, prompt, sampling, 0, more=fields)
        outcome = await self.client.complete(body, read, probing=True)
        return outcome.value if isinstance(outcome, Success) else outcome


def plain_prompt(prefill: str = "") -> Prompt:
    """The probe's question."""
    return Prompt(SYSTEM, TEXT, prefill, (), ())


def counted(reply: dict[str, Any]) -> int:
    """Tokens of the prompt; 0 where the server does not count."""
    first_choice(reply)
    return usage(reply)[0] or 0
