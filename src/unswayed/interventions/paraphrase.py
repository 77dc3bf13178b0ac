"""`think-paraphrased`: the same content in other words.

Thoughts about synthetic scenes are paraphrased by templates. Other thoughts need a `Paraphraser`, a function
that a caller of `interventions.probe` may pass; none by a language model is part of this version.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from unswayed.conditions import NotAsked
from unswayed.interventions.scene_thought import CellReport, Conclusion, Piece, StatementSpan, read_pieces
from unswayed.question import Question
from unswayed.scenes import SceneTruth
from unswayed.scenes.language import fill_template, phrasings
from unswayed.scenes.world import CELLS

Paraphraser = Callable[[Question, str, random.Random], str | NotAsked]
"""(question, thought, random numbers) -> the thought in other words. Pure, so that a run can be resumed."""

_CONNECTORS = re.compile(
    r"\b(?:look|looking at the image|in the image|so|i see(?: that)?|i count|in this image|there (?:is|are)|"
    r"it looks like|i think|at a glance|here|that)\b|[\s:;,.]+",
    re.IGNORECASE,
)
_CELLS = (
    ("Cell {cell} holds a {colour} {shape}{tally}.", "Cell {cell} is empty."),
    ("In {cell} there is a {colour} {shape}{tally}.", "In {cell} there is nothing."),
)
_CONCLUSIONS = ("The answer is therefore {word}{letter}.", "This makes the answer {word}{letter}.")


def paraphrase(question: Question, thought: str, rng: random.Random) -> str | NotAsked:
    """A thought about a synthetic scene in other words; `NotAsked` for other questions, and where the thought
    holds words that the templates do not cover, for they would be lost."""
    if not isinstance(question.scene, SceneTruth):
        return NotAsked(
            "templates paraphrase thoughts about synthetic scenes only, and no other writer was given"
        )
    pieces = read_pieces(thought, question.scene.question.options)
    rest = thought
    for piece in reversed(pieces):
        rest = f"{rest[: piece.start]} {rest[piece.end :]}"
    rest = _CONNECTORS.sub(" ", rest).strip()
    if rest:
        return NotAsked(f"the templates do not cover {rest[:60]!r}")
    if not pieces:
        return NotAsked("the thought makes no statement about the scene")
    cells, conclusion = rng.choice(_CELLS), rng.choice(_CONCLUSIONS)
    return " ".join(_sentence(piece, thought, question, cells, conclusion, rng) for piece in pieces)


def _sentence(
    piece: Piece,
    thought: str,
    question: Question,
    cells: tuple[str, str],
    conclusion: str,
    rng: random.Random,
) -> str:
    if isinstance(piece, CellReport):
        holds, empty = cells
        if piece.thing is None:
            return empty.format(cell=CELLS[piece.cell])
        tally = f", number {piece.tally}" if piece.tally else ""
        article = "an" if piece.thing.colour[0] in "aeiou" else "a"
        text = holds.replace(" a {", f" {article} {{")
        return text.format(
            cell=CELLS[piece.cell], colour=piece.thing.colour, shape=piece.thing.shape, tally=tally
        )
    if isinstance(piece, Conclusion):
        return conclusion.format(word=question.options[piece.option], letter=piece.letter)
    assert isinstance(piece, StatementSpan)
    wordings = [fill_template(piece.statement, t) for t in phrasings(piece.statement, "thought", "audit")]
    return rng.choice([wording for wording in wordings if wording not in thought])
