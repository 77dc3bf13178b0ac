"""How a model behind an endpoint is asked: every setting of `OpenAIBackend` and `InspectBackend`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from unswayed.backends.openai.budget import Budget, Spend
from unswayed.backends.openai.prices import Price
from unswayed.errors import BadInput
from unswayed.retry import Retry

ASSUMABLE = ("pictures", "prefill", "thought")
"""Capabilities that `assume` may name; ``thought``: what stands as the thought is the model's whole
thought."""
_OURS = frozenset(
    {"model", "messages", "max_tokens", "max_completion_tokens", "temperature", "top_p", "seed"}
)
_OURS |= {"stop", "n", "stream", "stream_options", "logprobs", "top_logprobs", "logprob_token_ids"}
_OURS |= {"add_generation_prompt", "continue_final_message", "response_format", "structured_outputs"}
"""Fields of a request that the audit decides itself."""
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

    extra_body: Mapping[str, Any] = field(default_factory=dict)
    """Fields added to every request, e.g. ``{"chat_template_kwargs": {"enable_thinking": False}}``."""
    reasoning_effort: str = ""
    """How much a reasoning model shall think, in the provider's words; empty: not sent."""
    thinking_budget: int | None = None
    """Tokens that a thought may have; the probe finds the field by which the endpoint takes it."""

    @property
    def extra(self) -> dict[str, Any]:
        """The fields added to every request. Together with the budget they belong to the trials' keys."""
        effort = {"reasoning_effort": self.reasoning_effort} if self.reasoning_effort else {}
        return {**self.extra_body, **effort}

    def __post_init__(self) -> None:
        if self.concurrency < 1:
            raise BadInput(f"--concurrency is {self.concurrency}; give 1 or more")
        if self.budget.cost is not None and self.price is None:
            raise BadInput("--max-cost needs to know what tokens cost; give --price in=…,out=… or --prices")
        if unknown := sorted(set(self.assume) - set(ASSUMABLE)):
            raise BadInput(f"--assume has {unknown[0]!r}; give {' or '.join(ASSUMABLE)}, with commas between")
        if ours := sorted(_OURS & set(self.extra_body)):
            raise BadInput(f"--extra-body has {ours[0]!r}, which the audit sets itself; leave it out")
        if self.reasoning_effort and "reasoning_effort" in self.extra_body:
            raise BadInput("--reasoning-effort and --extra-body both set reasoning_effort; give one of them")
        if self.thinking_budget is not None and self.thinking_budget < 1:
            raise BadInput(f"--thinking-budget is {self.thinking_budget}; give 1 token or more")


def parse_extra_body(text: str) -> dict[str, Any]:
    """The JSON object of ``--extra-body``. Raises `BadInput` for anything else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(
            f"--extra-body is not JSON ({error}); "
            """give an object, e.g. '{"chat_template_kwargs": {"enable_thinking": false}}'"""
        ) from None
    if not isinstance(value, dict):
        raise BadInput("--extra-body is no JSON object; give one, e.g. '{\"enable_thinking\": false}'")
    return value
