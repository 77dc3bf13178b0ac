"""Which options a piece of text names by their words: the one place where option texts are compared.

Decided here: full-width and stylised characters count as plain ones; case, blanks, punctuation and a
leading article do not matter unless two options differ only in them; number words are numbers; the
longest option wins where one is contained in another; an option after "not" and its like is negated.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, TypeVar

NUMBER_WORDS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip
"""The number words that are read as digits, from zero up."""
_NUMBER = {word: str(n) for n, word in enumerate(NUMBER_WORDS)}
_ARTICLES = {"the", "a", "an"}

# Every quantifier is possessive or bounded: linear time on any text.
_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
    r"|(?:(?<!\w)-)?\d{1,30}+(?:[.,]\d{1,20}+){0,3}+%?+(?![^\W_])"
    r"|[^\W_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]++(?:'[^\W\d_]{1,12}+){0,2}"
)
_MARKS = re.compile(r"<\|[^<>|]{1,40}\|>|\\(?:boxed|text|textbf|mathrm|mathbf)\b|[*`${}\\]")


class _Folding(dict[int, int]):
    """Character to its plain form, one for one, so that positions stay true."""

    def __missing__(self, code: int) -> int:
        plain = unicodedata.normalize("NFKC", chr(code)) if code > 127 else chr(code)
        self[code] = ord(plain) if len(plain) == 1 else code
        return self[code]


_FOLDING = _Folding(str.maketrans("‘’ʼ´“”„–—−‐‑◁▷。、【】「」\u2028\u2029", '\'\'\'\'"""-----<>.,[]""  '))


def fold(text: str) -> str:
    """`text` with full-width and stylised characters made plain; same length."""
    return text.translate(_FOLDING)


def strip_markup(text: str) -> str:
    """Folded text without Markdown, LaTeX and special-token marks, stripped."""
    return _MARKS.sub(" ", fold(text)).strip()


class Word(NamedTuple):
    """One word in comparable form, with its place in the text."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Mention:
    """An option named by its text."""

    option: int
    """0-based; -1 where two options have the same words."""
    start: int
    end: int
    negated: bool
    """It is said *not* to be this one."""


def tokenize(text: str) -> list[Word]:
    """Words of a folded text: lower case, number words as digits, "isn't" as "is" "not"."""
    found = []
    for hit in _WORD.finditer(text):
        start, end = hit.span()
        found += [Word(_NUMBER.get(part, part), start, end) for part in _parts(hit.group().casefold())]
    return found


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


_NEGATORS = {"not", "no", "never", "neither", "nor", "without", "isnt", "unlike", "cannot"}
_REACH = 8
"""How many words a "not" reaches forward within its clause."""
_CLAUSE_END = re.compile(r"[,.;:!?\n]|\b(?:but|however|so|therefore|thus|hence|because|and)\b", re.IGNORECASE)
_COUNTING = re.compile(
    "are|is|was|were|be|only|just|exactly|count|counted|counting|see|shows|show|has|have|contains|there"
    "|like|total|equals|find|found|about|say|answer|therefore|so|hence|thus"
)
_RIGHT_MEANS_CORRECT = ("answer", "option", "choice", "letter", "now", "away", "here", "there")


class OptionMatcher:
    """The options of one question, ready to be looked for. Get one from `matcher`."""

    def __init__(self, options: tuple[str, ...]):
        self.options = options
        self._spelled: tuple[dict[str, int], ...] = tuple(
            _unique(keys)
            for keys in (
                [fold(o).strip() for o in options],
                [_spelling(o) for o in options],
                [_spelling(strip_markup(o)) for o in options],
            )
        )
        self._worded = _unique([_key(o) for o in options])
        self._heads: dict[str, list[tuple[str, ...]]] = {}
        for key in self._worded:
            if key:
                self._heads.setdefault(key[0], []).append(key)
        for keys in self._heads.values():
            keys.sort(key=len, reverse=True)

    def spelled(self, text: str) -> int | None:
        """The option that `text` is, but for case, blanks and marks."""
        for table, form in zip(
            self._spelled, (fold(text).strip(), _spelling(text), _spelling(strip_markup(text))), strict=True
        ):
            if table.get(form, -1) >= 0:
                return table[form]
        return None

    def named(self, text: str) -> int | None:
        """The option that the whole of `text` names; punctuation and a leading article are ignored."""
        if (option := self.spelled(text)) is not None:
            return option
        key = _key(text)
        found = self._worded.get(key, -1) if key else -1
        return found if found >= 0 else None

    def mentions(self, text: str) -> list[Mention]:
        """Options named anywhere in `text` (folded by the caller), in order, not overlapping."""
        found = []
        run = tokenize(text)
        n = 0
        last_negator: int | None = None
        while n < len(run):
            length, option = self._longest(run, n)
            if length and self._means(text, run, n, length, option):
                start, end = run[n].start, run[n + length - 1].end
                found.append(Mention(option, start, end, _reaches(text, run, last_negator, n)))
                n += length
                continue
            if _denies(run, n):
                last_negator = n
            n += 1
        return found

    def _longest(self, run: list[Word], n: int) -> tuple[int, int]:
        for key in self._heads.get(run[n].text, ()):
            if len(key) == 1 or tuple(w.text for w in run[n : n + len(key)]) == key:
                return len(key), self._worded[key]
        none = run[n].text == "no" and n > 0 and _COUNTING.fullmatch(run[n - 1].text) and not _idle(run, n)
        if none and ("0",) in self._worded:
            return 1, self._worded[("0",)]
        return 0, -1

    def _means(self, text: str, run: list[Word], n: int, length: int, option: int) -> bool:
        """Whether the words at n are the option and not just the same letters."""
        word = run[n]
        if length > 1:
            return True
        before = run[n - 1].text if n else ""
        after = run[n + 1].text if n + 1 < len(run) else ""
        closes = not after or _CLAUSE_END.search(text, word.end, run[n + 1].start) is not None
        if len(word.text) == 1 and word.text.isalpha():
            return False  # a letter is a letter, not a text: see `reading`
        if word.text == "1" and text[word.start : word.end].casefold() == "one":
            return after != "of" and (not before or _COUNTING.fullmatch(before) is not None)
        if word.text == "no" and self._worded.get(("no",), -1) >= 0:
            return closes
        if word.text in ("right", "correct"):
            agrees = " ".join(w.text for w in run[max(0, n - 2) : n]) in ("that is", "this is", "all", "that")
            return not (after in _RIGHT_MEANS_CORRECT or (agrees and closes))
        return True


@lru_cache(maxsize=4096)
def _matcher(options: tuple[str, ...]) -> OptionMatcher:
    return OptionMatcher(options)


def option_matcher(options: Sequence[str]) -> OptionMatcher:
    """The (cached) matcher of these options."""
    return _matcher(tuple(options))


_T = TypeVar("_T")


def _unique(keys: list[_T]) -> dict[_T, int]:
    found: dict[_T, int] = {}
    for n, key in enumerate(keys):
        found[key] = -1 if key in found else n
    return found


def _spelling(text: str) -> str:
    return " ".join(fold(text).casefold().split())


def _key(text: str) -> tuple[str, ...]:
    key = tuple(word.text for word in tokenize(strip_markup(text)))
    return key[1:] if len(key) > 1 and key[0] in _ARTICLES else key


def _denies(run: list[Word], n: int) -> bool:
    if run[n].text in ("of", "than", "from"):
        return n > 0 and run[n - 1].text in ("instead", "rather", "other", "opposite", "far", "different")
    return run[n].text in _NEGATORS and not _idle(run, n)


def _idle(run: list[Word], n: int) -> bool:
    """A "not" that denies nothing: "not only", "no doubt"."""
    return n + 1 < len(run) and run[n + 1].text in ("only", "just", "doubt", "question")


def _reaches(text: str, run: list[Word], negator: int | None, n: int) -> bool:
    if negator is None or n - negator > _REACH:
        return False
    return _CLAUSE_END.search(text, run[negator].end, run[n].start) is None
