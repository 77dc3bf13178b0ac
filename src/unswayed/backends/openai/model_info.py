"""Which model the replicas say they serve: its weights in the server's own words, and that all agree."""

from __future__ import annotations

from typing import Any

from unswayed.backends.openai.client import Caller
from unswayed.errors import BadInput

_SHOWN = ("root", "parent", "max_model_len", "owned_by")
"""What vLLM and others say of a model; nothing that changes when a server is started again."""


async def who(caller: Caller, urls: tuple[str, ...], model: str) -> tuple[str, list[dict[str, Any]]]:
    """The revision (empty where no server says), and what each server says of itself.

    Servers are asked once each: some have no such list, and fail at it instead of saying so.
    Raises `BadInput` where two replicas say that they serve different weights.
    """
    served = []
    for url in urls:
        listed = await caller.aside(url, "models", None, attempts=1)
        entries = listed.get("data") if listed else None
        entry = next(
            (e for e in entries if isinstance(e, dict) and e.get("id") == model)
            if isinstance(entries, list)
            else iter(()),
            {},
        )
        found = {name: entry[name] for name in _SHOWN if isinstance(entry.get(name), (str, int))}
        version = await caller.aside(url, "/version", None, attempts=1)
        if version and isinstance(version.get("version"), str):
            found["version"] = version["version"][:80]
        served.append({"url": url, **found})
    roots = {str(one["root"]) for one in served if "root" in one}
    if len(roots) > 1:
        raise BadInput(
            f"the addresses serve different weights ({', '.join(sorted(roots))}); give replicas of one model"
        )
    root = roots.pop() if roots else ""
    return "" if root == model else root, served
