"""Which model the replicas say they serve: the server's own identifier of its weights, equal for all of
them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unswayed.backends.openai.client import EndpointClient
from unswayed.errors import BadInput

_FIELDS = ("root", "parent", "max_model_len", "owned_by")
"""What vLLM and others say of a model; nothing that changes when a server is restarted."""


async def identify(
    client: EndpointClient, urls: tuple[str, ...], model: str, redact: Callable[[str], str]
) -> tuple[str, list[dict[str, Any]]]:
    """The revision (empty where no server states one), and what each server says of the model.

    `redact` makes a server's words fit to be stored and shown. Servers are asked once each: some have no such
    list, and fail instead of saying so. Raises `BadInput` where two replicas state different weights.
    """
    served = []
    for url in urls:
        listing = await client.fetch_json(url, "models", None, attempts=1)
        entries = listing.get("data") if listing else None
        matching = (
            [entry for entry in entries if isinstance(entry, dict) and entry.get("id") == model]
            if isinstance(entries, list)
            else []
        )
        entry = matching[0] if matching else {}
        info = {name: entry[name] for name in _FIELDS if isinstance(entry.get(name), (str, int))}
        version = await client.fetch_json(url, "/version", None, attempts=1)
        if version and isinstance(version.get("version"), str):
            info["version"] = version["version"][:80]
        info = {name: redact(value) if isinstance(value, str) else value for name, value in info.items()}
        served.append({"url": url, **info})
    roots = {str(info["root"]) for info in served if "root" in info}
    if len(roots) > 1:
        raise BadInput(
            f"the addresses serve different weights ({', '.join(sorted(roots))}); give replicas of one model"
        )
    root = roots.pop() if roots else ""
    return "" if root == model else root, served
