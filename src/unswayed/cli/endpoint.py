"""Options of models behind an endpoint (``openai:MODEL``), for every command that asks one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from unswayed.backends.base import Backend
from unswayed.cli import show
from unswayed.errors import BadInput

if TYPE_CHECKING:
    from unswayed.backends.http import Price, Spend

_PANEL = "Models behind an endpoint (openai:MODEL)"

BaseUrl = Annotated[
    list[str] | None,
    typer.Option(
        help="address, ending in /v1; several: replicas of one model. Default: OPENAI_BASE_URL, or OpenAI's",
        rich_help_panel=_PANEL,
    ),
]
KeyEnv = Annotated[
    str,
    typer.Option(help="environment variable that holds the key, if one is needed", rich_help_panel=_PANEL),
]
Concurrency = Annotated[
    int,
    typer.Option(min=1, help="questions open at once; fewer where the server asks", rich_help_panel=_PANEL),
]
Timeout = Annotated[
    float,
    typer.Option(min=0.1, help="seconds for one reply; streamed: to its next event", rich_help_panel=_PANEL),
]
Stream = Annotated[
    bool,
    typer.Option("--stream", help="stream all replies, not only late ones", rich_help_panel=_PANEL),
]
MaxRequests = Annotated[
    int | None,
    typer.Option(min=1, help="stop, to be resumed, after so many requests", rich_help_panel=_PANEL),
]
TokenBudget = Annotated[
    int | None,
    typer.Option(min=1, help="stop, to be resumed, after so many tokens in and out", rich_help_panel=_PANEL),
]
PriceOf = Annotated[
    str | None,
    typer.Option("--price", help="of a million tokens: in=0.15,out=0.6", rich_help_panel=_PANEL),
]
Prices = Annotated[
    Path | None,
    typer.Option("--prices", help="a TOML file of such prices by model", rich_help_panel=_PANEL),
]
MaxCost = Annotated[
    float | None,
    typer.Option(help="stop, to be resumed, after so much money; needs a price", rich_help_panel=_PANEL),
]


def options(
    base_url: list[str] | None,
    key_env: str,
    concurrency: int,
    timeout: float,
    max_requests: int | None,
    token_budget: int | None,
    max_cost: float | None = None,
    price: Price | None = None,
    spend: Spend | None = None,
    stream: bool = False,
) -> dict[str, Any]:
    """What `open_backend` takes for such a model."""
    from unswayed.backends.http import Budget

    urls = base_url or [os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"]
    return {
        "base_urls": urls,
        "key_env": key_env,
        "concurrency": concurrency,
        "timeout": timeout,
        "budget": Budget(max_requests, token_budget, max_cost),
        "price": price,
        "spend": spend,
        "stream": stream,
    }


def through_inspect(options: dict[str, Any], base_url: list[str] | None) -> dict[str, Any]:
    """The same for a model that inspect_ai reaches: it knows keys and addresses of its providers itself."""
    if base_url and len(base_url) > 1:
        raise BadInput("inspect_ai takes one --base-url; for replicas use openai:MODEL")
    kept = {name: value for name, value in options.items() if name not in ("base_urls", "key_env")}
    return {**kept, "base_url": base_url[0] if base_url else None}


def price_of(model: str, price: str | None, prices: Path | None) -> Price | None:
    """What MODEL's tokens cost, by one of the two options; None where neither is given."""
    if price is None and prices is None:
        return None
    from unswayed.backends.http import prices as written

    if price is not None and prices is not None:
        raise BadInput("--price and --prices say the same thing; give one of them")
    return written.parse(price) if price is not None else written.read(prices or Path(), model)


def tell(*backends: Backend) -> None:
    """Print what endpoints were seen to do, and what was spent on them; nothing for other models."""
    for backend in backends:
        for note in getattr(backend, "facts", {}).get("seen", ()):
            show.err.print(f"[dim]endpoint[/] {escape(note)}", highlight=False)
    spends = {id(spend): spend for b in backends if (spend := getattr(b, "spend", None)) is not None}
    for spend in spends.values():
        show.err.print(f"[dim]spent[/] {spend}", highlight=False)
