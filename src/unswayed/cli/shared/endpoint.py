"""Options of models behind an endpoint (``openai:MODEL``, ``inspect:PROVIDER/MODEL``), for every command
that asks one.

An option that no model of the command heeds is refused: a budget that is accepted and ignored costs money.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from unswayed.backends.base import Backend, optional_parts
from unswayed.cli.shared import output
from unswayed.errors import BadInput

if TYPE_CHECKING:
    from unswayed.backends.openai import Price

_PANEL = "Models behind an endpoint (openai:MODEL, inspect:PROVIDER/MODEL)"
_REMOTE = ("openai:", "inspect:")
_KEY_ENV = "OPENAI_API_KEY"
_PACE = {"concurrency", "timeout", "patience"}
"""Options that do no harm where no model is remote; their defaults are not told from given values."""


def _option(help_text: str, *names: str, **more: Any) -> Any:
    return typer.Option(*names, help=help_text, rich_help_panel=_PANEL, **more)


@dataclass(frozen=True)
class EndpointArguments:
    """The options as the command line has them; an option group (`option_groups`)."""

    base_url: Annotated[
        list[str] | None,
        _option(
            "address, ending in /v1; several: replicas of one model (of several judges: one each, in order). "
            "Default: OPENAI_BASE_URL, or OpenAI's; inspect: its provider's"
        ),
    ] = None
    key_env: Annotated[str, _option("environment variable that holds the key of openai:MODEL")] = _KEY_ENV
    concurrency: Annotated[
        int, _option("questions open at once; fewer where the server is overloaded", min=1)
    ] = 64
    timeout: Annotated[float, _option("seconds for one reply; streamed: to its next event", min=0.1)] = 600.0
    patience: Annotated[
        float, _option("stop, to be resumed, after so many seconds of failures without an answer", min=0.1)
    ] = 300.0
    max_requests: Annotated[int | None, _option("stop, to be resumed, after so many requests", min=1)] = None
    token_budget: Annotated[
        int | None, _option("stop, to be resumed, after so many tokens in and out", min=1)
    ] = None
    price: Annotated[str | None, _option("per million tokens: in=0.15,out=0.6", "--price")] = None
    prices: Annotated[Path | None, _option("a TOML file of such prices by model", "--prices")] = None
    max_cost: Annotated[float | None, _option("stop, to be resumed, after so much money; needs a price")] = (
        None
    )
    stream: Annotated[bool, _option("stream all replies, not only late ones", "--stream")] = False
    assume: Annotated[
        str | None,
        _option(
            "take for given, whatever is probed: pictures, prefill, thought (commas between)", "--assume"
        ),
    ] = None
    reasoning_effort: Annotated[
        str | None, _option("how much a reasoning model thinks: none, minimal, low, medium, high, …")
    ] = None
    thinking_budget: Annotated[
        int | None, _option("tokens that a thought may have, by the field that the endpoint takes", min=1)
    ] = None
    extra_body: Annotated[
        str | None,
        _option(
            """JSON object added to every request: '{"chat_template_kwargs": {"enable_thinking": false}}'""",
            "--extra-body",
        ),
    ] = None

    def check(self, models: Iterable[str]) -> None:
        """Raise `BadInput` where an option is given that none of `models` heeds."""
        models = list(models)
        given = [f.name for f in fields(self) if f.name not in {*_PACE, "key_env"} and getattr(self, f.name)]
        if given and not any(map(is_remote, models)):
            hint = f"; did you mean openai:{models[0]}?" if models and ":" not in models[0] else ""
            option = given[0].replace("_", "-")
            raise BadInput(f"--{option} is for models behind an endpoint (openai:MODEL, inspect:…){hint}")
        if self.key_env != _KEY_ENV and not any(model.startswith("openai:") for model in models):
            raise BadInput(
                "--key-env is for openai:MODEL; inspect_ai takes the key from its provider's variable"
            )

    def options(self, model: str, base_urls: list[str] | None = None, **more: Any) -> dict[str, Any]:
        """What `open_backend` takes for MODEL: fields of `EndpointOptions`; none where it is not behind an
        endpoint.

        `base_urls` takes the place of `base_url`; `more` is added. Raises `BadInput` for values that cannot
        be.
        """
        if not is_remote(model):
            return {}
        if model.startswith("inspect:"):
            from unswayed.backends.inspect.package import import_inspect_ai

            import_inspect_ai(f"{model} needs")  # before aiohttp, which comes with the same extra
        from unswayed.backends.openai import Budget
        from unswayed.backends.openai.options import parse_extra_body

        urls = self.base_url if base_urls is None else base_urls
        if not urls and model.startswith("openai:"):
            urls = [os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"]
        return {
            "base_urls": urls or [],
            "key_env": self.key_env,
            "concurrency": self.concurrency,
            "timeout": self.timeout,
            "patience": self.patience,
            "budget": Budget(self.max_requests, self.token_budget, self.max_cost),
            "price": self.price_of(model.split(":", 1)[1]),
            "stream": self.stream,
            "assume": frozenset(filter(None, (self.assume or "").replace(" ", "").split(","))),
            "reasoning_effort": self.reasoning_effort or "",
            "thinking_budget": self.thinking_budget,
            "extra_body": parse_extra_body(self.extra_body) if self.extra_body else {},
            **more,
        }

    def price_of(self, model: str) -> Price | None:
        """What MODEL's tokens cost, by one of the two options; None where neither is given."""
        if self.price is None and self.prices is None:
            return None
        from unswayed.backends.openai import prices as price_files

        if self.price is not None and self.prices is not None:
            raise BadInput("--price and --prices state the same thing; give one of them")
        if self.price is not None:
            return price_files.parse(self.price)
        return price_files.read(self.prices or Path(), model)


def is_remote(model: str) -> bool:
    """Whether MODEL is behind an endpoint."""
    return model.startswith(_REMOTE)


def address_owners(models: Iterable[str]) -> list[str]:
    """The models that ``--base-url`` belongs to: the ``openai:`` ones, or without any the ``inspect:``
    ones."""
    models = list(models)
    by_kind = ([model for model in models if model.startswith(kind)] for kind in _REMOTE)
    return next(filter(None, by_kind), [])


def print_endpoint_notes(*backends: Backend) -> None:
    """Print what the probe found, and what was spent; nothing for other models."""
    parts = [optional_parts(backend) for backend in backends]
    for part in parts:
        for note in part.facts.get("seen", ()):
            output.err.print(f"[dim]endpoint[/] {escape(note)}", highlight=False)
    spends = {id(part.spend): part.spend for part in parts if part.spend is not None}
    for spend in spends.values():
        output.err.print(f"[dim]spent[/] {spend}", highlight=False)
