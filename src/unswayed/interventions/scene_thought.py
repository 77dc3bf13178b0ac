"""Scenes as a thought describes them, and the bundled model's words for a scene.

The pieces of a thought are read by `scenes.thoughts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from unswayed.pebble.lesson_text import describe_cells
from unswayed.scenes import Scene, SceneObject, SceneTruth
from unswayed.scenes.thoughts import (
    CellReport,
    Conclusion,
    Piece,
    StatementSpan,
    find_reports,
    read_pieces,
)

__all__ = [
    "CellReport",
    "Conclusion",
    "Piece",
    "StatementSpan",
    "described_scene",
    "option_that_holds",
    "read_pieces",
    "report_text",
    "with_thing",
]


def described_scene(pieces: Sequence[Piece], truth: Scene) -> Scene:
    """The scene as the thought describes it; cells that it does not report are as in `truth`."""
    things = {thing.cell: thing for thing in truth.things}
    for piece in pieces:
        if isinstance(piece, CellReport):
            things.pop(piece.cell, None)
            if piece.thing is not None:
                things[piece.cell] = piece.thing
    return replace(truth, things=tuple(things[cell] for cell in sorted(things)))


def with_thing(scene: Scene, cell: int, thing: SceneObject | None) -> Scene:
    """`scene` with another content of one cell."""
    others = [other for other in scene.things if other.cell != cell]
    return replace(scene, things=tuple(sorted([*others, *([thing] if thing else [])])))


def option_that_holds(truth: SceneTruth, scene: Scene) -> int | None:
    """The only option whose statement is true of `scene`; None: none, or several."""
    holding = [k for k, statement in enumerate(truth.question.statements) if statement.holds(scene)]
    return holding[0] if len(holding) == 1 else None


def report_text(scene: Scene, truth: SceneTruth, cell: int) -> str | None:
    """How the bundled model would report a cell of `scene`, with its marks; None where its language has no
    words for that scene."""
    text = "".join(words for words, _ in describe_cells(scene, truth.question))
    hits = [report for report in find_reports(text) if report.cell == cell]
    return text[hits[0].start : hits[0].end] if hits else None
