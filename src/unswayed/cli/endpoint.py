"""Options of models behind an endpoint (``openai:MODEL``), for every command that asks one."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer
from rich.markup import escape

from unswayed.backends.base import Backend
from unswayed.cli import show

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
Timeout = Annotated[float, typer.Option(min=0.1, help="seconds for one reply", rich_help_panel=_PANEL)]
MaxRequests = Annotated[
    int | None,
    typer.Option(min=1, help="stop, to be resumed, after so many requests", rich_help_panel=_PANEL),
]
TokenBudget = Annotated[
    int | None,
    typer.Option(min=1, help="stop, to be resumed, after so many tokens in and out", rich_help_panel=_PANEL),
]


def options(
    base_url: list[str] | None,
    key_env: str,
    concurrency: int,
    timeout: float,
    max_requests: int | None,
    token_budget: int | None,
) -> dict[str, Any]:
    """What `open_backend` takes for such a model."""
    from unswayed.backends.http import Budget

    urls = base_url or [os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"]
    return {
        "base_urls": urls,
        "key_env": key_env,
        "concurrency": concurrency,
        "timeout": timeout,
        "budget": Budget(max_requests, token_budget),
    }


def tell(backend: Backend) -> None:
    """Print what an endpoint was seen to do, and what was spent on it; nothing for other models."""
    for note in getattr(backend, "facts", {}).get("seen", ()):
        show.err.print(f"[dim]endpoint[/] {escape(note)}", highlight=False)
    spend = getattr(backend, "spend", None)
    if spend is not None:
        show.err.print(f"[dim]spent[/] {spend}", highlight=False)
