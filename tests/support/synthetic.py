"""Questions and cues made up for tests: one pixel each, its own colour, four options."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator

from PIL import Image as PILImage

from unswayed.question import Cue, Cues, Image, Question

OPTIONS = ("red", "green", "blue", "yellow")


def pixel(number: int) -> bytes:
    """A PNG of one pixel, of a colour of its own for every number below 2**24."""
    out = io.BytesIO()
    colour = (number & 255, number >> 8 & 255, number >> 16 & 255)
    PILImage.new("RGB", (1, 1), colour).save(out, "PNG", compress_level=0)
    return out.getvalue()


def question(number: int) -> Question:
    gold = _hash("gold", number) % 4
    data = pixel(number)
    return Question(f"u{number}", "made", "Which colour is it?", OPTIONS, gold, (Image.of(data),))


def questions(n: int) -> list[Question]:
    return list(stream(n))


def stream(n: int) -> Iterator[Question]:
    return (question(number) for number in range(n))


def cues(q: Question, seed: int) -> Cues:
    """Wrong and right sentences; the wrong ones assert one option."""
    n = len(q.options)
    wrong = (q.gold + 1 + _hash("wrong", q.uid, seed) % (n - 1)) % n

    def thought(option: int) -> Cue:
        return Cue("thought", option, f"I look at the image. It is {q.options[option]}.")

    def caption(option: int) -> Cue:
        return Cue("caption", option, f"The picture shows {q.options[option]}.")

    idle = Cue("caption", None, "The picture is small.")
    return Cues(caption(wrong), thought(wrong), caption(q.gold), thought(q.gold), idle)


def _hash(*what: object) -> int:
    return int.from_bytes(hashlib.sha256(repr(what).encode()).digest()[:8], "big")
