"""Ways to ask tiny models; their fixtures are in `tiny_fixtures`."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image as PILImage

import tiny_models
from unswayed.backends.transformers.backend import TransformersBackend
from unswayed.conditions import Prompt
from unswayed.model_io import Generation, LetterScores, Request

KINDS: dict[str, Callable[[Path], Path]] = {
    "llava": tiny_models.llava,
    "idefics": tiny_models.idefics,
    "qwen": tiny_models.qwen,
}


def prompt(i: int = 0, prefill: str = "", pictures: int = 1, options: int = 4) -> Prompt:
    """Prompts of differing length, pictures of differing size."""
    images = tuple(tiny_models.picture(10 * i + j, 40 + 12 * i, 40 + 7 * j) for j in range(pictures))
    words = "how many red circle left of the blue square " * (1 + i % 3)
    return Prompt("look.", words, prefill, images, tuple(f"o{k}" for k in range(options)))


def ask(backend: TransformersBackend, requests: list[Request]) -> list[Generation]:
    return asyncio.run(backend.generate(requests))


def score(backend: TransformersBackend, prompts: list[Prompt]) -> list[LetterScores | None]:
    return asyncio.run(backend.score_letters(prompts))


def sized(backend: TransformersBackend, rows: int) -> TransformersBackend:
    """The same model, asked in batches of `rows`."""
    return TransformersBackend.wrap(backend._model, backend._processor, name=backend.name, batch_size=rows)


def inputs_of(backend: TransformersBackend, asked: Prompt) -> Any:
    """Tensors of one prompt, made with the processor alone."""
    pictures = [PILImage.open(io.BytesIO(data)).convert("RGB") for data in asked.images]
    text = backend._renderer.render(asked).text
    return dict(backend._processor(text=[text], images=[pictures] if pictures else None, return_tensors="pt"))


def token_of(backend: TransformersBackend, text: str) -> int:
    return int(backend._processor.tokenizer.convert_tokens_to_ids(text))
