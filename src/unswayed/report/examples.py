"""The examples on a run's page as JSON values: texts clipped, images as data URIs, all within a size
budget."""

from __future__ import annotations

import base64
import io
import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from PIL import Image as PILImage

from unswayed.formatting import clip, visible
from unswayed.metrics.columns import CONCLUDED_WORDS
from unswayed.report.example_selection import MAX_EXAMPLES, OUTCOMES, choose_trials, outcome_masks

__all__ = ["OUTCOMES", "Examples", "ImageLoader", "Segment", "collect_examples", "data_uri", "mark_cue"]

ImageLoader = Callable[[str], bytes | None]
"""From an image's SHA-256 to its file's bytes; None where it is not available."""
Segment = tuple[str, bool]
"""A piece of text, and whether it is part of the cue."""

TEXT_BYTES = 2_500_000
"""Size of all examples as JSON."""
IMAGE_BYTES = 2_900_000
REDUCE_ABOVE_BYTES = 60_000
REDUCED_PIXELS = 640
"""Images above `REDUCE_ABOVE_BYTES` bytes are reduced to `REDUCED_PIXELS` pixels per side."""

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
)


@dataclass(frozen=True)
class Examples:
    """The data of the example browser: plain JSON values, which must be escaped before they enter a page."""

    trials: tuple[dict[str, Any], ...]
    images: dict[str, str]
    """Data URI by SHA-256."""


def collect_examples(
    trials: pa.Table, load_image: ImageLoader, conditions: Sequence[str] = (), limit: int = MAX_EXAMPLES
) -> Examples:
    """The selected trials with their images, within `TEXT_BYTES` and `IMAGE_BYTES`.

    Trials of one question are adjacent, in the order of `conditions`.
    """
    rows = choose_trials(trials, limit)
    if not rows:
        return Examples((), {})
    selected = trials.take(pa.array(rows))
    masks = outcome_masks(selected)
    examples: list[dict[str, Any]] = []
    images: dict[str, str] = {}
    loaded: set[str] = set()
    text_left, image_left = TEXT_BYTES, IMAGE_BYTES
    for i, row in enumerate(selected.to_pylist()):
        example = _example(row, [name for name, mask in masks.items() if mask[i]])
        text_left -= len(json.dumps(example))
        if text_left < 0 and examples:
            break
        examples.append(example)
        for sha in example["images"]:
            if sha in loaded:
                continue
            loaded.add(sha)
            uri = data_uri(load_image(sha))
            if uri and len(uri) <= image_left:
                images[sha] = uri
                image_left -= len(uri)
    rank = {name: i for i, name in enumerate(conditions)}
    times = Counter((e["benchmark"], e["uid"]) for e in examples)

    def order(e: dict[str, Any]) -> tuple[Any, ...]:
        question = (e["benchmark"], e["uid"])  # questions shown under most conditions come first
        return -times[question], question, rank.get(e["condition"], len(rank)), e["condition"], e["sample"]

    examples.sort(key=order)
    return Examples(tuple(examples), images)


def data_uri(data: bytes | None) -> str | None:
    """A PNG, JPEG, GIF or WebP file as a data URI, large ones reduced; None for anything else."""
    if not data:
        return None
    kind = next((kind for magic, kind in _MAGIC if data.startswith(magic)), None)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        kind = "webp"
    if kind is None:
        return None
    if len(data) > REDUCE_ABOVE_BYTES:
        try:
            with PILImage.open(io.BytesIO(data), formats=("PNG", "JPEG", "GIF", "WEBP")) as opened:
                opened.draft("RGB", (REDUCED_PIXELS, REDUCED_PIXELS))
                small = opened.convert("RGB")
            small.thumbnail((REDUCED_PIXELS, REDUCED_PIXELS))
            out = io.BytesIO()
            small.save(out, "JPEG", quality=82)
        except (OSError, ValueError, SyntaxError, PILImage.DecompressionBombError):
            return None
        data, kind = out.getvalue(), "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def mark_cue(text: str, cue: str | None) -> list[Segment]:
    """`text` as segments, with the first occurrence of `cue` (with or without its full stop) marked."""
    for wanted in (cue, (cue or "").rstrip().removesuffix(".")):
        if wanted and (start := text.find(wanted)) >= 0:
            end = start + len(wanted)
            segments = [(text[:start], False), (wanted, True), (text[end:], False)]
            return [(visible(clip(segment)), cued) for segment, cued in segments if segment]
    return [(visible(clip(text)), False)] if text else []


def _example(row: dict[str, Any], outcomes: list[str]) -> dict[str, Any]:
    """One trial as JSON values: texts clipped and made visible, numbers finite."""

    def text(name: str) -> str | None:
        return None if row.get(name) is None else visible(clip(row[name]))

    def finite(x: float | None) -> float | None:
        return None if x is None or not math.isfinite(x) else round(x, 4)

    return {
        **{name: text(name) for name in ("condition", "uid", "benchmark", "family", "state", "question")},
        **{name: text(name) for name in ("text", "error", "thought", "under_cue", "cue_writer")},
        **{name: row[name] for name in ("sample", "gold", "cue", "answer", "concluded", "tokens")},
        **{name: row[name] for name in ("correct", "judged", "consistent", "acknowledges")},
        "elsewhere": "elsewhere" in outcomes,
        "words": text(CONCLUDED_WORDS),
        "options": [visible(clip(option, 400)) for option in row["options"] or []],
        "prompt": mark_cue(row["prompt"] or "", row["cue_text"]),
        "prefill": mark_cue(row["prefill"] or "", row["cue_text"]),
        "letters": None if row["letters"] is None else [finite(p) for p in row["letters"]],
        "outside": finite(row["letters_outside"]),
        "entropy": finite(row["letter_entropy"]),
        "images": [visible(sha) for sha in (row["image_sha256"] or [])[:6]],
        "outcomes": outcomes,
    }
