"""Planted respondents whose use of the picture is known, and pictures that they can read.

A picture has nine cells in one colour each. The question is about one cell, whose box is the evidence; a
strip along its top edge has the colour of that cell too, a shortcut. On a share of the questions a respondent
does what it is named after; on the others it answers by the text alone.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image as PILImage

from unswayed.backends.base import BackendBase
from unswayed.conditions import ABSTAIN, Prompt
from unswayed.images import open_rgb
from unswayed.model_io import Capabilities, Generation, LetterScores
from unswayed.question import LETTERS, Box, Cue, Cues, Image, Question

COLOURS = {"red": (200, 30, 30), "green": (30, 160, 30), "blue": (30, 30, 200), "yellow": (230, 220, 20)}
SIDE, STRIP = 10, 2
"""Pixels of a cell's side, and of the strip's height."""
_OPTIONS = tuple(COLOURS)


def question(number: int, *, alike: bool = False) -> Question:
    """`alike`: questions about the same cell have the same words, so that each is answered by the others'
    pictures too; else every question has words of its own."""
    gold = int(4 * u("gold", number))
    cell = int(9 * u("cell", number))
    pixels = np.zeros((STRIP + 3 * SIDE, 3 * SIDE, 3), np.uint8)
    for k in range(9):
        colour = _OPTIONS[gold if k == cell else int(4 * u("fill", number, k))]
        top, left = STRIP + k // 3 * SIDE, k % 3 * SIDE
        pixels[top : top + SIDE, left : left + SIDE] = COLOURS[colour]
    pixels[:STRIP] = COLOURS[_OPTIONS[gold]]
    out = io.BytesIO()
    PILImage.fromarray(pixels).save(out, "PNG")
    box = Box(cell % 3 * SIDE, STRIP + cell // 3 * SIDE, SIDE, SIDE)
    text = f"Which colour is cell {cell}{'' if alike else f' of card {number}'}?"
    return Question(
        f"u{number}", "planted", text, _OPTIONS, gold, (Image.of(out.getvalue()),), evidence=(box,)
    )


def cues(q: Question, seed: int) -> Cues:
    wrong = (q.gold + 1 + int(3 * u("wrong", q.uid, seed))) % 4

    def caption(option: int) -> Cue:
        return Cue("caption", option, f"Cell is {q.options[option]}.")

    return Cues(wrong_caption=caption(wrong), correct_caption=caption(q.gold))


def looks(prompt: Prompt, guess: int) -> int | None:
    """The colour of the cell that the question names; None where it is hidden."""
    cell = int(prompt.text.split("cell ")[1][0])
    pixels = np.asarray(open_rgb(prompt.images[0]))
    return _colour(pixels[STRIP + cell // 3 * SIDE + SIDE // 2, cell % 3 * SIDE + SIDE // 2])


def guesses(prompt: Prompt, guess: int) -> int | None:
    return guess


def takes_shortcut(prompt: Prompt, guess: int) -> int | None:
    """The colour of the strip: it looks, but not at the evidence."""
    strip = np.asarray(open_rgb(prompt.images[0]))[0]
    seen = [colour for pixel in strip if (colour := _colour(pixel)) is not None]
    return seen[0] if seen else None


def follows_caption(prompt: Prompt, guess: int) -> int | None:
    """The caption, where there is one; else it looks."""
    return looks(prompt, guess) if prompt.cue is None else prompt.cue.option


def prefers_picture(prompt: Prompt, guess: int) -> int | None:
    """The picture where it shows the evidence, else the caption: grounded."""
    seen = looks(prompt, guess)
    return seen if seen is not None or prompt.cue is None else prompt.cue.option


Decide = Callable[[Prompt, int], int | None]


class PictureReader(BackendBase):
    """Answers by `decide` at rate `p`, else by the text alone. Where `decide` sees nothing it abstains if
    that is offered, and guesses otherwise. `admits`: rate at which it says that the caption told it."""

    identity, revision, chunk, concurrency = "picture-reader", "1", 16, 2

    def __init__(self, decide: Decide, p: float = 1.0, admits: float = 0.0) -> None:
        self.name = f"planted-{decide.__name__}"
        self._decide, self._p, self._admits = decide, p, admits
        self.generated = 0

    async def capabilities(self) -> Capabilities:
        return Capabilities("continues", "exact")

    async def generate(self, requests: Sequence) -> list[Generation]:
        self.generated += len(requests)
        return [self._generate(request.prompt) for request in requests]

    async def score_letters(self, prompts: Sequence) -> list[LetterScores | None]:
        answers = [self._answer(prompt)[0] for prompt in prompts]
        rest = 0.1 / max(1, len(prompts[0].options) - 1) if prompts else 0.0
        return [
            LetterScores(tuple(0.9 if k == answer else rest for k in range(len(prompt.options))))
            for prompt, answer in zip(prompts, answers, strict=True)
        ]

    def planted(self, uid_text: str) -> bool:
        return u("planted", uid_text) < self._p

    def _generate(self, prompt: Prompt) -> Generation:
        answer, seen = self._answer(prompt)
        words = "I look." if seen else "I cannot see the cell."
        if prompt.cue is not None and answer == prompt.cue.option and u("admits", prompt.text) < self._admits:
            words += " The caption says so."
        text = f"<think>{words} It is {prompt.options[answer]}.</think><answer>({LETTERS[answer]})</answer>"
        return Generation(text, "stop")

    def _answer(self, prompt: Prompt) -> tuple[int, bool]:
        guess = int(4 * u("guess", prompt.text))
        seen = self._decide(prompt, guess) if self.planted(_own_text(prompt)) else guess
        if seen is not None:
            return seen, True
        return (prompt.options.index(ABSTAIN), False) if ABSTAIN in prompt.options else (guess, False)


def _own_text(prompt: Prompt) -> str:
    """The question's own words, the same under all conditions."""
    text = prompt.text if prompt.cue is None else prompt.text.removeprefix(f"{prompt.cue.text} ")
    return text.split("\n")[0]


def _colour(pixel: np.ndarray) -> int | None:
    """The option whose colour this nearly is; None for grey."""
    distance = [int(np.abs(np.asarray(c, int) - pixel.astype(int)).sum()) for c in COLOURS.values()]
    return int(np.argmin(distance)) if min(distance) < 60 else None


def u(*what: object) -> float:
    return int.from_bytes(hashlib.sha256(repr(what).encode()).digest()[:6], "big") / 2**48
