"""Models and judges of a suite as backends."""

from __future__ import annotations

import asyncio
from typing import Any

from unswayed.backends import open_backend
from unswayed.backends.base import Backend
from unswayed.benchmarks.questions import Questions
from unswayed.judges.base import Judge
from unswayed.judges.specs import LLM, open_judge
from unswayed.suite.settings import JudgeSettings, ModelSettings


async def open_model(model: ModelSettings, questions: Questions) -> Backend:
    """The backend of a model. Local weights are loaded in a thread, so that endpoints are asked meanwhile."""
    if model.scripted:
        return open_backend(model.model, questions)
    if model.remote:
        return open_backend(model.model, **endpoint_options(model, model.max_cost or None))
    options: dict[str, Any] = {
        "device": model.device,
        "dtype": model.dtype,
        "batch_size": model.batch_size or "auto",
        "revision": model.revision or None,
    }
    return await asyncio.to_thread(open_backend, model.model, **options)


async def open_suite_judge(judge: JudgeSettings) -> tuple[Judge, Backend | None]:
    """A judge and the model behind it, which the caller closes."""
    options = endpoint_options(judge) | {"schemas": True} if judge.remote else {}
    return await open_judge(judge.judge, **options)


def endpoint_options(
    settings: ModelSettings | JudgeSettings, max_cost: float | None = None
) -> dict[str, Any]:
    """Fields of `EndpointOptions`. Raises `BadInput` for values that cannot be."""
    if getattr(settings, "model", "").startswith("inspect:") or getattr(settings, "judge", "").startswith(
        f"{LLM}inspect:"
    ):
        from unswayed.backends.inspect.package import import_inspect_ai

        import_inspect_ai("a model of the suite needs")  # before aiohttp, which comes with the same extra
    from unswayed.backends.openai import Budget, prices

    options: dict[str, Any] = {
        "base_urls": list(settings.base_url),
        "key_env": settings.key_env,
        "concurrency": settings.concurrency,
        "price": prices.parse(settings.price) if settings.price else None,
        "budget": Budget(cost=max_cost),
    }
    if isinstance(settings, ModelSettings):
        options["patience"] = settings.patience
    return options
