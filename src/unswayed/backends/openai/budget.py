"""What may be spent on an endpoint, and what was spent."""

from __future__ import annotations

from dataclasses import dataclass

from unswayed.backends.openai.prices import Price
from unswayed.errors import BadInput


@dataclass
class Spend:
    """Requests and tokens so far; grows while the backends that share it are used."""

    requests: int = 0
    """Every request that reached a server and may be billed, repeated ones and the probe's included."""
    repeated: int = 0
    """How many of these were repeated after a failure."""
    prompt_tokens: int = 0
    tokens: int = 0
    """Generated; both as counted by the server. What it bills for replies that never arrived is not known."""
    counted: int = 0
    uncounted: int = 0
    """Replies with and without token counts. One without counts as the mean of those with."""
    cost: float = 0.0
    """What these tokens cost, where their price is known."""
    currency: str = ""
    """Of `cost`; empty where no price is known."""

    def add(self, prompt_tokens: int | None, tokens: int | None, price: Price | None) -> None:
        """Count one reply; None for what the server did not count."""
        known = prompt_tokens is not None and tokens is not None
        replies = max(1, self.counted)
        new_prompt = self.prompt_tokens // replies if prompt_tokens is None else prompt_tokens
        new_tokens = self.tokens // replies if tokens is None else tokens
        if known:
            self.counted += 1
        else:
            self.uncounted += 1
        self.prompt_tokens += new_prompt
        self.tokens += new_tokens
        if price is not None:
            self.cost += price.of(new_prompt, new_tokens)
            self.currency = price.currency

    def __str__(self) -> str:
        text = (
            f"{self.requests:,} requests ({self.repeated:,} of them repeated), "
            f"{self.prompt_tokens:,} tokens in, {self.tokens:,} out"
        )
        if self.uncounted:
            text += f" ({self.uncounted:,} replies came without a count)"
        return f"{text}, {self.currency} {self.cost:,.4f}" if self.currency else text


@dataclass(frozen=True)
class Budget:
    """Limits of one process's spend; None: no limit.

    Checked before every generation is sent. Open requests are let finish, and letters of answers that are
    already paid for are still measured, so the spend may end slightly above the limit.
    """

    requests: int | None = None
    tokens: int | None = None
    """Prompt and generated tokens together."""
    cost: float | None = None
    """In the currency of the prices, which it needs."""

    def __post_init__(self) -> None:
        for name, value in (("--max-requests", self.requests), ("--token-budget", self.tokens)):
            if value is not None and value < 1:
                raise BadInput(f"{name} is {value}; give 1 or more")
        if self.cost is not None and not 0 < self.cost < float("inf"):
            raise BadInput(f"--max-cost is {self.cost}; give a sum of money above 0")

    @property
    def counts_tokens(self) -> bool:
        """Whether it needs a server that counts tokens."""
        return self.tokens is not None or self.cost is not None

    def reached(self, spend: Spend) -> str | None:
        """Why no more may be asked; None while it may."""
        used = spend.prompt_tokens + spend.tokens
        if self.requests is not None and spend.requests >= self.requests:
            limit = f"the budget of {self.requests:,} requests"
        elif self.tokens is not None and used >= self.tokens:
            limit = f"the budget of {self.tokens:,} tokens"
        elif self.cost is not None and spend.cost >= self.cost:
            limit = f"the budget of {spend.currency} {self.cost:,g}"
        elif self.counts_tokens and spend.uncounted and not spend.counted:
            return (
                "the server does not count tokens, so a budget of tokens or money cannot be kept; "
                "give --max-requests instead"
            )
        else:
            return None
        return f"{limit} is spent ({spend}); what was answered is stored; the same command continues there"
