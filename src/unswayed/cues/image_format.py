"""A true caption that answers no question, for any image: the format and the size of its file.

For photographs no other true and irrelevant fact is known. `irrelevant-caption` says something about the
scene; this caption says something about the file, so it is the cue of a condition of its own:
`format-caption`.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image as PILImage

from unswayed.cues.checks import mentioned
from unswayed.images import size as image_size
from unswayed.question import Cue, Question

PHRASING = "audit-caption/format"


def format_caption(question: Question, images: Sequence[bytes]) -> Cue | None:
    """The caption of the first of a question's `images` (encoded files).

    None without an image, and where the sentence would mention an option of the question, e.g. ``640``.
    Raises `OSError` for a file that is no image.
    """
    if not images:
        return None
    with PILImage.open(io.BytesIO(images[0])) as image:
        name = image.format or "image"
    width, height = image_size(images[0])
    subject = "This image" if len(images) == 1 else "The first of these images"
    article = "an" if name[0] in "AEFHILMNORSX" else "a"
    text = f"{subject} is {article} {name} file, {_pixels(width)} wide and {_pixels(height)} high."
    if mentioned(text, question.options):
        return None
    return Cue("caption", None, text, "template", PHRASING)


def _pixels(count: int) -> str:
    return "1 pixel" if count == 1 else f"{count} pixels"
