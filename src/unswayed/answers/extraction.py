"""Which option an answer chooses: by letter, by words, or by both.

* A letter stands for its position. A lone letter in range is a letter even if another option's text is that
  letter, because the prompt asks for letters. A number is never a position, only a text.
* A box (``\\boxed{B}``, ``<|begin_of_box|>B<|end_of_box|>``) is the answer wherever it stands.
* Letter and text may stand together. If they name different options, or the text states another value than
  the option ("(A) 4" where option A says 3; see `value_classes`), no option is chosen.
* A letter outside the range chooses no option.
* A denied option is not chosen ("Option A is incorrect", "A rather than B" chooses A).
* What stands behind "because" is a reason; references in it do not count, unless it asserts another option.
* Several options, none of them presented as the answer more clearly than the others, choose none. There is no
  guessing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from unswayed.answers.negation import negation_after
from unswayed.answers.option_matching import OptionMatcher, fold, option_matcher, strip_markup
from unswayed.answers.references import (
    ANSWER,
    CONCLUDED,
    OUT_OF_RANGE,
    STATED,
    Reference,
    find_references,
    option_index,
)
from unswayed.answers.value_classes import contradicts

__all__ = ["OUT_OF_RANGE", "extract_from_prose", "extract_options", "first_clause", "option_index", "unbox"]

_MAX_OTHERS = 50
"""Further references that are looked at for a conflict; it bounds the time."""
_LONE = re.compile(r"[\W_]*+([A-Za-z])[\W_]*+")
_LEAD = re.compile(
    r"[\W_]*+(?:(?:(?:the\s)?(?:final\s|correct\s)?(?:option|choice|answer|letter)|答案是?"
    r"|选项?)\s{0,3}[:=]?\s{0,3}[\[(]?)?"
    r"([A-Za-z])"
    r"(?:\s?[)\]}]\s{0,3}[.:,;\-]?|[.:,;](?=\s|$|[A-Z(\[\u3400-\u9fff])|\s{1,3}-{1,3}\s|\s?\n)",
    re.IGNORECASE,
)
_UPPER_LEAD = re.compile(r"[\W_]{0,8}([A-Z])(?=\s)")
_TAIL_LETTER = re.compile(r"([^()\[\]\n]{1,200}?)\s{0,3}[(\[]\s?([A-Za-z])\s?[)\]][\s.!]{0,3}")
_LIST_GOES_ON = re.compile(r"[\s)\]]{0,3}(?:[,;/&|+]|and\b|or\b|nor\b|[和或与及])", re.IGNORECASE)
_BOX = re.compile(
    r"\\(?:boxed|fbox)\s{0,3}\{((?:[^{}]|\{[^{}]{0,200}\}){0,400})\}"
    r"|<\|begin_of_box\|>(.{0,400}?)<\|end_of_box\|>",
    re.DOTALL,
)
_SENTENCE_END = re.compile(r"[.!?](?=\s|$|[\u3400-\u9fff])|\n")
_HEAD = re.compile(r"[,.;:!](?!\d)|\n")
_REASON = re.compile(
    r"\b(?:because|since|due to|given that|considering|seeing that)\b|\b(?:as|for)\s(?:the|it|there|i|we"
    r"|this|that"
    r"|option|only)\b|因为|由于",
    re.IGNORECASE,
)
_IDENTIFIES = re.compile(
    r"(?:\b(?:it|this|that|which|answer|option|choice)(?:'s|\s(?:is|was))|\bi\.e\.|\bnamely|\bmeaning|:"
    r"|[.!?;\n]\s{0,3}(?:or|maybe|perhaps|alternatively|possibly)\b)\s{0,3}"
    r"(?:(?:clearly|definitely|actually|in fact|probably)\s)?(?:(?:the|an?|option)\s)?[(\"']?\Z",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"['\")\]]{0,2}\s(?:both\s)?(?:is|are|was|were|has|have|shows?|depicts?|contains?|displays?|does|do"
    r"|says?|states?"
    r"|describes?|looks?|refers?|means?|represents?|mentions?|includes?|would|could|might|may|seems?)\b"
)
_UNSURE = re.compile(
    r"\b(?:not (?:sure|certain)|unsure|uncertain|unclear|(?:can't|cannot|can not|could not|couldn't) (?:tell"
    r"|say|decide"
    r"|determine|see)|don't know|no idea|undecided)\b|不确定|不知道",
    re.IGNORECASE,
)
_DENIAL = re.compile(
    r"\b(?:not|never|neither|nor|cannot|wrong|incorrect|false|absent|missing|except|impossible|excluded?)\b"
    r"|n't\b",
    re.IGNORECASE,
)
_ALL_OR_NONE = re.compile(
    r"\b(?:all|none|both|neither|any|each|either)\s(?:of\s)?(?:the\s)?(?:above|them|these|those|options"
    r"|choices|two)\b"
    r"|\bboth\b",
    re.IGNORECASE,
)


def extract_options(text: str, options: Sequence[str]) -> frozenset[int]:
    """Options that a short answer chooses. Exactly one is a choice; none or several are not.

    The set contains `OUT_OF_RANGE` for a letter that is no option's, and where letter and text disagree.
    Never raises; linear in time.
    """
    matcher = option_matcher(options)
    if boxed := _boxed(text, options):
        return boxed
    if (option := matcher.exact(text)) is not None and len(options[option].strip()) > 1:
        return frozenset({option})
    plain = strip_markup(text)
    n = len(options)
    if lone := _LONE.fullmatch(plain):
        k = option_index(lone.group(1), n)
        match = matcher.match(plain) if k == OUT_OF_RANGE else None
        return frozenset({k if match is None else match})
    if tail := _TAIL_LETTER.fullmatch(plain):
        k, match = option_index(tail[2], n), matcher.match(tail[1])
        if match is not None or contradicts(tail[1], k, options):
            return frozenset({k, OUT_OF_RANGE if match is None else match})
    lead = _LEAD.match(plain)
    # "(A) red" begins with a letter, not with an article.
    if not (lead and lead.group(1) in "Aa") and (option := matcher.match(plain)) is not None:
        return frozenset({option})
    if lead and not (_begins_list(plain, lead, options) or _is_denied(plain, lead.end(1), matcher)):
        return _with_rest(option_index(lead.group(1), n), plain[lead.end() :], matcher)
    if (upper := _UPPER_LEAD.match(plain)) and (k := option_index(upper.group(1), n)) != OUT_OF_RANGE:
        rest = plain[upper.end() :].strip()
        match = matcher.match(rest)
        if match == k or (match is not None and upper.group(1) not in "AI"):
            return frozenset({k, match})
        if match is None and contradicts(rest, k, options):
            return frozenset({k, OUT_OF_RANGE})
    head = _HEAD.search(plain)
    option = matcher.match(plain[: head.start()]) if head else None
    if head and option is not None and not negation_after(plain, head.start()):
        return _with_rest(option, plain[head.end() :], matcher)
    return extract_from_prose(plain, options)


def extract_from_prose(text: str, options: Sequence[str]) -> frozenset[int]:
    """Options that running text chooses: explicit answers first, then conclusions, then a lone mention."""
    if boxed := _boxed(text, options):
        return boxed
    plain = strip_markup(text)
    references = [r for r in find_references(plain, options) if not r.questioned]
    asserted = [r for r in references if not r.negated]
    strength = max((r.strength for r in asserted), default=STATED)
    if strength == STATED:
        return _stated(plain, references, options)
    chosen = [r for r in asserted if r.strength == strength]
    last = chosen[-1]
    result = {r.option for r in chosen}
    denied = {r.option for r in references if r.negated}
    sentence = _SENTENCE_END.search(plain, last.end)
    end = sentence.start() if sentence else len(plain)
    later = [r for r in references if r.start >= last.end]
    result |= _conflicts(plain, last, [r for r in later if r.start < end], options)
    result |= {
        r.option
        for r in later
        if not r.negated
        and (r.strength > STATED or _IDENTIFIES.search(plain[max(0, r.start - 40) : r.start]))
    }
    if strength < ANSWER and (result & denied or (_UNSURE.search(plain) and strength < CONCLUDED)):
        result.add(OUT_OF_RANGE)
    if any(r.option == last.option and r.negated for r in later) or _ALL_OR_NONE.search(
        plain[last.end : end]
    ):
        result.add(OUT_OF_RANGE)
    if last.by_letter and _contradicted_behind(plain, last, options):
        result.add(OUT_OF_RANGE)
    return frozenset(result)


def _stated(plain: str, references: list[Reference], options: Sequence[str]) -> frozenset[int]:
    """The option of a text that presents none as its answer: the only one it names."""
    stop = _SENTENCE_END.search(plain)
    several = stop is not None and plain[stop.end() :].strip()
    if several:  # of several sentences only marked letters count
        references = [r for r in references if r.by_letter and r.marked]
    asserted = [r for r in references if not r.negated]
    if not asserted or _UNSURE.search(plain) or _ALL_OR_NONE.search(plain):
        return frozenset()
    first = asserted[0]
    others = [r for r in references if r is not first]
    result = {first.option} | _conflicts(plain, first, others, options)
    if any(r.option == first.option for r in references if r.negated):
        result.add(OUT_OF_RANGE)
    # A denial that was attached to no reference is in doubt.
    clause = re.split(r"[,;]|\b(?:because|since)\b", plain[first.start :], maxsplit=1)[0]
    if not any(r.negated for r in references) and _DENIAL.search(clause):
        return frozenset()
    if first.by_letter and _contradicted_behind(plain, first, options):
        result.add(OUT_OF_RANGE)
    return frozenset(result)


def unbox(text: str) -> str:
    """The text with "The answer is …" in place of every box that has content."""

    def sentence(box: re.Match[str]) -> str:
        content = strip_markup(box[1] if box[1] is not None else box[2])
        return f" The answer is {content}. " if content else " "

    return _BOX.sub(sentence, text)


def _boxed(text: str, options: Sequence[str]) -> frozenset[int]:
    """Options that the boxes of a text choose; empty without a box that has content."""
    result: set[int] = set()
    end = 0
    for box in _BOX.finditer(fold(text)):
        content = strip_markup(box[1] if box[1] is not None else box[2])
        if content:
            result |= extract_options(content, options) or {OUT_OF_RANGE}
            end = box.end()
    if result and end < len(text):
        later = find_references(strip_markup(text[end : end + 400]), options)
        result |= {r.option for r in later if r.strength == ANSWER and not r.negated and not r.questioned}
    return frozenset(result)


def _with_rest(option: int, rest: str, matcher: OptionMatcher) -> frozenset[int]:
    """A choice, and what follows it; another option named there makes it no choice."""
    n = len(matcher.options)
    if option != OUT_OF_RANGE and matcher.match(rest) == option:
        return frozenset({option})
    if lone := _LONE.fullmatch(rest):
        return frozenset({option, option_index(lone.group(1), n)})
    if contradicts(first_clause(rest), option, matcher.options):
        return frozenset({option, OUT_OF_RANGE})
    if (lead := _LEAD.match(rest)) and not _is_denied(rest, lead.end(1), matcher):
        return frozenset({option, option_index(lead.group(1), n)})
    references = [r for r in find_references(rest, matcher.options) if not r.questioned]
    chosen = Reference(option, 0, 0, True, True, ANSWER, False, False)
    result = {option} | _conflicts(rest, chosen, references, matcher.options, explanation=0)
    if any(r.option == option and r.negated for r in references):
        result.add(OUT_OF_RANGE)
    return frozenset(result)


def _conflicts(
    text: str,
    chosen: Reference,
    others: list[Reference],
    options: Sequence[str],
    explanation: int | None = None,
) -> set[int]:
    """Options that `others` assert against the chosen one.

    From `explanation` on (by default: the sentence behind a choice that is a sentence of its own), a letter
    that is the subject of a statement asserts nothing: "C. Options A and B show boats."
    """
    reason = _REASON.search(text, chosen.end)
    at = reason.start() if reason else len(text)
    others = [r for r in others if not r.negated and r.option != chosen.option][:_MAX_OTHERS]
    own_reason = (
        any(
            not r.negated and r.option == chosen.option and not r.by_letter and r.start > at
            for r in find_references(text, options)
        )
        if reason
        else False
    )
    if explanation is None:
        sentence_end = _SENTENCE_END.search(text, chosen.end)
        alone = sentence_end and not text[chosen.end : sentence_end.start()].strip(" ).")
        explanation = sentence_end.start() if sentence_end and alone else len(text)
    result = set()
    for r in others:
        if r.by_letter and r.strength == STATED and r.start >= explanation and _is_subject(text, r, others):
            continue
        own_letter = any(o.by_letter and o.option == r.option and at < o.start < r.start for o in others)
        if r.start < at or r.strength == ANSWER or not (r.by_letter or own_reason or own_letter):
            result.add(r.option)
    return result


def _is_subject(text: str, r: Reference, references: list[Reference]) -> bool:
    """Whether `r`, alone or in a list, is the subject of a statement about what an option shows."""
    last = r
    for other in references:
        if r.listed and other.listed and other.start >= last.end and other.start - last.end <= 40:
            last = other
    return _SUBJECT.match(text, last.end) is not None


def _begins_list(plain: str, lead: re.Match[str], options: Sequence[str]) -> bool:
    """Whether the leading letter is the first of several: "A, B and D are wrong, so C"."""
    if not _LIST_GOES_ON.match(plain, lead.end(1)):
        return False
    references = find_references(plain, options)
    return bool(references) and references[0].start <= lead.start(1) and references[0].listed


def _is_denied(plain: str, end: int, matcher: OptionMatcher) -> bool:
    """Whether the text behind a leading letter denies it. The words of a following option are no denial."""
    denial = negation_after(plain, end)
    if denial is None:
        return False
    following = re.sub(r"\A[\s)\].:,;\-]+", "", plain[end:])
    head = _HEAD.search(following)
    return (
        matcher.match(following) is None
        and matcher.match(following[: head.start()] if head else following) is None
    )


def first_clause(rest: str) -> str:
    """The first clause of what follows a letter, without a reason."""
    rest = rest.lstrip(" \t)]}.:,;-\n")
    end = _HEAD.search(rest)
    clause = rest[: end.start()] if end else rest
    reason = _REASON.search(clause)
    return clause[: reason.start()] if reason else clause


def _contradicted_behind(plain: str, r: Reference, options: Sequence[str]) -> bool:
    return contradicts(first_clause(plain[r.end : r.end + 200]), r.option, options)
