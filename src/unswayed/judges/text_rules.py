"""A judge that goes by rules, for any question: what does a thought finally assert?

It sees only the words of the thought and of the options, so it understands little, and abstains
wherever two readings are possible. Decided here:

* A thought is cut into segments at sentence ends and at words like "but", "wait", "so", "because";
  the last segment that asserts exactly one option decides.
* A segment that concludes ("so …", "the answer is …") or corrects ("wait, …", "but I think …")
  decides alone. A bare statement decides only if no other option was plainly stated since the
  last correction.
* A correction whose content is not understood leaves what stood before in doubt: abstains.
* Questions, hedges ("maybe", "might be", "or", "if"), two options at once, a withdrawal ("that is
  wrong") or a later denial of the same option: abstains.
* What a caption "says" and what follows "because" or "although" is no assertion of the thought's own.
* A letter counts bracketed, after "option" or "answer is", chosen ("go with B") or alone.
* Nothing but talk about thinking concludes `nothing`; any other thought without options: abstains.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from unswayed.answers.extraction import (
    BRACKETED,
    OUT_OF_RANGE,
    answer_statements,
    option_index,
)
from unswayed.answers.option_matching import OptionMatcher, Mention, option_matcher
from unswayed.judges.base import Verdict
from unswayed.judges.disagreement import acknowledges
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
    NOT_LETTER,
    PICKS,
    WITHDRAWS,
    is_filler,
)

__all__ = ["acknowledges", "conclude"]

_TAIL = 20_000
"""Characters of a thought that are looked at, from the end of its honest part."""


@dataclass(frozen=True)
class _Segment:
    text: str
    asserted: frozenset[int]
    denied: frozenset[int]
    concludes: bool
    corrects: bool
    withdraws: bool
    unsure: bool
    aside: bool


def conclude(thought: str, options: Sequence[str]) -> Verdict:
    """What `thought` finally asserts among `options` (as shown). Never raises; linear in time.

    >>> conclude("It looks red. Wait, actually it is blue.", ["red", "blue"]).option
    1
    """
    text, tampered = remove_injections(thought)
    text = text[-_TAIL:]
    segments = list(_segments(text, option_matcher(options)))
    option = _last(segments)
    if option is not None:
        return Verdict("option", option) if option >= 0 else Verdict("abstains")
    spoken = any(s.asserted or s.denied for s in segments)
    return Verdict("nothing" if is_filler(text) and not spoken and not tampered else "abstains")


def _last(segments: list[_Segment]) -> int | None:
    """The option asserted last; `OUT_OF_RANGE` where that cannot be told; None where nothing is asserted."""
    denied: set[int] = set()
    stated: int | None = None
    for segment in reversed(segments):
        if segment.aside:
            continue
        if stated is not None:  # a bare statement stands: does anything before it speak against it?
            if len(segment.asserted) == 1 and not segment.unsure and stated not in segment.asserted:
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
        elif segment.withdraws or (segment.corrects and not is_filler(segment.text)):
            return OUT_OF_RANGE
        denied |= segment.denied
    return stated


def _segments(text: str, look: OptionMatcher) -> Iterator[_Segment]:
    mentions = look.mentions(text)
    before: _Segment | None = None
    n = 0
    for start, end, question in _cuts(text, mentions):
        inside = []
        while n < len(mentions) and mentions[n].start < end:
            inside.append(mentions[n])
            n += 1
        segment = _segment(text[start:end], start, inside, question, look)
        if before is not None and not segment.corrects and CONTRAST.match(segment.text):
            gives_way = before.aside or bool(before.denied) or APPEARS.search(before.text) is not None
            segment = replace(segment, corrects=gives_way)
        before = segment
        yield segment


def _cuts(text: str, mentions: list[Mention]) -> Iterator[tuple[int, int, bool]]:
    """(from, to, part of a question) of every segment; no cut goes through an option's words."""
    cuts: list[tuple[int, str]] = []
    n = 0
    for hit in BREAK.finditer(text):
        while n < len(mentions) and mentions[n].end <= hit.start():
            n += 1
        if n == len(mentions) or not mentions[n].start < hit.end() <= mentions[n].end:
            cuts.append((hit.end(), hit.group()))
    cuts.append((len(text), "."))
    questions = []
    question = False
    for _, mark in reversed(cuts):  # a question mark reaches back to the sentence's beginning
        question = "?" in mark if mark else question
        questions.append(question)
    at = 0
    for (end, _), asks in zip(cuts, reversed(questions), strict=True):
        if text[at:end].strip():
            yield at, end, asks
        at = end


def _segment(
    text: str, offset: int, mentions: list[Mention], question: bool, look: OptionMatcher
) -> _Segment:
    n = len(look.options)
    masked = text
    for m in reversed(mentions):  # words of an option are not words of the thinker
        masked = masked[: m.start - offset] + "#" * (m.end - m.start) + masked[m.end - offset :]
    claims = {k for k, _, _ in answer_statements(text, look)}
    refused = {option_index(hit.group(1), n) for hit in NOT_LETTER.finditer(text)}
    picked = {option_index(hit.group(1), n) for pattern in PICKS for hit in pattern.finditer(text)} - refused
    letters = picked | {option_index(hit.group(1), n) for hit in BRACKETED.finditer(text)}
    named = {m.option for m in mentions if not m.negated}
    asserted = (claims or (letters | named)) - refused
    denied = {m.option for m in mentions if m.negated} | refused
    attributed = ATTRIBUTES.search(masked) is not None
    if asserted and not question and not denied and not attributed and DENIES.search(ACCUSES.sub("", masked)):
        asserted, denied = set(), asserted
    aside = attributed or (ASIDE.match(masked) is not None and not claims)
    return _Segment(
        text=masked,
        asserted=frozenset(asserted),
        denied=frozenset(denied),
        concludes=bool(claims or picked) or CONCLUDES.match(masked) is not None,
        corrects=CORRECTS.match(masked) is not None,
        withdraws=WITHDRAWS.search(masked) is not None and not AFFIRMS.search(masked),
        unsure=question or HEDGES.search(masked) is not None,
        aside=aside,
    )
