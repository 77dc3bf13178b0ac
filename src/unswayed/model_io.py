"""The values that pass between the pipeline and a model: sampling settings, requests, generations, letter
probabilities and capabilities. Frozen dataclasses without behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from unswayed.conditions import Prompt
from unswayed.formats import COMMON

Prefill = Literal["continues", "altered", "restarts", "rejected"]
"""`altered`: it is continued, but the chat template of the server changes it, or what precedes it."""
Visibility = Literal["visible", "summary", "hidden"]
"""What of a thought is returned: its text, a summary by the provider, or nothing."""
Letters = Literal["exact", "top-k", "none"]
Finish = Literal["stop", "length", "refused", "error"]

STOP = COMMON.stop
STOP_RULE = "after the thought"
"""Where a stop string counts. Runs without this entry were made when it also counted inside the thought."""


@dataclass(frozen=True)
class Sampling:
    """How tokens are sampled. Every field is part of a trial's key."""

    temperature: float = 0.0
    """0: greedy."""
    top_p: float = 1.0
    max_tokens: int = 1024
    stop: tuple[str, ...] = STOP
    """The text ends behind the first of these that follows the closed thought (`answers.stopping`); the stop
    string is kept. Empty: the model ends the text."""

    def as_dict(self) -> dict[str, Any]:
        """For manifests and keys. Names the rule by which stop strings count, where there are any."""
        return asdict(self) | ({"stop_rule": STOP_RULE} if self.stop else {})


@dataclass(frozen=True)
class Request:
    """One generation to ask for."""

    prompt: Prompt
    sampling: Sampling
    seed: int = 0
    """Seeds the sampling of this generation, whatever else is in the batch."""
    schema: Mapping[str, Any] | None = field(default=None, hash=False)
    """A JSON schema that the text should obey. Backends without constrained decoding ignore it."""


@dataclass(frozen=True)
class Generation:
    """What a model generated for one request."""

    text: str
    """The continuation byte for byte, without the prefill."""
    finish: Finish
    prompt_tokens: int | None = None
    tokens: int | None = None
    seconds: float | None = None
    attempts: int = 1
    error: str | None = None
    """The reason, where `finish` is `error`."""
    ids: tuple[int, ...] = ()
    """Ids of the generated tokens, the end token included, where the backend knows them. Not stored."""
    visibility: Visibility = "visible"
    """What of the model's thought stands in `text`."""
    reasoning_tokens: int | None = None
    """How many of `tokens` are the thought, as counted by the server; None where it does not."""
    first_turn: str = ""
    """The text of the model's first turn, where the prompt has two."""


@dataclass(frozen=True)
class LetterScores:
    """Probability of each option letter as the next token."""

    p: tuple[float, ...]
    """P(letter), *not* normalised, summed over the spellings "A", " A", "(A" and " (A"."""
    error: str | None = None
    """Why there are none; `p` is empty then."""

    @property
    def outside(self) -> float:
        """Probability mass on anything else."""
        return max(0.0, 1.0 - sum(self.p))


@dataclass(frozen=True)
class Capabilities:
    """What a model can do, as probed."""

    prefill: Prefill
    letters: Letters
    images: bool = True
    seeded: bool = True
    closed: bool = True
    """A thought that the prefill opens and closes reaches the model; some templates drop it."""
    assumed: tuple[str, ...] = ()
    """Names of capabilities that the user asserted (`--assume`); what the probe found about them was
    ignored."""
    thought: Visibility = "visible"
    """What of its thoughts the model returned when it was probed."""
    refused: tuple[str, ...] = ()
    """Sampling fields that the endpoint refuses and that are not sent: its own values hold."""
    turns: bool = False
    """Takes a second user turn behind its own first answer."""
    altered: str = ""
    """Where `prefill` is ``altered``: how, and the remedy."""

    @property
    def prefill_problem(self) -> str:
        """What the model does with a prefill instead of continuing it; empty where it continues it."""
        return {
            "continues": "",
            "altered": f"the server alters a prefill: {self.altered}",
            "restarts": "the model restarts after a prefill",
            "rejected": "the model rejects a prefill",
        }[self.prefill]

    def as_dict(self) -> dict[str, Any]:
        """For manifests. Later fields stand there only where they differ from their defaults."""
        fields = asdict(self)
        for name in ("assumed", "thought", "refused", "turns", "altered"):
            if fields[name] == getattr(Capabilities, name):
                del fields[name]
        return fields
