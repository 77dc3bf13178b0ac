"""All references to options in a text, by letter or by words, with what the text says of each.

A reference is *claimed* where the text presents it as the answer ("the answer is B", "so B", "B is correct"),
and *negated* where its clause denies it. References joined by commas, "and" or "or" share both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from unswayed.answers.negation import is_negated_before, negation_after
from unswayed.answers.option_matching import OptionMatcher, mask, option_matcher
from unswayed.question import LETTERS

OUT_OF_RANGE = -1
"""Index of a letter that is no option's letter."""

STATED, CONCLUDED, ANSWER = 0, 1, 2
"""How strongly a reference is presented as the answer: not at all ("the white boat"), as a conclusion ("so
B", "I choose B", "leaving B"), or explicitly ("the answer is B", "B is correct")."""


@dataclass(frozen=True)
class Reference:
    """One reference to an option."""

    option: int
    """0-based, or `OUT_OF_RANGE`."""
    start: int
    end: int
    by_letter: bool
    marked: bool
    """By words, by a letter in brackets, or by a letter with the word "option" or its like before it."""
    strength: int
    """`STATED`, `CONCLUDED` or `ANSWER`."""
    negated: bool
    questioned: bool
    """A question mark follows, so that nothing is asserted."""
    listed: bool = False
    """Joined to another reference by a comma, "and" or "or"."""


_LETTER = re.compile(
    r"(?P<open>[(\[])\s?(?P<in>[A-Za-z])\s?[)\]](?![A-Za-z0-9_])"
    r"|(?<![A-Za-z0-9_'(\[])(?<![A-Za-z0-9]-)(?<![A-Za-z]\.)(?P<bare>[A-Za-z])(?![A-Za-z0-9_'+#])(?!-[A-Za-z0-9])(?!\.[A-Za-z])"
)
_NAMES_LETTER = re.compile(
    r"(?:\b(?:option|choice|letter|answer)\b|选项?|答案)[\s:是为]{0,4}(?:is\s|the letter\s)?\Z", re.IGNORECASE
)
_FOLLOWING_WORD = re.compile(r"\s{1,3}([a-z]+)")
_VERBS_AFTER_A = frozenset(
    [
        "because",
        "since",
        "as",
        "is",
        "and",
        "or",
        "rather",
        "instead",
        "not",
        "over",
        "but",
        "seems",
        "looks",
        "fits",
        "matches",
        "would",
        "must",
        "should",
        "can",
        "cannot",
        "was",
        "appears",
        "unlike",
        "than",
        "nor",
        "isn",
        "doesn",
        "may",
        "might",
        "being",
        "having",
        "has",
        "does",
        "do",
        "shows",
        "show",
        "depicts",
        "remains",
        "alone",
        "only",
        "too",
        "then",
        "if",
        "when",
        "also",
        "still",
        "both",
        "does",
        "didn",
        "says",
        "states",
        "describes",
        "represents",
    ]
)
_ANSWER_BEFORE = re.compile(
    r"(?:\b(?:answers?|ans|solution)(?:\s(?:to|for|of)\s(?:the|this)\s(?:question|problem|task))?"
    r"|\b(?:correct|right|best|final|my)\s(?:option|choice|one|letter|response))\b"
    r"(?:\s{0,3}(?:(?:here|then|thus|therefore|clearly|definitely|most likely|probably|now|simply|indeed"
    r"|still"
    r"|actually|obviously|likely|hence)\s{1,2}){0,2}"
    r"(?:is|was|are|would be|should be|must be|has to be|will be|=|:|-|->|→|==)"
    r"|(?=\s{0,3}[(\[]?\Z))"
    r"(?:\s{0,3}(?:therefore|thus|then|likely|probably|most likely|clearly|definitely|obviously|simply|indeed"
    r"|now|actually|still|option|choice|letter|the|an?|answer|either|both|is|:)(?![A-Za-z])){0,4}"
    r"[\s:\"'(\[]{0,5}\Z"
    r"|答案(?:应该|应当|就|只能|必然|肯定)?(?:[是为选:]|应该是){0,2}\s{0,2}(?:选项|选)?[\s:\"'(\[]{0,4}\Z",
    re.IGNORECASE,
)
_CONCLUDED_BEFORE = re.compile(
    r"(?:\b(?:choos(?:e|es|ing)|chose|pick(?:s|ed|ing)?|select(?:s|ed|ing)?|go(?:es|ing)? (?:with|for)"
    r"|went (?:with|for)|opt(?:s|ed|ing)? for|settle[sd]? (?:on|for)|conclud(?:e|es|ed|ing)(?: that| with)?"
    r"|leav(?:es|ing)|(?:am|is|are|were|be) left with|prefer|answer with)"
    r"(?:\s(?:us with|me with|only|just|it is|it must be))?"
    r"|\b(?:so|therefore|thus|hence|finally|consequently|in conclusion)\b,?"
    r"(?:\s(?:it|this|that|i|we)(?:'s|'d)?(?:\s(?:is|was|must be|has to be|should be|would be|will be"
    r"|can only be"
    r"|choose|pick|select|say|go with))?)?"
    r"|\b(?:it|this|that)\s(?:must|has to|should|can only)\sbe"
    r"|(?:应该?|所以|因此|故|我|只能)?选择?(?:择)?|→|=>)"
    r"(?:\s{0,2}(?:clearly|definitely|probably|simply|then|option|choice|letter|the|an?|answer|only|:"
    r"|选项)(?![A-Za-z])){0,3}"
    r"[\s:\"'(\[]{0,5}\Z",
    re.IGNORECASE,
)
_IT_IS_BEFORE = re.compile(
    r"(?:\b(?:it|this|that)(?:'s| is| was| would be)(?:\s(?:clearly|definitely|probably|simply|option|letter"
    r"|choice|likely)){0,2}|应该?是)[\s:\"'(\[]{0,4}\Z",
    re.IGNORECASE,
)
_ANSWER_AFTER = re.compile(
    r"['\"*)\]]{0,3}\s{0,3}(?:\w{2,12}\s){0,1}?(?:is|was|must be|should be|would be|seems|looks|appears)\s"
    r"(?:(?:clearly|definitely|therefore|thus|probably|indeed|obviously|most likely|to be|actually)\s){0,2}"
    r"(?:(?:the|my|a)\s)?(?:(?:only|most|best|single)\s){0,2}"
    r"(?:correct|right|best|accurate|answer|true|appropriate|suitable|final answer|match)\b"
    r"|\s{0,2}(?:选项|项)?(?:[是为]|就是|才是)?(?:正确|对的|对(?!比|应|面|角|称)|答案)",
    re.IGNORECASE,
)
_JOINS = re.compile(
    r"['\")\]]{0,2}\s{0,3}(?:[,;/&|+]|,?\s{0,2}\b(?:and|or|nor|vs\.?|versus)\b|[和或与及])\s{0,3}"
    r"(?:(?:and|or|also|maybe|perhaps|possibly|even|both|option|choice|the|an?|probably|then"
    r"|likely)\b\s{0,3}){0,3}"
    r"['\"(\[]{0,2}\Z",
    re.IGNORECASE,
)
_JOINS_BY_WORD = re.compile(r"\b(?:and|or|nor)\b|[&和或与及/]", re.IGNORECASE)
_IDENTIFIED = re.compile(
    r"['\")\]]{0,3}[\s:.,\-(\"']{0,5}(?:(?:it|which|that|this)(?:'s| is)\s|i\.e\.,?\s|namely\s"
    r"|meaning\s)?(?:(?:the|an?)\s)?[\"'(]?",
    re.IGNORECASE,
)
_QUESTIONED = re.compile(r"['\")\]]{0,3}\s{0,2}\?")


def option_index(letter: str, n: int) -> int:
    """Position of an option letter among n options, or `OUT_OF_RANGE`."""
    k = LETTERS.find(letter.upper())
    return k if 0 <= k < n else OUT_OF_RANGE


def find_references(text: str, options: Sequence[str]) -> list[Reference]:
    """All references in a text (without markup, see `strip_markup`), in order. Linear in time."""
    matcher = option_matcher(options)
    mentions = matcher.mentions(text)
    texts = [Reference(m.option, m.start, m.end, False, True, STATED, m.negated, False) for m in mentions]
    references = _merge(text, sorted([*_letters(text, matcher), *texts], key=lambda r: (r.start, -r.end)))
    masked = mask(text, ((m.start, m.end) for m in mentions))
    return _share(text, [_described(masked, r) for r in references])


def _letters(text: str, matcher: OptionMatcher) -> Iterator[Reference]:
    n = len(matcher.options)
    for match in _LETTER.finditer(text):
        letter = match["in"] or match["bare"]
        before, after = text[max(0, match.start() - 40) : match.start()], text[match.end() : match.end() + 24]
        named = _NAMES_LETTER.search(before) is not None
        closed = re.match(r"\s?[)\]]", after) is not None
        if match["bare"] and not _is_letter(letter, before, after, named, closed):
            continue
        marked = bool(match["open"]) or named or closed
        k = option_index(letter, n)
        if k == OUT_OF_RANGE and not (
            marked or _ANSWER_BEFORE.search(before) or _CONCLUDED_BEFORE.search(before)
        ):
            continue
        yield Reference(k, match.start(), match.end(), True, marked, STATED, False, False)


def _is_letter(letter: str, before: str, after: str, named: bool, closed: bool) -> bool:
    """Whether a letter that stands alone is an option letter, and not the article "a" or the pronoun "I"."""
    if closed:
        return letter.isupper() or named or before.strip() == ""
    word = _FOLLOWING_WORD.match(after)
    follows = word is not None and word[1] not in _VERBS_AFTER_A
    if letter.islower():
        ends = not after.strip() or after[:1] in ".,;:!?\n"
        return ends and (named or _ANSWER_BEFORE.search(before) is not None)
    if letter == "I":
        return not (word is not None and not named) and after[:1] != "'"
    # "the answer is A boat" does not occur; "the answer is A red boat" names its text after the letter.
    return not (letter == "A" and follows and not (named or _ANSWER_BEFORE.search(before)))


def identifies(text: str, first: Reference, second: Reference) -> bool:
    """Whether `second` says what `first` is: "(A) blue", "A, which is blue", "B: it is blue"."""
    gap = text[first.end : second.start]
    return len(gap) <= 30 and _IDENTIFIED.fullmatch(gap) is not None


def _merge(text: str, references: list[Reference]) -> list[Reference]:
    """A letter and its option's words behind it are one reference; words inside another reference are
    dropped."""
    merged: list[Reference] = []
    for r in references:
        last = merged[-1] if merged else None
        if last is not None and r.start < last.end:
            continue
        if last is not None and last.by_letter and not r.by_letter and last.option == r.option:
            gap = text[last.end : r.start]
            if re.fullmatch(r"[\s)\].:,\-\"'(]{0,6}(?:(?:the|an?)\s)?", gap, re.IGNORECASE):
                merged[-1] = replace(last, end=r.end, marked=True)
                continue
        merged.append(r)
    return merged


def _described(text: str, r: Reference) -> Reference:
    before = text[max(0, r.start - 100) : r.start]
    # "A is not" denies A, but in "A: not the red boat" the denied one is what follows.
    denial = negation_after(text, r.end)
    denied_after = denial is not None and not re.match(
        r"['\")\]]{0,3}\s{0,3}(?::|-{1,2})\s{0,3}not\s(?:(?:the|an?|option)\s)?[(\[]?(?:[A-Z]\b|#)",
        text[r.end : r.end + 24],
    )
    strength = STATED
    if _ANSWER_BEFORE.search(before) or _ANSWER_AFTER.match(text, r.end, r.end + 80):
        strength = ANSWER
    elif _CONCLUDED_BEFORE.search(before) or (r.by_letter and _IT_IS_BEFORE.search(before)):
        strength = CONCLUDED
    return replace(
        r,
        strength=strength,
        negated=r.negated or denied_after or is_negated_before(text, r.start),
        questioned=_QUESTIONED.match(text, r.end) is not None,
    )


def _share(text: str, references: list[Reference]) -> list[Reference]:
    """References joined into a list share what is said before the first and behind the last."""
    shared = list(references)
    start = 0
    while start < len(shared):
        end = start + 1
        by_word = False
        while end < len(shared) and (gap := _gap(text, shared[end - 1], shared[end])) is not None:
            by_word = by_word or _JOINS_BY_WORD.search(gap) is not None
            end += 1
        if end - start > 1:
            group = shared[start:end]
            strength = max(r.strength for r in group)
            negated = by_word and (group[0].negated or group[-1].negated)
            shared[start:end] = [
                replace(r, strength=strength, negated=r.negated or negated, listed=True) for r in group
            ]
        start = end
    return shared


def _gap(text: str, first: Reference, second: Reference) -> str | None:
    """The text that joins two references into a list; None where they are not joined."""
    gap = text[first.end : second.start]
    return gap if len(gap) <= 40 and _JOINS.match(gap) else None
