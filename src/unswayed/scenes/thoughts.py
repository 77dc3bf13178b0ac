"""What a thought about a synthetic scene says, piece by piece: reports of cells, statements, conclusions.

Reports of cells are the bundled model's language (``b2 circle red one``, see `pebble.lesson_text`);
statements are those of `scenes.language`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from unswayed.scenes.language import NUMBERS, Statement, find_statements
from unswayed.scenes.world import CELLS, COLOURS, SHAPES, SceneObject

_MARK = rf"here|first [abc][1-3]|second [abc][1-3]|{'|'.join(NUMBERS)}"
_REPORT = re.compile(
    rf"\b(?P<cell>[abc][1-3]) (?:none\b|(?P<shape>{'|'.join(SHAPES)})(?: (?P<mark>{_MARK}))? "
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
    mark: str | None = None
    """``here``, ``first c1`` or ``second c1`` after the shape."""


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


def find_reports(thought: str) -> list[CellReport]:
    """All reports of cells, in order."""
    reports = []
    for hit in _REPORT.finditer(thought):
        cell = CELLS.index(hit["cell"])
        thing = SceneObject(cell, hit["shape"], hit["colour"]) if hit["shape"] else None
        tally = hit["count"] or (hit["mark"] if hit["mark"] in NUMBERS else None)
        mark = None if hit["mark"] in NUMBERS else hit["mark"]
        reports.append(CellReport(*hit.span(), cell, thing, tally, mark))
    return reports


def read_pieces(thought: str, options: Sequence[str]) -> list[Piece]:
    """All pieces of a thought in order, not overlapping."""
    pieces: list[Piece] = [*find_reports(thought)]
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
