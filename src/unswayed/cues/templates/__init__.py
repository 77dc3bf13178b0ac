"""Template writers: a question of a known kind becomes natural sentences, a wording for every use.

`FAMILIES` are tried in order; the first that understands a question writes its cues, in the first of
its wordings, in seeded order, in which wrong and right cue pass all checks. Wrong and right cue have
the same wording, so that they differ in what they say alone.
"""

from __future__ import annotations

from collections.abc import Collection

from unswayed.cues.checks import complaints
from unswayed.cues.fallback import Use, draw, wrong_option
from unswayed.cues.templates import (
    attribute,
    captions,
    counting,
    depth,
    geometry,
    motion,
    orientation,
    spatial_relation,
    yesno,
)
from unswayed.cues.templates.base import (
    Family,
    Reading,
    every_wording,
    fill,
)
from unswayed.cues.templates.wording import concluded
from unswayed.question import Cue, CueKind, Cues, Question

__all__ = ["FAMILIES", "cues", "every_wording", "family"]

FAMILIES: tuple[Family, ...] = (
    *geometry.FAMILIES,
    *counting.FAMILIES,
    *motion.FAMILIES,
    *orientation.FAMILIES,
    *depth.FAMILIES,
    *yesno.FAMILIES,
    *captions.FAMILIES,
    *spatial_relation.FAMILIES,
    *attribute.FAMILIES,
)


def family(question: Question) -> str | None:
    """The name of the first family that understands a question; None: no template does."""
    return next((f.name for f in FAMILIES if f.read(question) is not None), None)


def cues(question: Question, seed: int, use: Use = "audit", refused: Collection[str] = ()) -> Cues:
    """Template captions and thoughts; None in a slot where no template passes the checks.

    Phrasings in `refused` are not taken.
    """
    wrong = wrong_option(question, seed)
    read = [(f, reading) for f in FAMILIES if (reading := f.read(question)) is not None]
    captions_ = _pair(question, seed, use, "caption", wrong, read, refused)
    thoughts = _pair(question, seed, use, "thought", wrong, read, refused)
    return Cues(captions_[0], thoughts[0], captions_[1], thoughts[1])


def _pair(
    question: Question,
    seed: int,
    use: Use,
    kind: CueKind,
    wrong: int,
    read: list[tuple[Family, Reading]],
    refused: Collection[str],
) -> tuple[Cue, Cue] | tuple[None, None]:
    for found, reading in read:
        wordings = found.wordings(use, kind)
        first = draw(question, seed, f"template {use} {kind}") % len(wordings) if wordings else 0
        for name, wording in wordings[first:] + wordings[:first]:
            if name in refused:
                continue
            pair = [
                Cue(
                    kind,
                    option,
                    fill(wording, reading.slots[option], concluded(question.options[option])),
                    "template",
                    name,
                )
                for option in (wrong, question.gold)
            ]
            if not any(complaints(cue, question, reading.given) for cue in pair):
                return pair[0], pair[1]
    return None, None
