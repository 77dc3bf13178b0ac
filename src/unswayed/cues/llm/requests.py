"""Sends prompts to a backend in its chunks, as many at once as it allows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from unswayed.backends.base import Backend
from unswayed.conditions import Prompt
from unswayed.errors import BackendError
from unswayed.model_io import Generation, Request, Sampling

MAX_TOKENS = 4096
"""Room for a model that thinks first; the reply itself is a few lines."""
Progress = Callable[[int, int | None, str], None]


async def generate_all(
    backend: Backend, prompts: Sequence[Prompt], progress: Progress | None, note: str
) -> list[Generation]:
    """Greedy replies in the order of the prompts. `progress` gets the numbers done and in all, and `note`.

    Raises `BackendError` where the model cannot be asked at all.
    """
    sampling = Sampling(temperature=0.0, max_tokens=MAX_TOKENS, stop=())
    size, gate = max(1, backend.chunk), asyncio.Semaphore(max(1, backend.concurrency))
    done = 0

    async def generate(chunk: Sequence[Prompt]) -> list[Generation]:
        nonlocal done
        async with gate:
            replies = await backend.generate([Request(prompt, sampling) for prompt in chunk])
        if len(replies) != len(chunk):
            raise BackendError(f"{backend.name} gave {len(replies)} replies to {len(chunk)} requests")
        done += len(chunk)
        if progress:
            progress(done, len(prompts), note)
        return replies

    chunks = [prompts[start : start + size] for start in range(0, len(prompts), size)]
    return [reply for replies in await asyncio.gather(*map(generate, chunks)) for reply in replies]
