"""From lessons to tensors. A batch is a function of (seed, step), so a resumed run gets the same batches."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from PIL import Image

from unswayed.conditions import CHOICES, SYSTEM
from unswayed.pebble.lesson_text import (
    DIRECT,
    PROMPT,
    SEE,
    Lesson,
    LessonMix,
    generate_lesson,
    letter_drill,
)
from unswayed.pebble.model import (
    ASSISTANT_TURN,
    END,
    IMAGE,
    PIXELS,
    SEES,
    SYSTEM_TURN,
    USER_TURN,
)
from unswayed.scenes.world import (
    CELLS,
    COLOURS,
    SHAPES,
    Scene,
    render,
)


@dataclass(frozen=True)
class LessonBatch:
    """`n` rows, right-padded to `t` tokens; `m` of them with an image, after those without."""

    ids: torch.Tensor
    """(n, t) token ids."""
    skills: torch.Tensor
    """(n, t) skill that each token trains; 0 has no loss."""
    mask: torch.Tensor
    """(n, t) 1 where there is a token."""
    pixels: torch.Tensor
    """(m, 3, 84, 84) in [-1, 1]."""
    words: torch.Tensor
    """(m, 9, 3) token ids of every cell's name, shape and colour (twice `none` where it is empty)."""
    named_words: torch.Tensor
    """(k, 3) for every shape or colour that a user names before an image: row, position, and one word of a
    cell that has it (`none` where no cell has)."""
    named_weights: torch.Tensor
    """(k,) weight of that word; the weights at one position sum to 1."""
    direct_answers: torch.Tensor
    """(d, 3) for every direct answer: row, position before its letter, and the token of the correct
    option."""
    question_ends: torch.Tensor
    """(m, 2) for every lesson with an image: position where its question ends, and the token of the correct
    option."""


def lesson_batch(
    tokenizer: Any,
    mix: LessonMix,
    seed: int,
    step: int,
    size: int,
    text_only: float = 0.0,
    drills: float = 0.0,
) -> LessonBatch:
    """The lessons of one step. `text_only`, `drills`: shares of lessons without an image, and of letter
    drills."""
    rng = random.Random(f"lessons/{seed}/{step}")
    n_drill, n_text = round(size * drills), round(size * (drills + text_only))
    lessons = [
        letter_drill(rng) if k < n_drill else generate_lesson(rng, mix, text_only=k < n_text)
        for k in range(size)
    ]
    rows = [encode(tokenizer, lesson, text_only=k < n_text) for k, lesson in enumerate(lessons)]
    width = max(len(ids) for ids, _ in rows)
    ids = np.full((size, width), tokenizer.pad_token_id, dtype=np.int64)
    skills = np.zeros((size, width), dtype=np.int64)
    mask = np.zeros((size, width), dtype=np.int64)
    for k, (row, skill) in enumerate(rows):
        ids[k, : len(row)], skills[k, : len(row)], mask[k, : len(row)] = row, skill, 1
    with_image = list(zip(lessons[n_text:], rows[n_text:], strict=True))
    scenes = [lesson.scene for lesson, _ in with_image]
    named = [
        (n_text + k, *each)
        for k, (lesson, (row, _)) in enumerate(with_image)
        for each in _named_words(tokenizer, lesson, row)
    ]
    choices = _tokens(tokenizer, "\n" + CHOICES)[0]
    return LessonBatch(
        ids=torch.from_numpy(ids),
        skills=torch.from_numpy(skills),
        mask=torch.from_numpy(mask),
        pixels=pixels(scenes),
        words=torch.tensor([_cell_words(tokenizer, s) for s in scenes], dtype=torch.long).view(-1, SEES, 3),
        named_words=torch.tensor([each[:3] for each in named], dtype=torch.long).view(-1, 3),
        named_weights=torch.tensor([each[3] for each in named], dtype=torch.float32),
        direct_answers=torch.tensor(
            [
                (k, skill.index(DIRECT) - 1, _tokens(tokenizer, f" {lesson.word}")[0])
                for k, (lesson, (_, skill)) in enumerate(zip(lessons, rows, strict=True))
                if DIRECT in skill
            ],
            dtype=torch.long,
        ).view(-1, 3),
        question_ends=torch.tensor(
            [
                (row.index(choices) - 1, _tokens(tokenizer, f" {lesson.word}")[0])
                for lesson, (row, _) in with_image
            ],
            dtype=torch.long,
        ).view(-1, 2),
    )


def encode(tokenizer: Any, lesson: Lesson, *, text_only: bool = False) -> tuple[list[int], list[int]]:
    """Token ids, and the skill of each token. A text-only lesson has no image, and no loss on what is in
    one."""
    image = "" if text_only else IMAGE * SEES
    prompt = f"{SYSTEM_TURN}{SYSTEM}{END}{USER_TURN}{image}{lesson.user}{END}{ASSISTANT_TURN}"
    ids = list(tokenizer.encode(prompt))
    skills = [PROMPT] * len(ids)
    for text, skill in (*lesson.turn, (END, 1)):
        tokens = _tokens(tokenizer, text)
        ids += tokens
        skills += [PROMPT if text_only and skill == SEE else skill] * len(tokens)
    return ids, skills


@lru_cache(maxsize=20_000)
def _tokens(tokenizer: Any, text: str) -> tuple[int, ...]:
    return tuple(tokenizer.encode(text))


def pixels(scenes: Sequence[Scene]) -> torch.Tensor:
    """(m, 3, 84, 84) float32 in [-1, 1]: equal to the processor's output for the rendered scenes."""
    if not scenes:
        return torch.zeros(0, 3, PIXELS, PIXELS)
    small = [np.asarray(render(s).resize((PIXELS, PIXELS), Image.Resampling.BILINEAR)) for s in scenes]
    stacked = torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2).float()
    return stacked / 127.5 - 1


@lru_cache(maxsize=2)
def _shape_and_colour_tokens(tokenizer: Any) -> dict[int, str]:
    """Tokens that name a shape or a colour, in the singular or the plural."""
    names = {}
    for word in (*SHAPES, *COLOURS):
        for form in (word, word + "s", word.capitalize(), word.capitalize() + "s"):
            for text in (form, " " + form):
                tokens = _tokens(tokenizer, text)
                if len(tokens) == 1:
                    names[tokens[0]] = word
    return names


def _named_words(tokenizer: Any, lesson: Lesson, row: list[int]) -> list[tuple[int, int, float]]:
    """(position, word, weight) of what the image has of each shape or colour named before the choices."""
    names, out = _shape_and_colour_tokens(tokenizer), []
    for position, token in enumerate(row[: row.index(_tokens(tokenizer, "\n" + CHOICES)[0])]):
        name = names.get(token)
        if name is None:
            continue
        words = []
        for thing in lesson.scene.things:
            if name in (thing.shape, thing.colour):
                words += [CELLS[thing.cell], thing.colour if name == thing.shape else thing.shape]
        words = words or ["none"]
        out += [(position, _tokens(tokenizer, f" {w}")[0], 1 / len(words)) for w in words]
    return out


def _cell_words(tokenizer: Any, scene: Scene) -> list[tuple[int, ...]]:
    out = []
    for cell, name in enumerate(CELLS):
        thing = scene.at(cell)
        words = (name, thing.shape, thing.colour) if thing else (name, "none", "none")
        out.append(tuple(_tokens(tokenizer, f" {word}")[0] for word in words))
    return out
