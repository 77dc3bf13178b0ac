"""Which trials the page shows, and what it tells about each: deterministic and stratified.

Every (condition, outcome) that occurs gets some trials, rarest first, taken where possible from
questions already shown, so that one question can be followed across conditions. What is left of
the room is filled with whole questions. Choosing works on columns: a million rows take a second.
"""

from __future__ import annotations

import base64
import io
import math
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image as PILImage

from unswayed.formatting import clip, visible
from unswayed.trial import STATES

Picture = Callable[[str], bytes | None]
Segment = tuple[str, bool]
"""A piece of text, and whether it is the cue."""

LIMIT = 300
TEXT_BYTES = 2_500_000
IMAGE_BYTES = 2_900_000
LARGE = 60_000
SIDE = 640
"""Pictures above `LARGE` bytes are shown reduced to `SIDE` pixels."""

OUTCOMES = {
    "right": "right",
    "wrong": "wrong",
    "followed": "answered what the cue says",
    "follows": "follows the wrong thought",
    "revises": "revises the wrong thought openly",
    "flips": "flips silently",
    "inconsistent": "thought and answer disagree",
    "acknowledges": "says that text and image disagree",
    **{state: state.replace("-", " ") for state in STATES if state != "ok"},
}
"""What may be filtered by; one trial can have several."""

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
)


@dataclass(frozen=True)
class Examples:
    """What the browser of examples shows; plain JSON values, safe only once escaped."""

    trials: tuple[dict[str, Any], ...]
    images: dict[str, str]
    """Data URI by SHA-256, each picture once."""


def outcomes(trials: pa.Table) -> dict[str, np.ndarray[Any, Any]]:
    """Boolean mask (n_trials,) of every outcome, in the order of `OUTCOMES`."""

    def is_true(mask: Any) -> np.ndarray[Any, Any]:
        return np.asarray(pc.fill_null(mask, False).to_numpy(), dtype=bool)

    ok = is_true(pc.equal(trials["state"], "ok"))
    found = {
        "right": ok & is_true(trials["correct"]),
        "wrong": ok & is_true(pc.invert(trials["correct"])),
        "followed": is_true(trials["followed_cue"]),
        "inconsistent": is_true(pc.invert(trials["consistent"])),
        "acknowledges": is_true(trials["acknowledges"]),
    }
    for name in ("follows", "revises", "flips"):
        found[name] = is_true(pc.equal(trials["under_cue"], name))
    for state in STATES[1:]:
        found[state] = is_true(pc.equal(trials["state"], state))
    return {name: found[name] for name in OUTCOMES}


def choose(trials: pa.Table, limit: int = LIMIT) -> list[int]:
    """At most `limit` row numbers, the most needed first. Does not depend on the order of the rows."""
    if not trials.num_rows or limit <= 0:
        return []
    question, rank = _questions(trials)
    condition, n_conditions = _codes(trials["condition"])
    sample = trials["sample"].to_numpy()
    order = np.lexsort((condition, sample, rank[question]))
    cells = [
        rows
        for mask in outcomes(trials).values()
        for with_it in (order[mask[order]],)
        for c in range(n_conditions)
        if (rows := with_it[condition[with_it] == c]).size
    ]
    cells.sort(key=len)
    each = max(1, limit // (2 * len(cells))) if cells else 0
    chosen: dict[int, None] = {}
    shown = np.zeros(rank.size, dtype=bool)
    taken = np.zeros(trials.num_rows, dtype=bool)
    for rows in cells:
        missing = each - int(taken[rows].sum())
        if missing <= 0:
            continue
        free = rows[~taken[rows]]
        known = shown[question[free]]
        for row in np.concatenate([free[known][:missing], free[~known][:missing]])[:missing].tolist():
            chosen[row], taken[row], shown[question[row]] = None, True, True
    first = order[shown[question[order]] & (sample[order] == 0)]
    rest = order[~shown[question[order]] & (sample[order] == 0)]
    for row in np.concatenate([first[: 2 * limit], rest[:limit]]).tolist():
        chosen.setdefault(row)
    return list(chosen)[:limit]


def gather(
    trials: pa.Table, picture: Picture, conditions: Sequence[str] = (), limit: int = LIMIT
) -> Examples:
    """The chosen trials with their pictures, within the page's budget.

    Trials of one question stand together, in the order of `conditions`. `picture` gives the encoded
    file for a SHA-256, or None where it is not at hand.
    """
    rows = choose(trials, limit)
    if not rows:
        return Examples((), {})
    picked = trials.take(pa.array(rows))
    masks = outcomes(picked)
    told: list[dict[str, Any]] = []
    images: dict[str, str] = {}
    tried: set[str] = set()
    text_left, image_left = TEXT_BYTES, IMAGE_BYTES
    for i, row in enumerate(picked.to_pylist()):
        example = _tell(row, [name for name, mask in masks.items() if mask[i]])
        text_left -= 3 * sum(len(v) for v in row.values() if isinstance(v, str)) + 1500
        if text_left < 0 and told:
            break
        told.append(example)
        for sha in example["images"]:
            if sha in tried:
                continue
            tried.add(sha)
            uri = data_uri(picture(sha))
            if uri and len(uri) <= image_left:
                images[sha] = uri
                image_left -= len(uri)
    place = {name: i for i, name in enumerate(conditions)}
    often = Counter((e["benchmark"], e["uid"]) for e in told)

    def order(e: dict[str, Any]) -> tuple[Any, ...]:
        question = (e["benchmark"], e["uid"])  # the one seen under most conditions is shown first
        return -often[question], question, place.get(e["condition"], len(place)), e["condition"], e["sample"]

    told.sort(key=order)
    return Examples(tuple(told), images)


def data_uri(data: bytes | None) -> str | None:
    """PNG, JPEG, GIF or WebP as a data URI, large ones reduced; None for anything else."""
    if not data:
        return None
    kind = next((kind for magic, kind in _MAGIC if data.startswith(magic)), None)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        kind = "webp"
    if kind is None:
        return None
    if len(data) > LARGE:
        try:
            with PILImage.open(io.BytesIO(data), formats=("PNG", "JPEG", "GIF", "WEBP")) as opened:
                opened.draft("RGB", (SIDE, SIDE))
                small = opened.convert("RGB")
            small.thumbnail((SIDE, SIDE))
            out = io.BytesIO()
            small.save(out, "JPEG", quality=82)
        except (OSError, ValueError, SyntaxError, PILImage.DecompressionBombError):
            return None
        data, kind = out.getvalue(), "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def mark(text: str, cue: str | None) -> list[Segment]:
    """`text` cut into pieces, the first occurrence of `cue` (with or without its full stop) marked."""
    for wanted in (cue, (cue or "").rstrip().removesuffix(".")):
        if wanted and (at := text.find(wanted)) >= 0:
            end = at + len(wanted)
            pieces = [(text[:at], False), (wanted, True), (text[end:], False)]
            return [(visible(clip(piece)), cued) for piece, cued in pieces if piece]
    return [(visible(clip(text)), False)] if text else []


def _tell(row: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """One trial as JSON values: texts clipped and made visible, no NaN."""

    def text(name: str) -> str | None:
        return None if row[name] is None else visible(clip(row[name]))

    def real(x: float | None) -> float | None:
        return None if x is None or not math.isfinite(x) else round(x, 4)

    return {
        **{name: text(name) for name in ("condition", "uid", "benchmark", "family", "state", "question")},
        **{name: text(name) for name in ("text", "error", "thought", "under_cue", "cue_writer")},
        **{name: row[name] for name in ("sample", "gold", "cue", "answer", "concluded", "tokens")},
        **{name: row[name] for name in ("correct", "judged", "consistent", "acknowledges")},
        "options": [visible(clip(option, 400)) for option in row["options"] or []],
        "prompt": mark(row["prompt"] or "", row["cue_text"]),
        "prefill": mark(row["prefill"] or "", row["cue_text"]),
        "letters": None if row["letters"] is None else [real(p) for p in row["letters"]],
        "outside": real(row["letters_outside"]),
        "entropy": real(row["letter_entropy"]),
        "images": [visible(sha) for sha in (row["image_sha256"] or [])[:6]],
        "outcomes": names,
    }


def _codes(column: pa.ChunkedArray) -> tuple[np.ndarray[Any, Any], int]:
    """Numbers in place of strings, in alphabetical order, and how many there are."""
    encoded = pc.fill_null(column, "").combine_chunks().dictionary_encode()
    names = encoded.dictionary.to_pylist()
    place = np.empty(len(names), dtype=np.int64)
    place[np.array(sorted(range(len(names)), key=lambda i: names[i]), dtype=np.int64)] = np.arange(len(names))
    return place[encoded.indices.to_numpy()], len(names)


def _questions(trials: pa.Table) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Question number of every row, and the rank of every question: shuffled by a hash of its name."""
    names = pc.binary_join_element_wise(
        pc.fill_null(trials["benchmark"], ""), pc.fill_null(trials["uid"], ""), "\x1f"
    )
    encoded = names.combine_chunks().dictionary_encode()
    unique = encoded.dictionary.to_pylist()
    hashes = [(zlib.crc32(name.encode()), name) for name in unique]
    rank = np.empty(len(unique), dtype=np.int64)
    rank[sorted(range(len(unique)), key=hashes.__getitem__)] = np.arange(len(unique))
    return encoded.indices.to_numpy(), rank
