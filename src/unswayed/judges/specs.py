"""Judges by the names that users write: ``rules``, ``llm:MODEL``, ``planted:wrong=0.1``, or a preset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unswayed.backends import open_backend
from unswayed.backends.base import Backend
from unswayed.errors import BadInput
from unswayed.judges import noisy
from unswayed.judges.base import Judge
from unswayed.judges.llm import LLMJudge
from unswayed.judges.panel import PANEL_PRESETS
from unswayed.judges.rules import RuleJudge

LLM = "llm:"
"""Prefix of a judge that is a language model; behind it stands the model's own spec."""


def expand_presets(specs: Sequence[str]) -> list[str]:
    """The specs with presets expanded. Raises `BadInput` for a repeated judge or one of an unknown kind."""
    expanded = [judge for spec in specs for judge in PANEL_PRESETS.get(spec, (spec,))]
    for spec in expanded:
        if expanded.count(spec) > 1:
            raise BadInput(f"judge {spec!r} is named twice; name each once")
        if spec != "rules" and spec.split(":")[0] not in ("planted", "llm"):
            raise BadInput(
                f"no judge called {spec!r}: give 'rules', llm:MODEL with a model from `unswayed models`, "
                f"or a preset ({', '.join(PANEL_PRESETS)})"
            )
    return expanded


async def open_judge(spec: str, **options: Any) -> tuple[Judge, Backend | None]:
    """The judge of an expanded spec, and the model behind it, which the caller closes.

    `options` are those of `open_backend`. Raises `BadInput`, and `BackendError` where the model cannot be
    asked.
    """
    if spec == "rules":
        return RuleJudge(), None
    if spec.startswith("planted"):
        return noisy.from_spec(spec), None
    backend = open_backend(spec.removeprefix(LLM), **options)
    try:
        await backend.capabilities()  # only then an endpoint's revision is known
    except BaseException:
        await backend.close()
        raise
    return LLMJudge(backend), backend
