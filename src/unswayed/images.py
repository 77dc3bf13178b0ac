"""Checks of encoded image files, and their conversion to RGB pixels.

The size limit is applied to the header, before anything is decoded. Only formats that Pillow decodes itself
are tried, so no file can start another program.
"""

from __future__ import annotations

import contextlib
import io

import numpy as np
from PIL import Image as PILImage
from PIL import ImageOps

from unswayed.errors import BadImage

MAX_PIXELS = 160_000_000
"""Larger images are refused, because a small file can unpack to gigabytes; MME-RealWorld's largest pass."""
_ORIENTATION = 0x0112
_SWAPS_SIDES = (5, 6, 7, 8)
"""EXIF orientations that turn the image by 90 degrees."""
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "MPO", "PPM", "JPEG2000", "AVIF")


def check(data: bytes, name: str) -> None:
    """Raise `BadImage` unless `data` is a complete image; of an animation the first frame counts.

    `name` is the image's source, for the message.
    """
    _decoded(data, name).close()


def size(data: bytes, name: str = "") -> tuple[int, int]:
    """Width and height, in pixels, after the EXIF orientation is applied. Raises `BadImage` where `check`
    does."""
    with _decoded(data, name) as image:
        width, height = image.size
        return (height, width) if _orientation(image) in _SWAPS_SIDES else (width, height)


def open_rgb(data: bytes, name: str = "") -> PILImage.Image:
    """The image as 8-bit RGB pixels. Raises `BadImage` where `check` does.

    The EXIF orientation is applied, as in a viewer. Transparent parts become white. 16-bit and 32-bit grey is
    scaled from 0..65535 to 0..255, floating-point grey from 0..1 (or taken as 0..255 where a value exceeds
    1). Of an animation the first frame is taken.
    """
    picture = _decoded(data, name)
    with contextlib.suppress(Exception):  # viewers, too, ignore EXIF data that cannot be read
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


def _orientation(image: PILImage.Image) -> int:
    """The EXIF orientation, 1 where there is none or it cannot be read."""
    with contextlib.suppress(Exception):
        return int(image.getexif().get(_ORIENTATION, 1))
    return 1


def _decoded(data: bytes, name: str) -> PILImage.Image:
    if not data:
        raise BadImage(f"picture {name!r} is empty")
    PILImage.init()
    try:
        picture = PILImage.open(io.BytesIO(data), formats=[f for f in FORMATS if f in PILImage.OPEN])
    except (PILImage.DecompressionBombError, PILImage.DecompressionBombWarning) as problem:
        raise BadImage(f"picture {name!r} is too large to be decoded ({problem})") from problem
    except Exception as problem:  # Pillow raises nearly anything on files that only look like pictures
        raise BadImage(f"picture {name!r} is not a picture: {_guess_type(data)}") from problem
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


def _guess_type(data: bytes) -> str:
    """A guess at the type of a file that is no image."""
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
