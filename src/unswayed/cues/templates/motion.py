"""What a camera or a walker did or should do: turns, steps, and where things are afterwards."""

from __future__ import annotations

import re

from unswayed.cues.checks import normalised
from unswayed.cues.templates import wording
from unswayed.cues.templates.base import Family, Reading
from unswayed.question import Question

_CAMERA = re.compile(
    r"(?:.*\b)?how did the camera (?:likely )?(?P<does>move|rotate|turn)\b.*"
    r"|.*\bwas the camera (?P<was>moving|rotating|turning)\b.*",
    re.IGNORECASE,
)
_GOAL = re.compile(
    r".*\bi need to go to (?P<x>.+?)\. which (?:direction|way) should i (?:turn|go|rotate)\b.*", re.IGNORECASE
)
_THEN = re.compile(
    r"(?P<if>(?:if i|for someone) .+?), will (?P<x>.+?) (?P<verb>be|get) (?P<side>to (?:my|their) )?"
    r"(?P<either>.+? or .+)\Z",
    re.IGNORECASE,
)
_STRAIGHT = re.compile(r"(?:look|go|move|walk|turn|rotate|stay|keep)\b", re.IGNORECASE)


def _camera(question: Question) -> Reading | None:
    found = _CAMERA.match(question.text.strip())
    if not found:
        return None
    verb = (found["does"] or found["was"]).lower()
    did = {"mov": "moved", "rot": "rotated", "tur": "turned"}[verb[:3]]
    said = []
    for option in question.options:
        text = wording.value(option)
        if re.match(r"\w+ed\b|did\b|went\b|stayed\b", text):
            said.append(text)
        elif text.lower() in ("left", "right"):
            said.append(f"{did} to the {text.lower()}")
        elif re.match(r"(?:left|right|up|down|forward|backward|clockwise|counter)", text.lower()):
            said.append(f"{did} {text}")
        else:
            return None
    return Reading(tuple({"did": did} for did in said))


def _goal(question: Question) -> Reading | None:
    found = _GOAL.match(" ".join(question.text.split()))
    if not found:
        return None
    x = wording.the(found["x"])
    said = []
    for option in question.options:
        text = wording.value(option)
        said.append(text if _STRAIGHT.match(text) else f"turn {text}")
    return Reading(tuple({"x": x, "turn": turn} for turn in said), (x,))


def _then(question: Question) -> Reading | None:
    found = _THEN.match(wording.asked(question.text))
    if not found:
        return None
    x, when = wording.the(found["x"]), found["if"][:1].lower() + found["if"][1:]
    slots = []
    for option in question.options:
        word = normalised(option)
        if word in ("left", "right"):
            said = f"{found['side'] or 'to my '}{word}"
        elif word in ("closer", "further", "farther", "further away", "farther away", "nearer"):
            said = (
                word
                if word.endswith(("away", "er")) and not word.startswith("f")
                else f"{word.split()[0]} away"
            )
        else:
            said = wording.value(option)
        slots.append({"when": when, "x": x, "verb": found["verb"].lower(), "how": said})
    return Reading(tuple(slots), (when, x))


FAMILIES = (
    Family(
        "camera-motion",
        _camera,
        clauses={
            "audit": ("the camera {did}", "from the first picture to the second, the camera {did}"),
            "train": ("what happened between the two views is that the camera {did}",),
        },
    ),
    Family(
        "goal",
        _goal,
        clauses={
            "audit": ("to face {x}, I should {turn}",),
            "train": ("the way to face {x} is to {turn}",),
        },
    ),
    Family(
        "after-moving",
        _then,
        clauses={
            "audit": ("{when}, {x} will {verb} {how}",),
            "train": ("{when}, {x} will {verb} {how}",),
        },
    ),
)
