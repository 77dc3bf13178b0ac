"""What may be spent on an endpoint, and what was."""

from __future__ import annotations

from dataclasses import dataclass

from unswayed.errors import BadInput


@dataclass
class Spend:
    """What was sent, and what came back; grows while a backend is used."""

    requests: int = 0
    """Every request that reached a server and may be billed, repeated ones and the probe's included."""
    repeated: int = 0
    """How many of these were repeated after a failure."""
    prompt_tokens: int = 0
    tokens: int = 0
    """Generated; both as the server counts them (where it does not: four characters each)."""

    def __str__(self) -> str:
        return (
            f"{self.requests:,} requests ({self.repeated:,} of them repeated), "
            f"{self.prompt_tokens:,} tokens in, {self.tokens:,} out"
        )


@dataclass(frozen=True)
class Budget:
    """Limits of one process's spend; None: no limit.

    Checked before every generation is sent. What is open then is let come to its end, and letters of
    answers already paid for are still measured; so the spend may end that little above.
    """

    requests: int | None = None
    tokens: int | None = None
    """Prompt and generated tokens together."""

    def __post_init__(self) -> None:
        for name, value in (("--max-requests", self.requests), ("--token-budget", self.tokens)):
            if value is not None and value < 1:
                raise BadInput(f"{name} is {value}; give 1 or more")

    def reached(self, spend: Spend) -> str | None:
        """Why no more may be asked, in words; None while it may."""
        used = spend.prompt_tokens + spend.tokens
        if self.requests is not None and spend.requests >= self.requests:
            what = f"the budget of {self.requests:,} requests"
        elif self.tokens is not None and used >= self.tokens:
            what = f"the budget of {self.tokens:,} tokens"
        else:
            return None
        return (
            f"{what} is spent ({spend}); what was answered is kept, and the same command goes on from there"
        )
