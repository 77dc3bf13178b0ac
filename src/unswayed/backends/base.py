"""The protocol between the pipeline and any model.

A backend turns requests into raw text and, where it can, into probabilities of option letters. It does not
parse, judge or store. Its capabilities are probed and recorded, never assumed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from unswayed.conditions import Prompt
from unswayed.formats import Format
from unswayed.model_io import Capabilities, Generation, LetterScores, Request

OnBatch = Callable[[Mapping[int, Generation]], None]
"""Receives finished generations by the index of their request, in the thread of the event loop."""


class Backend(Protocol):
    """Any object with these attributes and four methods; `BackendBase` has defaults for most of them.

    ``generate`` and ``score_letters`` take up to ``chunk`` items and return one result each, in
    order. A failure of one item is a `Generation` with ``finish="error"``; only a failure that
    concerns all of them is raised, as `BackendError`.

    >>> class AlwaysA:
    ...     name, revision, chunk, concurrency = "always-a", "1", 8, 1
    ...     async def capabilities(self): return Capabilities("continues", "none")
    ...     async def generate(self, requests):
    ...         return [Generation("<think>.</think><answer>(A)</answer>", "stop") for _ in requests]
    ...     async def score_letters(self, prompts): return [None for _ in prompts]
    ...     async def close(self): pass
    """

    name: str
    revision: str
    """Which weights: a commit, a file hash, a server's own identifier; empty if unknown."""
    chunk: int
    """Number of requests per call (an in-process model batches them)."""
    concurrency: int
    """Number of calls that may be open at once."""

    async def capabilities(self) -> Capabilities: ...

    async def generate(self, requests: Sequence[Request]) -> list[Generation]: ...

    async def score_letters(self, prompts: Sequence[Prompt]) -> list[LetterScores | None]:
        """Letter probabilities right after each prompt's prefill, which ends in the opened answer tag."""
        ...

    async def close(self) -> None: ...


class BackendBase:
    """Defaults for the optional parts of a backend; a subclass adds `name`, `capabilities` and `generate`."""

    revision: str = ""
    chunk: int = 1
    concurrency: int = 1
    constrains: bool = False
    """Whether generations are held to the schema of their request."""
    facts: Mapping[str, Any] = {}
    """What the probe found; fit for JSON. Stored in the manifest's entry of the session."""
    spend: Any = None
    """What was sent and received so far (`backends.openai.Spend`), where requests cost money."""

    chat_template: str = ""
    """The model's chat template, where it is known; a model's native format is found with it."""

    def check_format(self, format: Format) -> None:
        """Raises `BadInput` where the model's chat template does not fit a prompt format."""

    @property
    def identity(self) -> str:
        """What decides the answers besides model, revision and sampling: precision, chat template, dialect.

        Part of every trial's key.
        """
        return type(self).__name__

    async def score_letters(self, prompts: Sequence[Prompt]) -> list[LetterScores | None]:
        return [None for _ in prompts]

    async def close(self) -> None:
        pass


@dataclass(frozen=True)
class OptionalParts:
    """The optional attributes of one backend; see `BackendBase` for their meaning."""

    identity: str
    constrains: bool
    facts: Mapping[str, Any]
    spend: Any
    generate_in_batches: Callable[[Sequence[Request], OnBatch], Awaitable[list[Generation]]] | None
    """As `generate`, but hands over every batch as soon as it is finished; None: the backend has none."""
    chat_template: str
    check_format: Callable[[Format], None]


def optional_parts(backend: Backend) -> OptionalParts:
    """The optional attributes of a backend, with the defaults of `BackendBase` for those that it lacks.

    The only place that looks for attributes which the protocol does not require.
    """
    return OptionalParts(
        str(getattr(backend, "identity", type(backend).__name__)),
        bool(getattr(backend, "constrains", BackendBase.constrains)),
        getattr(backend, "facts", BackendBase.facts),
        getattr(backend, "spend", BackendBase.spend),
        getattr(backend, "generate_in_batches", None),
        str(getattr(backend, "chat_template", BackendBase.chat_template)),
        getattr(backend, "check_format", lambda format: None),
    )
