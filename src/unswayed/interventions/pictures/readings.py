"""What only the questions themselves tell of stored trials: the option that a swapped picture shows, and
which picture a thought describes.

Exact, for synthetic scenes; the option also where two questions ask the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from unswayed.interventions.pictures.swaps import shown_option
from unswayed.interventions.scene_thought import CellReport, Conclusion, Piece, read_pieces
from unswayed.metrics.image_use import BASE, BLANK, SWAPPED, PictureReadings
from unswayed.pipeline.stored_cases import build_case
from unswayed.question import Question
from unswayed.scenes import Scene, SceneTruth

_COLUMNS = [
    *("benchmark", "uid", "group", "family", "sample", "condition", "question", "options", "gold"),
    *("image_sha256", "thought", "state", "cue", "cue_text"),
]


def picture_readings(base: pa.Table, probe: pa.Table) -> PictureReadings:
    """The readings of the swapped trials in `probe`; `base` is the trials table of the audit."""
    stored = _rows(base, (BASE, BLANK))
    blank = {
        _unit(row): row["thought"] or ""
        for row in [*_rows(probe, (BLANK,)), *stored]
        if row["condition"] == BLANK
    }
    owners: dict[tuple[str, tuple[str, ...]], Question] = {}
    own: dict[tuple[str, str, int], Question] = {}
    for row in stored:
        if row["condition"] == BASE:
            question = build_case(row).question
            own[_unit(row)] = question
            owners.setdefault((row["benchmark"], tuple(row["image_sha256"] or ())), question)
    shown: dict[tuple[str, str, int], int] = {}
    described: dict[tuple[str, str, int], dict[str, int]] = {}
    for row in _rows(probe, (SWAPPED,)):
        unit = _unit(row)
        other = owners.get((row["benchmark"], tuple(row["image_sha256"] or ())))
        if other is None or unit not in own:
            continue
        option = shown_option(own[unit], other)
        if option is not None:
            shown[unit] = option
        truths = (own[unit].scene, other.scene)
        if row["thought"] and all(isinstance(truth, SceneTruth) for truth in truths):
            old, new = truths
            assert isinstance(old, SceneTruth)
            assert isinstance(new, SceneTruth)
            described[unit] = describes(row["thought"], blank.get(unit), old, new.scene)
    return PictureReadings(shown, described)


def describes(thought: str, blank: str | None, old: SceneTruth, new: Scene) -> dict[str, int]:
    """Number of the thought's statements by what they describe (`metrics.image_use.DESCRIBES`).

    Statements that are true of both pictures, and conclusions, tell nothing and are left out. `blank` is the
    thought on a blank picture, None without one.
    """
    options = old.question.options
    prior = {_content(piece) for piece in read_pieces(blank or "", options)}
    counts: Counter[str] = Counter()
    for piece in read_pieces(thought, options):
        if isinstance(piece, Conclusion):
            continue
        of_new, of_old = _holds(piece, new), _holds(piece, old.scene)
        if of_new and of_old:
            continue
        if of_new or of_old:
            counts["new" if of_new else "old"] += 1
        else:
            counts["prior" if _content(piece) in prior else "other"] += 1
    return dict(counts)


def _holds(piece: Piece, scene: Scene) -> bool:
    if isinstance(piece, CellReport):
        thing = scene.at(piece.cell)
        if piece.thing is None or thing is None:
            return piece.thing is thing
        return (thing.shape, thing.colour) == (piece.thing.shape, piece.thing.colour)
    return not isinstance(piece, Conclusion) and piece.statement.holds(scene)


def _content(piece: Piece) -> object:
    """What a piece says, wherever it stands in the thought."""
    if isinstance(piece, CellReport):
        return piece.cell, piece.thing and (piece.thing.shape, piece.thing.colour)
    return piece.letter if isinstance(piece, Conclusion) else piece.statement


def _rows(table: pa.Table, conditions: tuple[str, ...]) -> list[dict[str, Any]]:
    chosen = table.filter(pc.is_in(table["condition"], pa.array(conditions)))
    rows: list[dict[str, Any]] = chosen.select(_COLUMNS).to_pylist()
    return rows


def _unit(row: Mapping[str, Any]) -> tuple[str, str, int]:
    return row["benchmark"], row["uid"], row["sample"]
