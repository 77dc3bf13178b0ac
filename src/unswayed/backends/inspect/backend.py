"""A model behind inspect_ai's model layer, as a `Backend`."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from unswayed.backends.inspect.translate import SUMMARISING
from unswayed.backends.inspect.transport import InspectTransport, open_model
from unswayed.backends.openai import EndpointOptions, OpenAIBackend
from unswayed.backends.openai.transport import Transport
from unswayed.errors import BadInput
from unswayed.model_io import Capabilities


class InspectBackend(OpenAIBackend):
    """PROVIDER/MODEL as inspect_ai names it, e.g. ``anthropic/claude-sonnet-4-5`` or ``vllm/ORG/NAME``.

    Keys come from the provider's own environment variables, not from `options.key_env`. The one address in
    `options.base_urls`, if any, and `model_args` go to inspect_ai's ``get_model``; all else is as in
    `OpenAIBackend`, the probe included. Raises `BadInput` for several addresses, or where inspect_ai cannot
    open the model, `MissingExtra` where it is not installed.
    """

    def __init__(
        self,
        spec: str,
        options: EndpointOptions = EndpointOptions(),  # noqa: B008 - frozen
        *,
        model_args: Mapping[str, Any] | None = None,
    ) -> None:
        self._provider, _, model = spec.partition("/")
        if not self._provider or not model:
            raise BadInput(f"inspect:{spec}: name provider and model, e.g. inspect:openai/gpt-4o")
        if len(options.base_urls) > 1:
            raise BadInput("inspect_ai takes one --base-url; for replicas use openai:MODEL")
        self._spec, self._args = spec, dict(model_args or {})
        self._base_url = next(iter(options.base_urls), None)
        self._opened: Any = open_model(spec, self._base_url, self._args)
        self._set_up(model, replace(options, key_env=_key_env(self._opened.api)))
        self._urls = (f"inspect:{spec}",)  # its name in errors and in the manifest

    @property
    def identity(self) -> str:
        return super().identity.replace("openai", f"inspect {self._provider}", 1)

    async def capabilities(self) -> Capabilities:
        """Probes the model, once."""
        capabilities = await super().capabilities()
        self.facts["inspect_ai"] = importlib.metadata.version("inspect_ai")
        return capabilities

    def _make_transport(self) -> Transport:
        # Clients of providers belong to one event loop.
        model = self._opened or open_model(self._spec, self._base_url, self._args)
        self._opened = None
        options = self._options
        return InspectTransport(
            model,
            self._key,
            timeout=options.timeout,
            connections=options.concurrency,
            summarised=self._provider in SUMMARISING,
        )


def _key_env(api: Any) -> str:
    """The environment variable that holds the provider's key; empty where none is set."""
    names = [name for name in getattr(api, "api_key_vars", None) or () if isinstance(name, str)]
    return next((name for name in names if os.environ.get(name)), "")
