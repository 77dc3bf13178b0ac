"""Motion of a camera or an observer: turns, steps, and the positions of things afterwards."""

from __future__ import annotations

import re

from unswayed.cues.checks import normalised
from unswayed.cues.templates import wording
from unswayed.cues.templates.base import Family, ParsedQuestion
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


def _camera(question: Question) -> ParsedQuestion | None:
    match = _CAMERA.match(question.text.strip())
    if not match:
        return None
    verb = (match["does"] or match["was"]).lower()
    did = {"mov": "moved", "rot": "rotated", "tur": "turned"}[verb[:3]]
    phrases = []
    for option in question.options:
        text = wording.value(option)
        if re.match(r"\w+ed\b|did\b|went\b|stayed\b", text):
            phrases.append(text)
        elif text.lower() in ("left", "right"):
            phrases.append(f"{did} to the {text.lower()}")
        elif re.match(r"(?:left|right|up|down|forward|backward|clockwise|counter)", text.lower()):
            phrases.append(f"{did} {text}")
        else:
            return None
    return ParsedQuestion(tuple({"did": did} for did in phrases))


def _goal(question: Question) -> ParsedQuestion | None:
    match = _GOAL.match(" ".join(question.text.split()))
    if not match:
        return None
    x = wording.the(match["x"])
    phrases = []
    for option in question.options:
        text = wording.value(option)
        phrases.append(text if _STRAIGHT.match(text) else f"turn {text}")
    return ParsedQuestion(tuple({"x": x, "turn": turn} for turn in phrases), (x,))


def _then(question: Question) -> ParsedQuestion | None:
    match = _THEN.match(wording.asked(question.text))
    if not match:
        return None
    x, when = wording.the(match["x"]), match["if"][:1].lower() + match["if"][1:]
    slots = []
    for option in question.options:
        word = normalised(option)
        if word in ("left", "right"):
            phrase = f"{match['side'] or 'to my '}{word}"
        elif word in ("closer", "further", "farther", "further away", "farther away", "nearer"):
            phrase = (
                word
                if word.endswith(("away", "er")) and not word.startswith("f")
                else f"{word.split()[0]} away"
            )
        else:
            phrase = wording.value(option)
        slots.append({"when": when, "x": x, "verb": match["verb"].lower(), "how": phrase})
    return ParsedQuestion(tuple(slots), (when, x))


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
