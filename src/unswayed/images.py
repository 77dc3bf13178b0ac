"""Which encoded files count as pictures, and how one becomes RGB pixels for a model in this process.

Size is judged from the header, before anything is decoded. Only formats that are decoded by
Pillow itself are tried, so no file can start another program.
"""

from __future__ import annotations

import contextlib
import io

import numpy as np
from PIL import Image as PILImage
from PIL import ImageOps

from unswayed.errors import BadImage

MAX_PIXELS = 160_000_000
"""Larger pictures are refused (a small file can unpack to gigabytes); the largest of MME-RealWorld pass."""
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "MPO", "PPM", "JPEG2000", "AVIF")


def check(data: bytes, name: str) -> None:
    """Raise `BadImage` unless `data` is a whole picture; of an animation the first frame counts.

    `name` says in the message where the picture came from.
    """
    _decoded(data, name).close()


def size(data: bytes, name: str = "") -> tuple[int, int]:
    """Width and height, in pixels, of a whole picture. Raises `BadImage` where `check` does."""
    with _decoded(data, name) as picture:
        return picture.size


def open_rgb(data: bytes, name: str = "") -> PILImage.Image:
    """The picture as 8-bit RGB pixels. Raises `BadImage` where `check` does.

    It is turned as its EXIF orientation says, as a viewer shows it. What is transparent is laid on
    white. 16-bit and 32-bit grey is taken as 0..65535 and scaled to 0..255, floating-point grey as 0..1
    (as 0..255 where anything exceeds 1). Of an animation the first frame is taken.
    """
    picture = _decoded(data, name)
    with contextlib.suppress(Exception):  # as viewers do with EXIF data that cannot be read
        picture = ImageOps.exif_transpose(picture)
    try:
        if picture.mode.startswith(("I", "F")):
            return _grey(picture).convert("RGB")
        if picture.has_transparency_data:
            picture = picture.convert("RGBA")
            white = PILImage.new("RGBA", picture.size, "white")
            return PILImage.alpha_composite(white, picture).convert("RGB")
        return picture.convert("RGB")
    except Exception as problem:
        raise BadImage(f"picture {name!r} cannot be turned into RGB: {problem}") from problem


def _decoded(data: bytes, name: str) -> PILImage.Image:
    if not data:
        raise BadImage(f"picture {name!r} is empty")
    PILImage.init()
    try:
        picture = PILImage.open(io.BytesIO(data), formats=[f for f in FORMATS if f in PILImage.OPEN])
    except (PILImage.DecompressionBombError, PILImage.DecompressionBombWarning) as problem:
        raise BadImage(f"picture {name!r} is too large to be decoded ({problem})") from problem
    except Exception as problem:  # Pillow raises nearly anything on files that only look like pictures
        raise BadImage(f"picture {name!r} is not a picture: {_instead(data)}") from problem
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise BadImage(
            f"picture {name!r} has {width} x {height} pixels; "
            f"at most {MAX_PIXELS // 1_000_000} million are read; make it smaller"
        )
    try:
        picture.load()
    except Exception as problem:
        raise BadImage(f"picture {name!r} is cut off or damaged: {problem}") from problem
    return picture


def _instead(data: bytes) -> str:
    """What a file that is no picture seems to be."""
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in start:
        return "it is an SVG drawing; convert it to PNG"
    if start.startswith(b"<"):
        return "it is an HTML or XML page, perhaps the error page of a download"
    if start.startswith(b"version https://git-lfs"):
        return "it is a Git LFS pointer; fetch the file itself"
    return f"no known format begins with {data[:8]!r}"


def _grey(picture: PILImage.Image) -> PILImage.Image:
    values = np.asarray(picture, dtype=np.float64)
    if picture.mode.startswith("I"):
        scale = 255.0 / 65535.0
    else:
        scale = 255.0 if np.nanmax(values, initial=0.0) <= 1.0 else 1.0
    shades = np.nan_to_num(np.clip(values * scale, 0.0, 255.0))
    return PILImage.fromarray(np.rint(shades).astype(np.uint8))
