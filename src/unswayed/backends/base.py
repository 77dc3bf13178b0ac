"""Who answers: the protocol between the engine and any model.

A backend turns requests into raw text and, where it can, into probabilities of option letters. It
does not parse, judge, retry or store. What it can do is probed and told, never assumed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

from unswayed.conditions import Prompt

Prefill = Literal["continues", "restarts", "rejected"]
Letters = Literal["exact", "top-k", "none"]
Finish = Literal["stop", "length", "refused", "error"]

STOP = ("</answer>",)


def first_stop(text: str, stop: Sequence[str]) -> int | None:
    """Where the stop string that is complete first ends in `text`; None without one."""
    found = [text.find(s) + len(s) for s in stop if s and s in text]
    return min(found, default=None)


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn. Every field is part of a trial's key."""

    temperature: float = 0.0
    """0: greedy."""
    top_p: float = 1.0
    max_tokens: int = 1024
    stop: tuple[str, ...] = STOP
    """The text ends with the first of these, which is kept in the text."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Request:
    """One thing to ask."""

    prompt: Prompt
    sampling: Sampling
    seed: int = 0
    """Seeds the draw of this one generation, independently of what else is in the batch."""
    schema: Mapping[str, Any] | None = field(default=None, hash=False)
    """A JSON schema that the text should obey. Backends that cannot hold a text to one pass over it."""


@dataclass(frozen=True)
class Generation:
    """What came back."""

    text: str
    """The continuation byte for byte, without the prefill."""
    finish: Finish
    prompt_tokens: int | None = None
    tokens: int | None = None
    seconds: float | None = None
    attempts: int = 1
    error: str | None = None
    """In words, where `finish` is `error`."""
    ids: tuple[int, ...] = ()
    """The tokens that were drawn, an end token included, where the backend knows them; no row has them."""


@dataclass(frozen=True)
class LetterScores:
    """Probability of each option letter as the next token."""

    p: tuple[float, ...]
    """P(letter), *not* normalised, summed over the spellings "A", " A", "(A" and " (A"."""
    error: str | None = None
    """Why there are none after all, in words; `p` is empty then."""

    @property
    def outside(self) -> float:
        """Probability mass on anything else."""
        return max(0.0, 1.0 - sum(self.p))


@dataclass(frozen=True)
class Capabilities:
    """What a model endpoint was seen to do."""

    prefill: Prefill
    letters: Letters
    images: bool = True
    seeded: bool = True
    closed: bool = True
    """A thought that the prefill opens and closes reaches the model; some templates drop it."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


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
