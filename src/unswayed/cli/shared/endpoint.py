"""Options of models behind an endpoint, for every command that asks one.

Such are ``openai:MODEL`` and ``inspect:PROVIDER/MODEL``. An option that no model of the command heeds is
refused: a budget that is taken and not kept to costs money.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from unswayed.backends.base import Backend
from unswayed.cli.shared import output
from unswayed.errors import BadInput

if TYPE_CHECKING:
    from unswayed.backends.openai import Price

_PANEL = "Models behind an endpoint (openai:MODEL, inspect:PROVIDER/MODEL)"
_REMOTE = ("openai:", "inspect:")
KEY_ENV = "OPENAI_API_KEY"

BaseUrl = Annotated[
    list[str] | None,
    typer.Option(
        help="address, ending in /v1; several: replicas of one model. Default: OPENAI_BASE_URL, or OpenAI's; "
        "inspect: its provider's",
        rich_help_panel=_PANEL,
    ),
]
KeyEnv = Annotated[
    str,
    typer.Option(help="environment variable that holds the key of openai:MODEL", rich_help_panel=_PANEL),
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


def is_remote(model: str) -> bool:
    """Whether MODEL is asked behind an endpoint."""
    return model.startswith(_REMOTE)


def check(models: Iterable[str], base_url: list[str] | None, key_env: str, **more: object) -> None:
    """Raise `BadInput` where an option is given that none of `models` heeds; `more`: options by name."""
    models = list(models)
    given = [name for name, value in {"base_url": base_url, **more}.items() if value]
    if given and not any(map(is_remote, models)):
        meant = f"; did you mean openai:{models[0]}?" if models and ":" not in models[0] else ""
        option = given[0].replace("_", "-")
        raise BadInput(f"--{option} is for models behind an endpoint (openai:MODEL, inspect:…){meant}")
    if key_env != KEY_ENV and not any(model.startswith("openai:") for model in models):
        raise BadInput("--key-env is for openai:MODEL; inspect_ai takes the key from its provider's variable")


def housed(models: Iterable[str]) -> list[str]:
    """Those that addresses are of: the ``openai:`` ones, or where there are none the ``inspect:`` ones."""
    models = list(models)
    found = ([model for model in models if model.startswith(kind)] for kind in _REMOTE)
    return next(filter(None, found), [])


def options(
    model: str,
    base_url: list[str] | None,
    key_env: str,
    concurrency: int,
    timeout: float,
    max_requests: int | None,
    token_budget: int | None,
    max_cost: float | None = None,
    price: Price | None = None,
    stream: bool = False,
) -> dict[str, Any]:
    """What `open_backend` takes for MODEL, which is behind an endpoint.

    Raises `BadInput` for replicas of a model that inspect_ai reaches. Of such a model the provider knows
    key and address itself.
    """
    if model.startswith("inspect:"):
        from unswayed.backends.inspect.package import load

        load(f"{model} needs")  # before what it is built on, whose extra it brings
        if base_url and len(base_url) > 1:
            raise BadInput("inspect_ai takes one --base-url; for replicas use openai:MODEL")
        where: dict[str, Any] = {"base_url": base_url[0] if base_url else None}
    else:
        urls = base_url or [os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"]
        where = {"base_urls": urls, "key_env": key_env}
    from unswayed.backends.openai import Budget

    return {
        **where,
        "concurrency": concurrency,
        "timeout": timeout,
        "budget": Budget(max_requests, token_budget, max_cost),
        "price": price,
        "stream": stream,
    }


def price_of(model: str, price: str | None, prices: Path | None) -> Price | None:
    """What MODEL's tokens cost, by one of the two options; None where neither is given."""
    if price is None and prices is None:
        return None
    from unswayed.backends.openai import prices as written

    if price is not None and prices is not None:
        raise BadInput("--price and --prices say the same thing; give one of them")
    return written.parse(price) if price is not None else written.read(prices or Path(), model)


def tell(*backends: Backend) -> None:
    """Print what endpoints were seen to do, and what was spent on them; nothing for other models."""
    for backend in backends:
        for note in getattr(backend, "facts", {}).get("seen", ()):
            output.err.print(f"[dim]endpoint[/] {escape(note)}", highlight=False)
    spends = {id(spend): spend for b in backends if (spend := getattr(b, "spend", None)) is not None}
    for spend in spends.values():
        output.err.print(f"[dim]spent[/] {spend}", highlight=False)
