"""What a thought says about a synthetic scene, piece by piece: reports of cells, statements, the conclusion.

Reports of cells are the bundled model's language (``b2 circle red one``, see `pebble.lesson_text`);
statements are those of `scenes.language`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from unswayed.pebble.lesson_text import describe_cells
from unswayed.scenes import Scene, SceneObject, SceneTruth, find_statements
from unswayed.scenes.language import NUMBERS, Statement
from unswayed.scenes.world import CELLS, COLOURS, SHAPES

_MARK = rf"here|first [abc][1-3]|second [abc][1-3]|{'|'.join(NUMBERS)}"
_REPORT = re.compile(
    rf"\b(?P<cell>[abc][1-3]) (?:none\b|(?P<shape>{'|'.join(SHAPES)})(?: (?:{_MARK}))? "
    rf"(?P<colour>{'|'.join(COLOURS)})\b(?: (?P<count>{'|'.join(NUMBERS)})\b)?)"
)
_CONCLUSION = re.compile(
    r"(?:\bSo (?:here \w+, |first [abc][1-3] second [abc][1-3], )?)?"
    r"\bit is (?P<word>\w+)(?P<letter> \([A-Z]\))?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class CellReport:
    """One cell as the thought describes it."""

    start: int
    end: int
    cell: int
    """Index into `CELLS`."""
    thing: SceneObject | None
    """None: the cell is called empty."""
    tally: str | None = None
    """The running count that marks it as counted, as a word."""


@dataclass(frozen=True)
class StatementSpan:
    """One statement in the language of scenes."""

    start: int
    end: int
    statement: Statement


@dataclass(frozen=True)
class Conclusion:
    """``So it is two (B)``."""

    start: int
    end: int
    word_start: int
    word_end: int
    option: int
    """0-based."""
    letter: str
    """The letter in brackets with the blank before it, or empty."""


Piece = CellReport | StatementSpan | Conclusion


def read_pieces(thought: str, options: Sequence[str]) -> list[Piece]:
    """All pieces of a thought in order, not overlapping."""
    pieces: list[Piece] = []
    for hit in _REPORT.finditer(thought):
        cell = CELLS.index(hit["cell"])
        thing = SceneObject(cell, hit["shape"], hit["colour"]) if hit["shape"] else None
        tally = hit["count"] or next((w for w in hit.group().split() if w in NUMBERS), None)
        pieces.append(CellReport(*hit.span(), cell, thing, tally))
    for statement, start, end in find_statements(thought):
        pieces.append(StatementSpan(start, end, statement))
    for hit in _CONCLUSION.finditer(thought):
        if hit["word"] in options:
            pieces.append(
                Conclusion(*hit.span(), *hit.span("word"), options.index(hit["word"]), hit["letter"] or "")
            )
    kept: list[Piece] = []
    for piece in sorted(pieces, key=lambda p: (p.start, -p.end)):
        if not kept or piece.start >= kept[-1].end:
            kept.append(piece)
    return kept


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
    hits = [hit for hit in _REPORT.finditer(text) if hit["cell"] == CELLS[cell]]
    return hits[0].group() if hits else None
