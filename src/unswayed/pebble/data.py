"""From lessons to tensors. Every batch is a function of (seed, step), so a resumed run sees the same."""

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
    Diet,
    Lesson,
    drill,
    lesson,
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
    draw,
)


@dataclass(frozen=True)
class Batch:
    """`n` rows, right-padded to `t` tokens; `m` of them with a picture."""

    ids: torch.Tensor
    """(n, t) token ids."""
    skills: torch.Tensor
    """(n, t) skill that each token practises; 0 takes no loss."""
    mask: torch.Tensor
    """(n, t) 1 where there is a token."""
    pixels: torch.Tensor
    """(m, 3, 84, 84) in [-1, 1]."""
    words: torch.Tensor
    """(m, 9, 3) token ids of every cell's name, shape and colour (twice `none` where it is empty)."""
    named: torch.Tensor
    """(k, 3) of every shape or colour that a user names before a picture: row, place, and one word of a
    cell that has it (`none` where no cell has)."""
    share: torch.Tensor
    """(k,) weight of that word; those of one place sum to 1."""
    begun: torch.Tensor
    """(d, 3) of every direct answer: row, place before its letter, and the token of the right option."""
    asked: torch.Tensor
    """(m, 2) of every lesson with a picture: where its question ends, and the token of the right option."""


def batch(
    tokenizer: Any, diet: Diet, seed: int, step: int, size: int, text_only: float = 0.0, drills: float = 0.0
) -> Batch:
    """The lessons of one step; shares of them `text_only`, and drills (also without a picture)."""
    rng = random.Random(f"lessons/{seed}/{step}")
    n_drill, n_text = round(size * drills), round(size * (drills + text_only))
    chosen = [drill(rng) if k < n_drill else lesson(rng, diet, text_only=k < n_text) for k in range(size)]
    rows = [encode(tokenizer, one, text_only=k < n_text) for k, one in enumerate(chosen)]
    width = max(len(ids) for ids, _ in rows)
    ids = np.full((size, width), tokenizer.pad_token_id, dtype=np.int64)
    skills = np.zeros((size, width), dtype=np.int64)
    mask = np.zeros((size, width), dtype=np.int64)
    for k, (row, skill) in enumerate(rows):
        ids[k, : len(row)], skills[k, : len(row)], mask[k, : len(row)] = row, skill, 1
    seen = [one.scene for one in chosen[n_text:]]
    found = [(k, *each) for k in range(n_text, size) for each in _retrieved(tokenizer, chosen[k], rows[k][0])]
    choices = _piece(tokenizer, "\n" + CHOICES)[0]
    return Batch(
        torch.from_numpy(ids),
        torch.from_numpy(skills),
        torch.from_numpy(mask),
        pixels(seen),
        torch.tensor([_words(tokenizer, s) for s in seen], dtype=torch.long).view(-1, SEES, 3),
        torch.tensor([pair[:3] for pair in found], dtype=torch.long).view(-1, 3),
        torch.tensor([pair[3] for pair in found], dtype=torch.float32),
        torch.tensor(
            [
                (k, skill.index(DIRECT) - 1, _piece(tokenizer, f" {one.word}")[0])
                for k, (one, (_, skill)) in enumerate(zip(chosen, rows, strict=True))
                if DIRECT in skill
            ],
            dtype=torch.long,
        ).view(-1, 3),
        torch.tensor(
            [
                (row.index(choices) - 1, _piece(tokenizer, f" {one.word}")[0])
                for one, (row, _) in zip(chosen[n_text:], rows[n_text:], strict=True)
            ],
            dtype=torch.long,
        ).view(-1, 2),
    )


def encode(tokenizer: Any, one: Lesson, *, text_only: bool = False) -> tuple[list[int], list[int]]:
    """Token ids and the skill of each. A text-only lesson has no picture, and is not asked to see."""
    picture = "" if text_only else IMAGE * SEES
    prompt = f"{SYSTEM_TURN}{SYSTEM}{END}{USER_TURN}{picture}{one.user}{END}{ASSISTANT_TURN}"
    ids = list(tokenizer.encode(prompt))
    skills = [PROMPT] * len(ids)
    for text, skill in (*one.turn, (END, 1)):
        piece = _piece(tokenizer, text)
        ids += piece
        skills += [PROMPT if text_only and skill == SEE else skill] * len(piece)
    return ids, skills


@lru_cache(maxsize=20_000)
def _piece(tokenizer: Any, text: str) -> tuple[int, ...]:
    return tuple(tokenizer.encode(text))


def pixels(scenes: Sequence[Scene]) -> torch.Tensor:
    """(m, 3, 84, 84) float32 in [-1, 1]: what the processor makes of the drawn pictures."""
    if not scenes:
        return torch.zeros(0, 3, PIXELS, PIXELS)
    small = [np.asarray(draw(s).resize((PIXELS, PIXELS), Image.Resampling.BILINEAR)) for s in scenes]
    stacked = torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2).float()
    return stacked / 127.5 - 1


@lru_cache(maxsize=2)
def _content(tokenizer: Any) -> dict[int, str]:
    """Tokens that name a shape or a colour, in the singular or the plural."""
    names = {}
    for word in (*SHAPES, *COLOURS):
        for said in (word, word + "s", word.capitalize(), word.capitalize() + "s"):
            for text in (said, " " + said):
                piece = _piece(tokenizer, text)
                if len(piece) == 1:
                    names[piece[0]] = word
    return names


def _retrieved(tokenizer: Any, one: Lesson, row: list[int]) -> list[tuple[int, int, float]]:
    """(place, word, weight): what the picture says of each shape or colour before the choices."""
    names, out = _content(tokenizer), []
    for place, token in enumerate(row[: row.index(_piece(tokenizer, "\n" + CHOICES)[0])]):
        name = names.get(token)
        if name is None:
            continue
        words = []
        for thing in one.scene.things:
            if name in (thing.shape, thing.colour):
                words += [CELLS[thing.cell], thing.colour if name == thing.shape else thing.shape]
        words = words or ["none"]
        out += [(place, _piece(tokenizer, f" {w}")[0], 1 / len(words)) for w in words]
    return out


def _words(tokenizer: Any, scene: Scene) -> list[tuple[int, ...]]:
    out = []
    for cell, name in enumerate(CELLS):
        thing = scene.at(cell)
        said = (name, thing.shape, thing.colour) if thing else (name, "none", "none")
        out.append(tuple(_piece(tokenizer, f" {word}")[0] for word in said))
    return out
