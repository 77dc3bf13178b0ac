"""A model behind inspect_ai's model layer, as a `Backend`."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Mapping
from typing import Any

from unswayed.backends.inspect.transport import InspectTransport, open_model
from unswayed.backends.openai import OpenAIBackend
from unswayed.backends.openai.transport import Transport
from unswayed.errors import BadInput
from unswayed.model_io import Capabilities

_PLACE = "http://inspect.invalid/v1"  # an address that nothing is sent to


class InspectBackend(OpenAIBackend):
    """PROVIDER/MODEL as inspect_ai names it, e.g. ``anthropic/claude-sonnet-4-5`` or ``vllm/ORG/NAME``.

    Keys come from the provider's own environment variables. `base_url` and `model_args` go to inspect_ai's
    ``get_model``; all else is as in `OpenAIBackend`, the probe included. Raises `BadInput` where inspect_ai
    cannot open the model, `MissingExtra` where it is not installed.
    """

    def __init__(
        self,
        spec: str,
        *,
        base_url: str | None = None,
        model_args: Mapping[str, Any] | None = None,
        **how: Any,
    ) -> None:
        self._provider, _, model = spec.partition("/")
        if not self._provider or not model:
            raise BadInput(f"inspect:{spec}: name provider and model, e.g. inspect:openai/gpt-4o")
        self._spec, self._base_url, self._args = spec, base_url, dict(model_args or {})
        self._opened: Any = open_model(spec, base_url, self._args)
        super().__init__(model, [_PLACE], key_env=_key_env(self._opened.api), **how)
        self._urls = (f"inspect:{spec}",)  # what errors and the manifest call it

    @property
    def identity(self) -> str:
        return super().identity.replace("openai", f"inspect {self._provider}", 1)

    async def capabilities(self) -> Capabilities:
        """Probes the model, once."""
        found = await super().capabilities()
        self.facts["inspect_ai"] = importlib.metadata.version("inspect_ai")
        return found

    def _link(self) -> Transport:
        # Clients of providers belong to one event loop.
        model = self._opened or open_model(self._spec, self._base_url, self._args)
        self._opened = None
        return InspectTransport(model, self._key, timeout=self._timeout, connections=self.concurrency)


def _key_env(api: Any) -> str:
    """The environment variable that holds the provider's key; empty where none is set."""
    names = [name for name in getattr(api, "api_key_vars", None) or () if isinstance(name, str)]
    return next((name for name in names if os.environ.get(name)), "")
