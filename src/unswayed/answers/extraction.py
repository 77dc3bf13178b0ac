"""Which option a piece of text chooses, by letter, by words, or by both.

Decided here:

* A letter stands for its position. A lone letter in range is a letter even where an option's text
  is that very letter: the prompt asks for letters. A number is never a position, only a text.
* Letter and text may stand together; where they name different options nothing is chosen.
* A letter outside the range chooses nothing.
* "a" and "I" as words are no letters: they count bracketed, alone, before a delimiter, or in
  upper case right after "answer is" and its like.
* Two options named, none clearly preferred, choose nothing. Nothing is ever guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from unswayed.answers.option_matching import OptionMatcher, strip_markup, option_matcher
from unswayed.question import LETTERS

OUT_OF_RANGE = -1
"""Stands for a letter that is no option's."""

_LONE = re.compile(r"[\W_]*+([A-Za-z])[\W_]*+")
_LEAD = re.compile(
    r"[\W_]*+(?:(?:option|choice|answer|letter)\s{0,3}[:=]?\s{0,3}[\[(]?)?([A-Za-z])"
    r"(?:\s?[)\]}]\s{0,3}[.:,;\-]?|[.:,;](?=\s|$|[A-Z(\[])|\s{1,3}-{1,3}\s|\s?\n)",
    re.IGNORECASE,
)
_UPPER_LEAD = re.compile(r"[\W_]{0,8}([A-Z])(?=\s)")
BRACKETED = re.compile(r"(?<![\w(\[])[(\[]\s?([A-Za-z])\s?[)\]](?![\w)\]])")
_CAPITAL = re.compile(r"(?<![\w'.-])([A-Z])(?![\w'-])(?!\.[A-Za-z])")
_PHRASE = re.compile(
    r"\b(?:answer|option|choice|letter)\b\s{0,3}"
    r"(?:(?:is|was|would be|should be|must be|has to be|=)\s{1,3}|[:=]\s{0,3})?"
    r"(?:(?:is|option|choice|letter|the letter)\b\s{0,3}:?\s{0,3})?",
    re.IGNORECASE,
)
_SAYS_IS = re.compile(r"(?:\b(?:is|was|be|option|choice|letter)\b\s{0,3}|=\s{0,3})\Z", re.IGNORECASE)
_STOP = re.compile(r"[.!?](?=\s|$)|\n")
_HEAD = re.compile(r"[,.;:!\n]")
_OR = re.compile(r"\b(?:or|either|maybe|perhaps)\b", re.IGNORECASE)
_WORD_FOLLOWS = re.compile(r"\s{1,3}(?!because\b|since\b|as\b|is\b|and\b|or\b)[a-z]")
_NOT = re.compile(r"\b(?:not|never|neither|nor|cannot)\b|n't\b", re.IGNORECASE)
_VALUE = 200
"""Characters looked at after "the answer is"."""


def option_index(letter: str, n: int) -> int:
    """Position of an option letter among n options, or `OUT_OF_RANGE`."""
    k = LETTERS.find(letter.upper())
    return k if 0 <= k < n else OUT_OF_RANGE


def extract_options(text: str, options: Sequence[str]) -> frozenset[int]:
    """Options that a short answer chooses: one is a choice, none or several are not.

    The set holds `OUT_OF_RANGE` for a letter that is no option's. Never raises; linear in time.
    """
    look = option_matcher(options)
    if (option := look.spelled(text)) is not None and len(options[option].strip()) > 1:
        return frozenset({option})
    plain = strip_markup(text)
    n = len(options)
    if lone := _LONE.fullmatch(plain):
        k = option_index(lone.group(1), n)
        named = look.named(plain) if k == OUT_OF_RANGE else None
        return frozenset({k if named is None else named})
    lead = _LEAD.match(plain)
    # "(A) red" begins with a letter, not with an article.
    if not (lead and lead.group(1) in "Aa") and (option := look.named(plain)) is not None:
        return frozenset({option})
    if lead:
        return _with_rest(option_index(lead.group(1), n), plain[lead.end() :], look)
    if (upper := _UPPER_LEAD.match(plain)) and (k := option_index(upper.group(1), n)) != OUT_OF_RANGE:
        rest = plain[upper.end() :].strip()
        named = look.named(rest)
        if named == k or (named is not None and upper.group(1) not in "AI"):
            return frozenset({k, named})
    if (head := _HEAD.search(plain)) and (option := look.named(plain[: head.start()])) is not None:
        return _with_rest(option, plain[head.end() :], look)
    return extract_from_prose(plain, options)


def extract_from_prose(text: str, options: Sequence[str]) -> frozenset[int]:
    """Options that a sentence or two choose: "the answer is …" first, then (B), then a lone mention."""
    look = option_matcher(options)
    plain = strip_markup(text)
    claims = frozenset(k for k, _, _ in answer_statements(plain, look))
    if claims:
        return claims
    bracketed = frozenset(option_index(hit.group(1), len(options)) for hit in BRACKETED.finditer(plain))
    if bracketed:
        return bracketed
    if (stop := _STOP.search(plain)) and plain[stop.end() :].strip():
        return frozenset()
    mentions = look.mentions(plain)
    capitals = set(_capitals(plain, len(options)))
    if any(m.negated for m in mentions) or (capitals and _NOT.search(plain)):
        return frozenset()
    return frozenset({m.option for m in mentions} | capitals)


def answer_statements(plain: str, look: OptionMatcher) -> Iterator[tuple[int, int, int]]:
    """(option or `OUT_OF_RANGE`, from, to) for every "answer is …", "option …" in a bare text.

    A value that names several options gives each of them; "not B" gives none.
    """
    n = len(look.options)
    done = 0
    for hit in _PHRASE.finditer(plain):
        if hit.start() < done:
            continue
        following = plain[hit.end() : hit.end() + _VALUE]
        stop = _STOP.search(following)
        value = following[: stop.start()] if stop else following
        found: set[int] = set()
        letter = _LETTER.match(following)
        if letter and _is_letter(letter, following, hit.group()):
            rest = value[letter.end() :]
            named = look.named(rest.lstrip(" )]:,.-"))
            found = {
                option_index(letter.group(1), n),
                *_alternatives(rest, n),
                *(() if named is None else (named,)),
            }
            done = hit.end() + letter.end()
        elif _SAYS_IS.search(hit.group()) or hit.group().rstrip().endswith(":"):
            named = look.named(value)
            mentions = {m.option for m in look.mentions(value) if not m.negated}
            found = mentions if named is None else {named}
            done = hit.end() + len(value)
        for k in sorted(found):
            yield k, hit.start(), done


_LETTER = re.compile(r"[\s\"'(\[]{0,4}([A-Za-z])(?![\w'])")


def _is_letter(hit: re.Match[str], following: str, phrase: str) -> bool:
    letter = hit.group(1)
    after = following[hit.end() :]
    if after[:1] in (")", "]"):
        return True
    word_follows = _WORD_FOLLOWS.match(after) is not None
    if letter.islower():
        return not after.strip() or after[:1] in ".,;:!?\n"
    if letter == "I":
        return not word_follows
    return not (letter == "A" and word_follows and not _SAYS_IS.search(phrase))


_ALTERNATIVE = re.compile(
    r"[)\].,\s]{0,4}(?:or|and|&|/)\s{0,3}(?:option\s)?[(\[]?([A-Z])(?![\w'])", re.IGNORECASE
)


def _alternatives(rest: str, n: int) -> Iterator[int]:
    """Letters that follow with "or": "B or C"."""
    at = 0
    while hit := _ALTERNATIVE.match(rest, at):
        if hit.group(1).islower() and rest[hit.end() :].strip(" ).]"):
            return
        yield option_index(hit.group(1), n)
        at = hit.end()


def _with_rest(option: int, rest: str, look: OptionMatcher) -> frozenset[int]:
    """A choice and what is written behind it: another option named there makes it none."""
    n = len(look.options)
    if option != OUT_OF_RANGE and look.named(rest) == option:
        return frozenset({option})
    if lone := _LONE.fullmatch(rest):
        return frozenset({option, option_index(lone.group(1), n)})
    if lead := _LEAD.match(rest):
        return frozenset({option, option_index(lead.group(1), n)})
    others = {m.option for m in look.mentions(rest) if not m.negated}
    others |= {option_index(hit.group(1), n) for hit in BRACKETED.finditer(rest)}
    others |= set(_alternatives(rest, n)) | {k for k, _, _ in answer_statements(rest, look)}
    return frozenset({option} | others)


def _capitals(plain: str, n: int) -> Iterator[int]:
    """Options whose letters stand alone in upper case; "A" and "I" not before a word."""
    for hit in _CAPITAL.finditer(plain):
        if hit.group(1) in "AI" and _WORD_FOLLOWS.match(plain, hit.end()):
            continue
        k = option_index(hit.group(1), n)
        if k != OUT_OF_RANGE:
            yield k
