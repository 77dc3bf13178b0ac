"""What is right once a picture is turned or mirrored.

For synthetic scenes it is computed from the scene. Elsewhere a rule reads the options: where each of them is
a direction in the image, the right one moves with the picture; where neither question nor options mention a
direction, it stays; anything else is not asked.
"""

from __future__ import annotations

import re
from dataclasses import replace

from unswayed.conditions import NotAsked
from unswayed.interventions.scene_thought import option_that_holds
from unswayed.metrics.image_use.names import MIRRORED, ROTATED, TURNS, strength_name
from unswayed.question import Question
from unswayed.scenes import Scene, SceneTruth
from unswayed.scenes.world import GRID

_CLOCKWISE = ("left", "above", "right", "below")
_DIRECTIONS = {
    "left": "left", "to the left": "left", "to the left of": "left", "left of": "left", "on the left": "left",
    "right": "right", "to the right": "right", "to the right of": "right", "right of": "right",
    "on the right": "right", "above": "above", "on top of": "above", "over": "above", "top": "above",
    "up": "above", "upper": "above", "below": "below", "under": "below", "beneath": "below",
    "underneath": "below", "bottom": "below", "down": "below", "lower": "below",
}  # fmt: skip
_MENTIONS = re.compile(
    r"\b(?:left\w*|right\w*|above|below|over|under\w*|beneath|top\w*|bottom\w*|upper\w*|lower\w*|up|down"
    r"|upwards?|downwards?|north\w*|south\w*|east\w*|west\w*|clockwise|counterclockwise|o'clock|vertical\w*"
    r"|horizontal\w*|upside|rotat\w*|mirror\w*|orient\w*|direction\w*|facing|tilt\w*|read\w*|text|letters?"
    r"|words?|says?|written|clock|time)\b",
    re.IGNORECASE,
)
_VIEWPOINT = re.compile(
    r"\b(?:perspective|viewpoint|point of view|facing|standing|from the \w+'s|turn\w*|if i|if you)\b",
    re.IGNORECASE,
)
TURNINGS = (*(strength_name(ROTATED, turn) for turn in TURNS), MIRRORED)
"""The names that `turned_question` takes."""


def turned_question(question: Question, turning: str) -> Question | NotAsked:
    """The question with the right option of the turned picture; `NotAsked` where that is not known."""
    truth = question.scene
    if isinstance(truth, SceneTruth):
        scene = turned_scene(truth.scene, turning)
        option = option_that_holds(truth, scene)
        if option is None:
            return NotAsked("no single option is right of the turned picture")
        return replace(question, gold=option, scene=SceneTruth(scene, replace(truth.question, gold=option)))
    directions = [_direction(option) for option in question.options]
    known = [direction for direction in directions if direction is not None]
    if len(known) == len(directions):
        if _VIEWPOINT.search(question.text):
            return NotAsked("the question asks for a direction as somebody in the picture sees it")
        moved = turned_direction(known[question.gold], turning)
        if known.count(moved) != 1:
            return NotAsked(f"no single option says {moved!r}, which is right of the turned picture")
        return replace(question, gold=known.index(moved))
    if any(_MENTIONS.search(text) for text in (question.text, question.hint, *question.options)):
        return NotAsked("the question mentions a direction or writing, and no rule knows what is right then")
    return question


def turned_direction(direction: str, turning: str) -> str:
    """Where something at `direction` (left, right, above, below) is in the turned picture.

    >>> turned_direction("left", "rotated@90")
    'above'
    """
    if turning == MIRRORED:
        return {"left": "right", "right": "left"}.get(direction, direction)
    steps = int(turning.split("@")[1]) // 90
    return _CLOCKWISE[(_CLOCKWISE.index(direction) + steps) % 4]


def turned_scene(scene: Scene, turning: str) -> Scene:
    """The scene that the turned picture shows."""
    last = GRID - 1
    steps = 0 if turning == MIRRORED else int(turning.split("@")[1]) // 90
    things = []
    for thing in scene.things:
        row, column = thing.row, thing.column
        if turning == MIRRORED:
            column = last - column
        for _ in range(steps):
            row, column = column, last - row
        things.append(replace(thing, cell=row * GRID + column))
    return replace(scene, things=tuple(sorted(things)))


def _direction(option: str) -> str | None:
    text = option.strip().strip(".").casefold()
    text = re.sub(r"^(?:it is |the )|(?: (?:side|of the (?:image|picture|photo)))+$", "", text)
    return _DIRECTIONS.get(text)
