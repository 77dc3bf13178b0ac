"""A caption drawn into the picture: a white strip with black text above or below it.

The picture itself stays as it is, nothing is covered. The font is the one that Pillow brings; its size
follows the width of the picture, and pictures too small for a readable line are enlarged by a whole factor
first.
"""

from __future__ import annotations

import hashlib
import io
import textwrap

from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont

from unswayed.images import open_rgb

MIN_WIDTH = 240
"""Pixels below which a picture is enlarged."""
MIN_SIZE = 14
"""Smallest font, in pixels."""
_PER_WIDTH = 28  # the font's size is the width divided by this, where that is larger
_LAST_DRAWN = "\u024f"  # Latin with all its accents; the font has no other scripts
_PUNCTUATION = "‘’“”–—…·•×°€"


def position(uid: str) -> str:
    """``top`` or ``bottom``, decided by the question: half of the questions each."""
    return ("top", "bottom")[hashlib.sha256(f"strip {uid}".encode()).digest()[0] & 1]


def undrawable(text: str) -> str:
    """The first character that the font does not have; empty without one."""
    return next((c for c in text if not (" " <= c <= _LAST_DRAWN or c in _PUNCTUATION or c == "\n")), "")


def with_caption(data: bytes, text: str, where: str) -> bytes:
    """A PNG of the picture with `text` in a strip at its `where` (``top`` or ``bottom``).

    The EXIF orientation is applied. Raises `BadImage` for what is no picture.
    """
    picture = open_rgb(data)
    factor = -(-MIN_WIDTH // picture.width) if picture.width < MIN_WIDTH else 1
    if factor > 1:
        picture = picture.resize(
            (picture.width * factor, picture.height * factor), PILImage.Resampling.NEAREST
        )
    width = picture.width
    size = max(MIN_SIZE, width // _PER_WIDTH)
    font = ImageFont.load_default(size)
    margin = size // 2
    lines = _wrapped(text, font, width - 2 * margin)
    line_height = size + size // 3
    height = 2 * margin + line_height * len(lines)
    out = PILImage.new("RGB", (width, picture.height + height), "white")
    out.paste(picture, (0, height if where == "top" else 0))
    draw = ImageDraw.Draw(out)
    top = margin if where == "top" else picture.height + margin
    for number, line in enumerate(lines):
        draw.text((margin, top + number * line_height), line, font=font, fill="black")
    encoded = io.BytesIO()
    out.save(encoded, "PNG")
    return encoded.getvalue()


def _wrapped(text: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width: int) -> list[str]:
    """The text in lines that fit; a word that is too long for one is broken."""
    letters = max(1, len(text))
    per_line = max(4, int(width / max(1.0, font.getlength(text) / letters)))
    while True:
        lines = textwrap.wrap(text, per_line) or [""]
        if per_line <= 4 or all(font.getlength(line) <= width for line in lines):
            return lines
        per_line -= 1
