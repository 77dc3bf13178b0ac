"""How a model behind an endpoint is asked: every setting of `OpenAIBackend` and `InspectBackend`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unswayed.backends.openai.budget import Budget, Spend
from unswayed.backends.openai.prices import Price
from unswayed.errors import BadInput
from unswayed.retry import Retry

ASSUMABLE = ("pictures", "prefill")
"""Capabilities that `assume` may name."""
RETRY = Retry(attempts=8, initial_pause=0.5, max_pause=60.0)


@dataclass(frozen=True)
class EndpointOptions:
    """Where a model is served, how patiently it is asked, and what may be spent.

    Raises `BadInput` for values that cannot be.
    """

    base_urls: Sequence[str] = ()
    """Replicas of one model, each ending in ``/v1``. Models that inspect_ai reaches take none, or one."""
    key_env: str = "OPENAI_API_KEY"
    """Environment variable that holds the API key, if it is set."""
    concurrency: int = 64
    """Questions open at once, over all replicas."""
    timeout: float = 600.0
    """Seconds for one exchange; streamed: to its next event."""
    connect: float = 10.0
    """Seconds for its connection."""
    patience: float = 300.0
    """Seconds of failures, without one answer, after which the run ends; it can be resumed."""
    retry: Retry = RETRY
    max_initial_refusals: int = 8
    """So many refusals, without one answer, end the run, too."""
    max_reply_bytes: int = 16 << 20
    budget: Budget = Budget()  # noqa: RUF009 - frozen
    price: Price | None = None
    """What tokens cost; makes `spend` show money, and a budget of money possible."""
    spend: Spend | None = None
    """Counts requests and tokens. Several backends may share one, and with it a budget."""
    stream: bool = False
    """Stream every reply where the endpoint can; otherwise only those that did not come whole in time."""
    schemas: bool = False
    """Probe whether replies can be held to a JSON schema, and do so."""
    assume: frozenset[str] = frozenset()
    """Capabilities (`ASSUMABLE`) that are taken for given, whatever the probe finds."""

    def __post_init__(self) -> None:
        if self.concurrency < 1:
            raise BadInput(f"--concurrency is {self.concurrency}; give 1 or more")
        if self.budget.cost is not None and self.price is None:
            raise BadInput("--max-cost needs to know what tokens cost; give --price in=…,out=… or --prices")
        if unknown := sorted(set(self.assume) - set(ASSUMABLE)):
            raise BadInput(f"--assume has {unknown[0]!r}; give {' or '.join(ASSUMABLE)}, with commas between")
