"""Template writers: natural sentences for questions of known kinds, with separate wordings for each use.

`FAMILIES` are tried in order. The first that parses a question writes its cues, in the first of its
wordings, in seeded order, in which the wrong and the right cue pass all checks. Both cues have the same
wording, so that they differ only in the option.
"""

from __future__ import annotations

from collections.abc import Collection

from unswayed.cues.checks import problems
from unswayed.cues.fallback import Use, has_lines, seeded_number, wrong_option
from unswayed.cues.templates import (
    attribute,
    caption_options,
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
    ParsedQuestion,
    all_wordings,
    fill,
)
from unswayed.cues.templates.wording import concluded
from unswayed.question import Cue, CueKind, Cues, Question

__all__ = ["FAMILIES", "all_wordings", "cues", "family"]

FAMILIES: tuple[Family, ...] = (
    *geometry.FAMILIES,
    *counting.FAMILIES,
    *motion.FAMILIES,
    *orientation.FAMILIES,
    *depth.FAMILIES,
    *yesno.FAMILIES,
    *caption_options.FAMILIES,
    *spatial_relation.FAMILIES,
    *attribute.FAMILIES,
)


def family(question: Question) -> str | None:
    """The name of the first family that parses a question; None: no family does."""
    return next((f.name for f in FAMILIES if f.read(question) is not None), None)


def cues(question: Question, seed: int, use: Use = "audit", refused: Collection[str] = ()) -> Cues:
    """Template captions and thoughts; None in a slot where no template passes the checks.

    Options of several lines (code) have none: no sentence can hold them unchanged.

    Phrasings in `refused` are not used.
    """
    wrong = wrong_option(question, seed)
    if any(map(has_lines, question.options)):
        return Cues()
    families = [(f, parsed) for f in FAMILIES if (parsed := f.read(question)) is not None]
    captions = _pair(question, seed, use, "caption", wrong, families, refused)
    thoughts = _pair(question, seed, use, "thought", wrong, families, refused)
    return Cues(captions[0], thoughts[0], captions[1], thoughts[1])


def _pair(
    question: Question,
    seed: int,
    use: Use,
    kind: CueKind,
    wrong: int,
    families: list[tuple[Family, ParsedQuestion]],
    refused: Collection[str],
) -> tuple[Cue, Cue] | tuple[None, None]:
    for family, parsed in families:
        wordings = family.wordings(use, kind)
        first = seeded_number(question, seed, f"template {use} {kind}") % len(wordings) if wordings else 0
        for name, wording in wordings[first:] + wordings[:first]:
            if name in refused:
                continue
            pair = [
                Cue(
                    kind,
                    option,
                    fill(wording, parsed.slots[option], concluded(question.options[option])),
                    "template",
                    name,
                )
                for option in (wrong, question.gold)
            ]
            if not any(problems(cue, question, parsed.given) for cue in pair):
                return pair[0], pair[1]
    return None, None
