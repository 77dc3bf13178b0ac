"""Where in the picture the answer is seen, and as much of it elsewhere.

For synthetic scenes the cells of the objects that decide the answer; elsewhere the boxes of
`Question.evidence`, where the benchmark has them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from unswayed.conditions import NotAsked
from unswayed.question import Box, Question
from unswayed.scenes import SceneTruth
from unswayed.scenes.language import Colour, Count, Relation
from unswayed.scenes.world import CELLS, GRID

_TRIES = 200
Sizes = Sequence[tuple[int, int]]
"""Width and height of every image of the question, in pixels."""


def evidence_boxes(question: Question, sizes: Sizes) -> tuple[Box, ...] | NotAsked:
    """The boxes that hold the evidence; `NotAsked` where they are not known, or cover the whole picture."""
    if isinstance(question.scene, SceneTruth):
        cells = evidence_cells(question.scene)
        if not cells:
            return NotAsked("no cell of the scene holds what is counted")
        return tuple(_cell_box(cell, sizes[0]) for cell in cells)
    inside = [_inside(box, sizes) for box in question.evidence]
    boxes = tuple(box for box in inside if box is not None)
    if not question.evidence:
        return NotAsked("it is not known where in the picture the evidence is")
    if len(boxes) < len(inside):
        return NotAsked("a box of the evidence lies outside the picture")
    return boxes


def elsewhere_boxes(
    question: Question, sizes: Sizes, evidence: Sequence[Box], rng: random.Random
) -> tuple[Box, ...] | NotAsked:
    """Boxes of the same sizes that touch no evidence: in scenes cells with other objects where there are
    enough, else any other cells; elsewhere the boxes moved to random places. `NotAsked` without room."""
    truth = question.scene
    if isinstance(truth, SceneTruth):
        cells = evidence_cells(truth)
        others = [cell for cell in range(len(CELLS)) if cell not in cells]
        if len(others) < len(cells):
            return NotAsked("the evidence takes more than half of the cells")
        rng.shuffle(others)
        others.sort(key=lambda cell: truth.scene.at(cell) is None)  # stable: objects first
        return tuple(_cell_box(cell, sizes[0]) for cell in sorted(others[: len(cells)]))
    placed: list[Box] = []
    for box in evidence:
        width, height = sizes[box.image]
        for _ in range(_TRIES):
            moved = replace(
                box,
                left=rng.randint(0, max(0, int(width - box.width))),
                top=rng.randint(0, max(0, int(height - box.height))),
            )
            if not any(_touch(moved, other) for other in (*evidence, *placed)):
                placed.append(moved)
                break
        else:
            return NotAsked("there is no room beside the evidence for boxes of its size")
    return tuple(placed)


def evidence_cells(truth: SceneTruth) -> tuple[int, ...]:
    """The cells of the objects that the right statement is about, ascending; empty for a count of zero."""
    scene, statement = truth.scene, truth.question.statements[truth.question.gold]
    match statement:
        case Count(colour=colour, shape=shape):
            things = [t for t in scene.things if colour in (None, t.colour) and shape in (None, t.shape)]
        case Colour(shape=shape):
            things = [t for t in scene.things if t.shape == shape]
        case Relation(a=a, b=b):
            things = [t for t in scene.things if t.shape in (a, b)]
    return tuple(sorted(thing.cell for thing in things))


def _cell_box(cell: int, size: tuple[int, int]) -> Box:
    width, height = size[0] / GRID, size[1] / GRID
    return Box(cell % GRID * width, cell // GRID * height, width, height)


def _inside(box: Box, sizes: Sizes) -> Box | None:
    """The part of the box that lies in its image; None without any."""
    if not 0 <= box.image < len(sizes):
        return None
    width, height = sizes[box.image]
    left, top = max(0.0, box.left), max(0.0, box.top)
    right, bottom = min(width, box.left + box.width), min(height, box.top + box.height)
    return Box(left, top, right - left, bottom - top, box.image) if right > left and bottom > top else None


def _touch(a: Box, b: Box) -> bool:
    return (
        a.image == b.image
        and a.left < b.left + b.width + 1
        and b.left < a.left + a.width + 1
        and a.top < b.top + b.height + 1
        and b.top < a.top + a.height + 1
    )
