"""Which options a text names by their words. All comparisons with option texts are made here.

* Full-width and stylised characters equal their plain forms. Case, spaces, punctuation and a leading article
  do not matter unless two options differ only in them.
* Number words equal numerals, and "1,000" equals "1000". A number counts only where it means exactly itself
  (see `numbers`).
* Where one option's words contain another's, the longest match counts.
* A mention is negated where its clause denies it (see `negation`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from unswayed.answers.negation import CLAUSE_END, is_negated
from unswayed.answers.numbers import (
    NUMBER_WORDS,
    OPERATORS,
    Word,
    is_number,
    join_number_words,
    means_itself,
    normalise,
)

__all__ = [
    "NUMBER_WORDS",
    "Mention",
    "OptionMatcher",
    "Word",
    "fold",
    "mask",
    "option_matcher",
    "strip_markup",
    "tokenize",
]

_ARTICLES = {"the", "a", "an"}
_CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"

# Every quantifier is possessive or bounded: linear time on any text.
_WORD = re.compile(
    rf"[{_CJK}]"
    rf"|(?:(?<![\w)])-)?(?:(?<![\w.])\.)?\d{{1,30}}+(?:[.,:]\d{{1,20}}+){{0,3}}+%?+(?![^\W_{_CJK}])"
    r"|[+*/=^<>≤≥×÷±√-]"
    rf"|[^\W_{_CJK}]++(?:'[^\W\d_]{{1,12}}+){{0,2}}"
)
_VARIABLES = frozenset("fghijklmnopqrstuvwxyz")
_MARKS = re.compile(
    r"<\|[^<>|]{1,40}\|>|</?[a-z]{1,10}\s?/?>|\\(?:boxed|fbox|text|textbf|mathrm|mathbf)\b|[*`${}\\]",
    re.IGNORECASE,
)


class _Folding(dict[int, int]):
    """Maps each character to its plain form, one to one, so that positions in the text stay valid."""

    def __missing__(self, code: int) -> int:
        plain = unicodedata.normalize("NFKC", chr(code)) if code > 127 else chr(code)
        self[code] = ord(plain) if len(plain) == 1 else code
        return self[code]


_FOLDING = _Folding(str.maketrans("‘’ʼ´“”„–—−‐‑◁▷。、【】「」\u2028\u2029", '\'\'\'\'"""-----<>.,[]""  '))


def fold(text: str) -> str:
    """`text` with full-width and stylised characters replaced by plain ones; same length."""
    return text.translate(_FOLDING)


def mask(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """`text` with ``#`` in place of the spans (in order): the words of an option are not words about it."""
    parts, at = [], 0
    for start, end in spans:
        parts += [text[at:start], "#" * (end - start)]
        at = end
    return "".join([*parts, text[at:]])


def strip_markup(text: str) -> str:
    """Folded text without Markdown, HTML, LaTeX and special-token markup, stripped."""
    return _MARKS.sub(" ", fold(text)).strip()


@dataclass(frozen=True)
class Mention:
    """An option named by its text."""

    option: int
    """0-based; -1 where two options have the same words."""
    start: int
    end: int
    negated: bool
    """The clause says that it is *not* this option."""


def tokenize(text: str) -> list[Word]:
    """Words of a folded text: lower case, numbers as numerals, "isn't" as "is" "not".

    Operators are words only where they are part of an expression ("x-5", "C++", "> 2").
    """
    words: list[Word] = []
    for match in _WORD.finditer(text):
        start, end = match.span()
        token = match.group()
        if token in OPERATORS:
            if _is_operator(text, start):
                words.append(Word(token, start, end))
        elif token[-1].isdigit() or token[-1] == "%":
            words.append(Word(normalise(token) if is_number(token) else token.casefold(), start, end))
        else:
            words += [Word(part, start, end) for part in _parts(token.casefold())]
    return join_number_words(words, text)


def _is_operator(text: str, at: int) -> bool:
    near, left = text[at - 1 : at], text[max(0, at - 2) : at].rstrip(" ")
    left, right = left[-1:], text[at + 1 : at + 3].lstrip(" ")[:1]
    if text[at] == "+":
        return left.isalnum() or left == "+" or right.isdigit()
    if text[at] == "-":
        variable = near.isalpha() and not text[max(0, at - 2) : at - 1].isalnum()
        return right.isdigit() and (left.isdigit() or variable or (near == " " and left in _VARIABLES))
    return left.isdigit() or right.isdigit()


def _parts(word: str) -> list[str]:
    if word == "cannot":
        return ["can", "not"]
    if "'" not in word:
        return [word]
    stem, _, ending = word.partition("'")
    if ending == "t" and stem.endswith("n") and len(stem) > 1:
        return ["can" if stem == "can" else stem[:-1], "not"]
    if ending in ("m", "re", "ve", "ll", "d"):
        return [stem, {"m": "am", "re": "are", "ve": "have", "ll": "will", "d": "would"}[ending]]
    return [stem] if ending == "s" else [word]


_BEFORE_COUNT = re.compile(
    "are|is|was|were|be|only|just|exactly|count|counted|counting|see|shows|show|has|have|contains|there"
    "|like|total|equals|find|found|about|say|answer|therefore|so|hence|thus"
)
_RIGHT_MEANS_CORRECT = ("answer", "option", "choice", "letter", "now", "away", "here", "there")


class OptionMatcher:
    """The options of one question, prepared for matching. Get one from `option_matcher`."""

    def __init__(self, options: tuple[str, ...]):
        self.options = options
        self._spellings: tuple[dict[str, int], ...] = tuple(
            _unique(keys)
            for keys in (
                [fold(o).strip() for o in options],
                [_spelling(o) for o in options],
                [_spelling(strip_markup(o)) for o in options],
            )
        )
        self.keys = tuple(option_key(o) for o in options)
        self._by_key = _unique(list(self.keys))
        self._by_first_word: dict[str, list[tuple[str, ...]]] = {}
        for key in self._by_key:
            if key:
                self._by_first_word.setdefault(key[0], []).append(key)
        for keys in self._by_first_word.values():
            keys.sort(key=len, reverse=True)

    def exact(self, text: str) -> int | None:
        """The option that `text` equals, apart from case, spaces and markup."""
        for table, form in zip(
            self._spellings, (fold(text).strip(), _spelling(text), _spelling(strip_markup(text))), strict=True
        ):
            if table.get(form, -1) >= 0:
                return table[form]
        return None

    def match(self, text: str) -> int | None:
        """The option that the whole of `text` names; punctuation and a leading article are ignored."""
        if (option := self.exact(text)) is not None:
            return option
        key = option_key(text)
        option = self._by_key.get(key, -1) if key else -1
        return option if option >= 0 else None

    def mentions(self, text: str) -> list[Mention]:
        """Options named anywhere in `text` (folded by the caller), in order, not overlapping."""
        spans: list[tuple[int, int, int]] = []
        words = tokenize(text)
        n = 0
        while n < len(words):
            length, option = self._longest(words, n)
            if length and self._means_option(text, words, n, length):
                start, end = words[n].start, words[n + length - 1].end
                spans.append((option, start, end))
                n += length
                continue
            n += 1
        masked = mask(text, ((start, end) for _, start, end in spans))
        return [Mention(option, start, end, is_negated(masked, start, end)) for option, start, end in spans]

    def _longest(self, words: list[Word], n: int) -> tuple[int, int]:
        for key in self._by_first_word.get(words[n].text, ()):
            if len(key) == 1 or tuple(w.text for w in words[n : n + len(key)]) == key:
                return len(key), self._by_key[key]
        none = words[n].text == "no" and n > 0 and _BEFORE_COUNT.fullmatch(words[n - 1].text)
        if none and ("0",) in self._by_key and not _is_idle_no(words, n):
            return 1, self._by_key[("0",)]
        return 0, -1

    def _means_option(self, text: str, words: list[Word], n: int, length: int) -> bool:
        """Whether the words at n mean the option, and are not just the same words."""
        if not means_itself(words, n, n + length - 1, text) or _in_expression(words, n, n + length):
            return False
        if length > 1:
            return True
        word = words[n]
        before = words[n - 1].text if n else ""
        after = words[n + 1].text if n + 1 < len(words) else ""
        closes = not after or CLAUSE_END.search(text, word.end, words[n + 1].start) is not None
        if len(word.text) == 1 and word.text.isascii() and word.text.isalpha():
            return False  # a single letter is an option letter, not an option text: see `references`
        if word.text == "1" and text[word.start : word.end].casefold() == "one":
            return after != "of" and (not before or _BEFORE_COUNT.fullmatch(before) is not None)
        if word.text == "no" and self._by_key.get(("no",), -1) >= 0:
            return closes
        if word.text in ("right", "correct"):
            agrees = " ".join(w.text for w in words[max(0, n - 2) : n]) in (
                "that is",
                "this is",
                "all",
                "that",
            )
            return not (after in _RIGHT_MEANS_CORRECT or (agrees and closes))
        return True


@lru_cache(maxsize=4096)
def _matcher(options: tuple[str, ...]) -> OptionMatcher:
    return OptionMatcher(options)


def option_matcher(options: Sequence[str]) -> OptionMatcher:
    """The (cached) matcher of these options."""
    return _matcher(tuple(options))


def option_key(text: str) -> tuple[str, ...]:
    """The words of a text in comparable form, without a leading article."""
    key = tuple(word.text for word in tokenize(strip_markup(text)))
    return key[1:] if len(key) > 1 and key[0] in _ARTICLES else key


_T = TypeVar("_T")


def _unique(keys: list[_T]) -> dict[_T, int]:
    table: dict[_T, int] = {}
    for n, key in enumerate(keys):
        table[key] = -1 if key in table else n
    return table


def _spelling(text: str) -> str:
    return " ".join(fold(text).casefold().split())


def _in_expression(words: list[Word], start: int, end: int) -> bool:
    """Whether an operator joins the words to others: "2x" in "2x+1"."""
    before = words[start - 1].text if start else ""
    after = words[end].text if end < len(words) else ""
    return before in OPERATORS - {"="} or after in OPERATORS - {"="}


def _is_idle_no(words: list[Word], n: int) -> bool:
    """ "no doubt" and its like deny nothing."""
    return n + 1 < len(words) and words[n + 1].text in ("only", "just", "doubt", "question")
