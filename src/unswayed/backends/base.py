"""Who answers: the protocol between the engine and any model.

A backend turns requests into raw text and, where it can, into probabilities of option letters. It
does not parse, judge, retry or store. What it can do is probed and told, never assumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from unswayed.conditions import Prompt
from unswayed.model_io import Capabilities, Generation, LetterScores, Request


class Backend(Protocol):
    """Anything that answers.

    ``generate`` and ``score_letters`` take up to ``chunk`` items and return one result each, in
    order. A failure of one item is a `Generation` with ``finish="error"``; only a failure that
    concerns all of them is raised, as `BackendError`.

    >>> class Yes:
    ...     name, revision, chunk, concurrency = "yes", "1", 8, 1
    ...     async def capabilities(self): return Capabilities("continues", "none")
    ...     async def generate(self, requests):
    ...         return [Generation("<think>.</think><answer>(A)</answer>", "stop") for _ in requests]
    ...     async def score_letters(self, prompts): return [None for _ in prompts]
    ...     async def close(self): pass
    """

    name: str
    revision: str
    """Which weights: a commit, a file hash, a server's own word; empty if unknown."""
    chunk: int
    """How many requests it likes to get at once (an in-process model batches them)."""
    concurrency: int
    """How many calls may be open at once."""
    # May also have `identity` (what else decides its answers, see `keys`), `facts` (what it was seen to
    # be, fit for JSON, for the manifest's entry of the session) and `constrains` (whether it holds texts
    # to a request's schema).

    async def capabilities(self) -> Capabilities: ...

    async def generate(self, requests: Sequence[Request]) -> list[Generation]: ...

    async def score_letters(self, prompts: Sequence[Prompt]) -> list[LetterScores | None]:
        """Letter probabilities right after each prompt's prefill, which ends in the opened answer tag."""
        ...

    async def close(self) -> None: ...
