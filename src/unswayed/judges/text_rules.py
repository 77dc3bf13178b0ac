"""The rule judge for any question: what does a thought finally assert?

It knows only the words of the thought and of the options, so it abstains wherever two readings are possible.

* A thought is cut into segments at sentence ends and at words such as "but", "wait", "so", "because". The
  last segment that asserts exactly one option decides.
* A segment that concludes ("so …", "the answer is …", a box) or corrects ("wait, …", "but I think …") decides
  alone. A bare statement decides only if no other option was plainly stated since the last correction.
* A correction whose content is not understood puts the statements before it in doubt: abstains.
* Questions, hedges ("maybe", "might be", "or", "if"), two options at once, a withdrawal ("that is wrong") or
  a later denial of the same option: abstains.
* What a caption "says" and what follows "because" or "although" is not the thought's own assertion. Neither
  is a list of the options without a word about them.
* A letter counts in brackets, after "option" or "answer is", chosen ("go with B"), or alone.
* A conclusion that no option says is a verdict of its own (see `off_menu`).
* Only talk about thinking: `nothing`. Any other thought without options: abstains.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from unswayed.answers.extraction import first_clause, unbox
from unswayed.answers.option_matching import mask
from unswayed.answers.references import ANSWER, OUT_OF_RANGE, STATED, Reference, find_references, identifies
from unswayed.answers.value_classes import contradicts
from unswayed.judges.base import Verdict
from unswayed.judges.injection_filter import remove_injections
from unswayed.judges.lexicon import (
    ACCUSES,
    AFFIRMS,
    APPEARS,
    ASIDE,
    ATTRIBUTES,
    BREAK,
    CONCLUDES,
    CONTRAST,
    CORRECTS,
    DENIES,
    HEDGES,
    LONE_LETTER,
    WITHDRAWS,
    is_filler,
)
from unswayed.judges.off_menu import off_menu_value

__all__ = ["conclude"]

_MAX_CHARS = 20_000
"""Number of characters of a thought that are read, counted from its end."""


@dataclass(frozen=True)
class _Segment:
    text: str
    """With ``#`` in place of the options' words."""
    asserted: frozenset[int]
    denied: frozenset[int]
    concludes: bool
    corrects: bool
    withdraws: bool
    unsure: bool
    aside: bool
    lists: bool
    """Names one option by letter and words, and says nothing about it."""
    off_menu: str | None
    """A conclusion that no option says, in the thought's words."""


def conclude(thought: str, options: Sequence[str]) -> Verdict:
    """What `thought` finally asserts; `options` as shown. Never raises; linear in time.

    >>> conclude("It looks red. Wait, actually it is blue.", ["red", "blue"]).option
    1
    >>> conclude("I count them. So there are 4.", ["1", "2", "3"]).words
    '4'
    """
    text, tampered = remove_injections(unbox(thought))
    text = text[-_MAX_CHARS:]
    segments = list(_segments(text, options))
    decision = _last(segments)
    if isinstance(decision, str):
        return Verdict("elsewhere", words=decision)
    if decision is not None:
        return Verdict("option", decision) if decision >= 0 else Verdict("abstains")
    spoken = any(s.asserted or s.denied for s in segments)
    return Verdict("nothing" if is_filler(text) and not spoken and not tampered else "abstains")


def _last(segments: list[_Segment]) -> int | str | None:
    """The conclusion: an option, or the words of one that no option says.

    `OUT_OF_RANGE` where it cannot be told; None where nothing is asserted.
    """
    denied: set[int] = set()
    stated: int | None = None
    for segment in reversed(segments):
        if segment.aside:
            continue
        if stated is not None:  # a bare statement: does anything before it contradict it?
            if len(segment.asserted) == 1 and not segment.unsure and stated not in segment.asserted:
                return OUT_OF_RANGE
            if segment.off_menu is not None and segment.concludes:
                return OUT_OF_RANGE
            if segment.corrects or (segment.concludes and stated in segment.asserted):
                return stated
            continue
        if segment.asserted:
            option = min(segment.asserted)
            if segment.unsure or len(segment.asserted) > 1 or option in denied:
                return OUT_OF_RANGE
            if segment.concludes or segment.corrects:
                return option
            stated = option
        elif segment.off_menu is not None and not segment.unsure:
            return segment.off_menu
        elif segment.withdraws or (segment.corrects and not is_filler(segment.text)):
            return OUT_OF_RANGE
        denied |= segment.denied
    return stated


def _segments(text: str, options: Sequence[str]) -> list[_Segment]:
    references = find_references(text, options)
    segments: list[_Segment] = []
    n = 0
    for start, end, question in _cuts(text, references):
        inside = []
        while n < len(references) and references[n].start < end:
            inside.append(references[n])
            n += 1
        segment = _segment(text[start:end], start, inside, question, options)
        before = segments[-1] if segments else None
        if before is not None and not segment.corrects and CONTRAST.match(segment.text):
            gives_way = before.aside or bool(before.denied) or APPEARS.search(before.text) is not None
            segment = replace(segment, corrects=gives_way)
        segments.append(segment)
    for k in range(1, len(segments)):  # a list of the options asserts none of them
        if segments[k].lists and segments[k - 1].lists:
            segments[k - 1], segments[k] = (
                replace(segments[k - 1], aside=True),
                replace(segments[k], aside=True),
            )
    return segments


def _cuts(text: str, references: list[Reference]) -> Iterator[tuple[int, int, bool]]:
    """(start, end, part of a question) of every segment; no cut goes through a reference."""
    cuts: list[tuple[int, str]] = []
    n = 0
    for match in BREAK.finditer(text):
        while n < len(references) and references[n].end <= match.start():
            n += 1
        if n == len(references) or not references[n].start < match.end() <= references[n].end:
            cuts.append((match.end(), match.group()))
    cuts.append((len(text), "."))
    questions = []
    question = False
    for _, mark in reversed(cuts):  # a question mark applies back to the beginning of its sentence
        question = "?" in mark if mark else question
        questions.append(question)
    start = 0
    for (end, _), asks in zip(cuts, reversed(questions), strict=True):
        if text[start:end].strip():
            yield start, end, asks
        start = end


def _segment(
    text: str, offset: int, references: list[Reference], question: bool, options: Sequence[str]
) -> _Segment:
    spans = [
        (r.start - offset, min(r.end - offset, len(text)))
        for r in references
        if not r.by_letter or r.end - r.start > 3
    ]
    masked = mask(text, spans)
    lone = LONE_LETTER.match(text) is not None
    counted = [r for r in references if not r.by_letter or r.marked or r.strength > STATED or lone]
    claims = _claims(text, offset, counted, options)
    denied = {r.option for r in references if r.negated}
    asserted = (claims or {r.option for r in counted if not r.negated}) - denied
    attributed = ATTRIBUTES.search(masked) is not None
    if asserted and not question and not denied and not attributed and DENIES.search(ACCUSES.sub("", masked)):
        asserted, denied = set(), asserted
    aside = attributed or (ASIDE.match(masked) is not None and not claims)
    chosen = any(r.strength > STATED and not r.negated for r in counted) or (lone and bool(counted))
    concludes = chosen or CONCLUDES.match(masked) is not None
    return _Segment(
        text=masked,
        asserted=frozenset(asserted),
        denied=frozenset(denied),
        concludes=concludes,
        corrects=CORRECTS.match(masked) is not None,
        withdraws=WITHDRAWS.search(masked) is not None and not AFFIRMS.search(masked),
        unsure=question or HEDGES.search(masked) is not None,
        aside=aside,
        lists=_lists(text, offset, counted),
        off_menu=None if asserted or denied or aside else off_menu_value(text, options, concludes),
    )


def _claims(text: str, offset: int, references: list[Reference], options: Sequence[str]) -> set[int]:
    """Options that a segment gives as the answer, with those that contradict it right behind."""
    claims: set[int] = set()
    for k, r in enumerate(references):
        if r.strength < ANSWER or r.negated:
            continue
        claims.add(r.option)
        local = replace(r, start=r.start - offset, end=r.end - offset)
        following = references[k + 1] if k + 1 < len(references) else None
        if following is not None and not following.negated:
            moved = replace(following, start=following.start - offset, end=following.end - offset)
            if identifies(text, local, moved):
                claims.add(following.option)
        if r.by_letter and contradicts(first_clause(text[local.end : local.end + 200]), r.option, options):
            claims.add(OUT_OF_RANGE)
    return claims


def _lists(text: str, offset: int, references: list[Reference]) -> bool:
    """Whether a segment is one option, letter and words, and nothing else."""
    if len(references) != 1 or not references[0].by_letter or references[0].end - references[0].start < 5:
        return False
    r = references[0]
    around = text[: max(0, r.start - offset)] + text[max(0, r.end - offset) :]
    return re.fullmatch(r"[\W_]*(?:option|choice|选项)?[\W_]*", around, re.IGNORECASE) is not None
