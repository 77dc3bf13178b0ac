"""Changes to an encoded image: bytes in, a PNG of the same size out (turned by 90 degrees: sides swapped).

Pure: the same bytes, strength and seed give the same pixels. The EXIF orientation is applied first, as in a
viewer. Each function raises `BadImage` for a file that is no image.
"""

from __future__ import annotations

import io
from collections.abc import Iterable

import numpy as np
from PIL import Image as PILImage
from PIL import ImageDraw, ImageFilter, ImageOps

from unswayed.images import open_rgb
from unswayed.question import Box

GREY = (128, 128, 128)
"""Fill of masked boxes; that of `blank-image` too."""
_TURNS = {
    90: PILImage.Transpose.ROTATE_270,
    180: PILImage.Transpose.ROTATE_180,
    270: PILImage.Transpose.ROTATE_90,
}
"""Degrees clockwise; Pillow counts the other way."""


def masked(data: bytes, boxes: Iterable[Box]) -> bytes:
    """The boxes filled with mid-grey; every pixel that a box touches is filled, no other is changed."""
    picture = open_rgb(data)
    brush = ImageDraw.Draw(picture)
    for box in boxes:
        right = int(np.ceil(box.left + box.width)) - 1
        bottom = int(np.ceil(box.top + box.height)) - 1
        brush.rectangle((int(box.left), int(box.top), right, bottom), fill=GREY)
    return _png(picture)


def noisy(data: bytes, share: float, seed: int) -> bytes:
    """Every value mixed with uniform noise: (1 - share) · value + share · u, u from 0 to 255."""
    values = np.asarray(open_rgb(data), dtype=np.float32)
    noise = np.random.default_rng(seed).random(values.shape, dtype=np.float32) * 255
    mixed = np.rint(values + np.float32(share) * (noise - values))
    return _png(PILImage.fromarray(mixed.clip(0, 255).astype(np.uint8)))


def blurred(data: bytes, share: float) -> bytes:
    """Gaussian blur with a standard deviation of `share` of the shorter side."""
    picture = open_rgb(data)
    return _png(picture.filter(ImageFilter.GaussianBlur(share * min(picture.size))))


def reduced(data: bytes, share: float) -> bytes:
    """Reduced to `share` of each side (at least one pixel), then enlarged to the old size."""
    picture = open_rgb(data)
    width, height = picture.size
    small = (max(1, round(width * share)), max(1, round(height * share)))
    return _png(
        picture.resize(small, PILImage.Resampling.BOX).resize(picture.size, PILImage.Resampling.NEAREST)
    )


def rotated(data: bytes, degrees: int) -> bytes:
    """Turned clockwise by 90, 180 or 270 degrees."""
    return _png(open_rgb(data).transpose(_TURNS[degrees]))


def mirrored(data: bytes) -> bytes:
    """Left and right exchanged."""
    return _png(ImageOps.mirror(open_rgb(data)))


def _png(picture: PILImage.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
