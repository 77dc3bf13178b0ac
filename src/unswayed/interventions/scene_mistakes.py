"""False statements for thoughts about synthetic scenes: false of the scene, and it is known what follows."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from unswayed.interventions.mistakes import Mistake
from unswayed.interventions.scene_thought import (
    CellReport,
    Conclusion,
    StatementSpan,
    described_scene,
    option_that_holds,
    read_pieces,
    report_text,
    with_thing,
)
from unswayed.scenes import Scene, SceneObject, SceneTruth
from unswayed.scenes.language import NUMBERS, RELATIONS, Colour, Count, Relation, Statement, fill_template
from unswayed.scenes.world import CELLS, COLOURS, SHAPES

_WORDINGS: dict[type[Statement], tuple[str, str]] = {
    Count: ("{n} {what}", ""),
    Colour: ("the {shape} is {colour}", "{a_colour} {colour} {shape}"),
    Relation: ("the {a} is {rel} the {b}", "the {a} {rel} the {b}"),
}
"""Templates in which a statement is written again: with and without a verb of its own."""


def scene_mistakes(thought: str, truth: SceneTruth, answer: int, rng: random.Random) -> list[Mistake]:
    """One mistake for every statement of the thought that can be falsified, in order.

    `Mistake.option` is the option that is true if the false statement is believed and all else is as the
    thought describes it, where that option is neither the right one, nor the one that the thought's own
    description makes true, nor `answer`, the model's own.
    """
    pieces = read_pieces(thought, truth.question.options)
    described = described_scene(pieces, truth.scene)
    spared = {truth.question.gold, answer, option_that_holds(truth, described)}
    mistakes = []
    for piece in pieces:
        if isinstance(piece, CellReport):
            mistake = _cell(thought, piece, truth, described, spared, rng)
        elif isinstance(piece, StatementSpan):
            mistake = _statement(thought, piece, truth, answer, rng)
        else:
            mistake = _conclusion(piece, truth, answer, rng)
        if mistake is not None:
            mistakes.append(mistake)
    return mistakes


def _cell(
    thought: str,
    piece: CellReport,
    truth: SceneTruth,
    described: Scene,
    spared: set[int | None],
    rng: random.Random,
) -> Mistake | None:
    """Another shape or colour in this cell; one from which another option follows, where there is one."""
    actual = truth.scene.at(piece.cell)
    candidates = []
    for thing in _others(piece):
        if thing == actual:
            continue
        text = _report(thought, piece, thing, truth, described)
        option = option_that_holds(truth, with_thing(described, piece.cell, thing))
        follows = None if option in spared else option
        candidates.append(Mistake(piece.start, piece.end, text, "scene-cell", follows, complete=True))
    consequential = [m for m in candidates if m.option is not None]
    return rng.choice(consequential or candidates) if candidates else None


def _others(piece: CellReport) -> Iterator[SceneObject]:
    """Contents that differ from the report in shape or in colour; any object where it says that there is
    none."""
    if piece.thing is None:
        yield from (SceneObject(piece.cell, shape, colour) for shape in SHAPES for colour in COLOURS)
        return
    yield from (replace(piece.thing, shape=shape) for shape in SHAPES if shape != piece.thing.shape)
    yield from (replace(piece.thing, colour=colour) for colour in COLOURS if colour != piece.thing.colour)


def _report(thought: str, piece: CellReport, thing: SceneObject, truth: SceneTruth, described: Scene) -> str:
    """The false report, in the thought's own form: with the bundled model's marks where it writes them."""
    original = thought[piece.start : piece.end]
    if original == report_text(described, truth, piece.cell):
        marked = report_text(with_thing(described, piece.cell, thing), truth, piece.cell)
        if marked is not None:
            return marked
    return f"{CELLS[piece.cell]} {thing.shape} {thing.colour}"


def _statement(
    thought: str, piece: StatementSpan, truth: SceneTruth, answer: int, rng: random.Random
) -> Mistake | None:
    question = truth.question
    about_question = piece.statement in question.statements
    others = list(question.statements) if about_question else list(_variants(piece.statement))
    spared = {piece.statement, question.statements[answer]}
    false = [s for s in others if s not in spared and not s.holds(truth.scene)]
    if not false:
        return None
    statement = rng.choice(false)
    original = thought[piece.start : piece.end]
    with_verb, without = _WORDINGS[type(statement)]
    template = with_verb if " is " in f" {original} " or not without else without
    text = fill_template(statement, template)
    if original[:1].isupper():
        text = text[:1].upper() + text[1:]
    option = question.statements.index(statement) if about_question else None
    return Mistake(piece.start, piece.end, text, "scene-statement", option, complete=True)


def _variants(statement: Statement) -> Iterator[Statement]:
    match statement:
        case Count(n=n):
            yield from (replace(statement, n=m) for m in (n - 1, n + 1) if 0 <= m < len(NUMBERS))
        case Colour():
            yield from (replace(statement, colour=colour) for colour in COLOURS)
        case Relation():
            yield from (replace(statement, relation=relation) for relation in RELATIONS)


def _conclusion(piece: Conclusion, truth: SceneTruth, answer: int, rng: random.Random) -> Mistake | None:
    options = truth.question.options
    others = [k for k in range(len(options)) if k not in (piece.option, truth.question.gold, answer)]
    if not others:
        return None
    option = rng.choice(others)
    return Mistake(piece.word_start, piece.word_end, options[option], "scene-conclusion", option)
