"""The values that pass between the pipeline and a model: sampling settings, requests, generations, letter
probabilities, and what a model endpoint was seen to do. Frozen dataclasses without behaviour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

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
