"""Numerals and number words in one comparable form, and whether a number in a text means exactly itself.

"1,000", "one thousand" and "1000.0" are one number. "more than 2", "2 to 4", "2.5", "x-5" and "3:30" do not
mean 2, 4, 5 or 3.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple


class Word(NamedTuple):
    """One token in comparable form, with its place in the text."""

    text: str
    start: int
    end: int


NUMBER_WORDS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip
"""English words for 0 to 20."""
_SMALL = {word: n for n, word in enumerate(NUMBER_WORDS[:20])}
_TENS = {
    word: 10 * n
    for n, word in enumerate(
        ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"), start=2
    )
}
_SCALES = {"thousand": 1000, "million": 1_000_000}
_STARTS = {*_SMALL, *_TENS, *_SCALES, "hundred", "dozen"}
_NUMERAL = re.compile(r"-?\.?\d+(?:[.,:]\d+)*%?")
_GROUPED = re.compile(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_GROUPED_BY_POINTS = re.compile(r"-?\d{1,3}(?:\.\d{3})+")  # "1.000" is 1 or 1000
_DECIMAL = re.compile(r"-?\d+\.\d+")
OPERATORS = frozenset("+-*/=^<>≤≥×÷±√")


def normalise(numeral: str) -> str:
    """A numeral without thousands separators and without zeros at the end of its decimals.

    >>> normalise("1,000"), normalise("2.50"), normalise("50%"), normalise("3:30")
    ('1000', '2.5', '50%', '3:30')
    """
    body, percent = numeral.removesuffix("%"), "%" if numeral.endswith("%") else ""
    if body.removeprefix("-").startswith("."):
        body = body.replace(".", "0.", 1)
    if _GROUPED.fullmatch(body):
        body = body.replace(",", "")
    if _DECIMAL.fullmatch(body) and not _GROUPED_BY_POINTS.fullmatch(body):
        body = body.rstrip("0").rstrip(".")
    return body + percent


def is_number(token: str) -> bool:
    """Whether a token of `tokenize` is a numeral."""
    return token[:1] in "-.0123456789" and _NUMERAL.fullmatch(token) is not None


def join_number_words(words: list[Word], text: str) -> list[Word]:
    """`words` with each number in words as one numeral: "twenty-one", "two hundred and five".

    A word for percent joins the number before it.
    """
    joined: list[Word] = []
    n = 0
    while n < len(words):
        word = words[n]
        value, end = _value(words, n, text) if word.text in _STARTS else (None, n)
        if value is None and word.text.isdigit() and n + 1 < len(words):
            scale = {**_SCALES, "hundred": 100, "dozen": 12}.get(words[n + 1].text)
            if scale and _adjacent(words, n, text):
                value, end = int(word.text[:15]) * scale, n + 2
        if value is not None:
            word = Word(str(value), word.start, words[end - 1].end)
            n = end - 1
        percent = _percent(words, n + 1) if is_number(word.text) and word.text[-1] != "%" else 0
        if percent:
            word = Word(word.text + "%", word.start, words[n + percent].end)
            n += percent
        joined.append(word)
        n += 1
    return joined


def _value(words: list[Word], n: int, text: str) -> tuple[int | None, int]:
    """The number that begins at word n, and the index behind it."""
    total = current = 0
    start = n
    while n < len(words):
        word = words[n].text
        if n > start and not _adjacent(words, n - 1, text):
            break
        if word == "and" and n > start and (total or current) and current % 100 == 0:
            following = words[n + 1].text if n + 1 < len(words) else ""
            if following in _SMALL or following in _TENS:
                n += 1
                continue
            break
        if word in _SMALL:
            unit = _SMALL[word]
            after_tens = current % 100 >= 20 and current % 10 == 0 and 0 < unit < 10
            if n > start and not ((current % 100 == 0 and unit and (current or total)) or after_tens):
                break
            current += unit
            n += 1
            if unit == 0:
                break
        elif word in _TENS and (n == start or (current % 100 == 0 and (current or total))):
            current += _TENS[word]
            n += 1
        elif word == "hundred" and current < 100 and (n == start or current):
            current = (current or 1) * 100
            n += 1
        elif word == "dozen" and (n == start or current):
            current = (current or 1) * 12
            n += 1
            break
        elif word in _SCALES and (n == start or current):
            total += (current or 1) * _SCALES[word]
            current = 0
            n += 1
        else:
            break
    return (total + current, n) if n > start else (None, start)


def _adjacent(words: list[Word], n: int, text: str) -> bool:
    return text[words[n].end : words[n + 1].start].strip(" \t") in ("", "-")


def _percent(words: list[Word], n: int) -> int:
    ahead = [word.text for word in words[n : n + 2]]
    if ahead[:1] == ["percent"]:
        return 1
    return 2 if ahead == ["per", "cent"] else 0


_INEXACT_BEFORE = re.compile(
    r"(?:more|less|fewer|greater|larger|smaller|bigger|higher|lower|other|better|older|younger|taller) than"
    r"|(?:or|and) (?:more|less|fewer|greater)|at (?:least|most)|(?<!adds )(?<!add )(?<!sums )\bup to"
    r"|(?:over|under|above|below|beyond|exceed(?:s|ing)?|nearly|almost|between|within"
    r"|minus|plus|times|by|point|minimum of|maximum of|close to|closer to|nearer to|next to)"
    r"|(?:step|figure|fig|row|column|line|image|picture|photo|panel|item|part|page|question|example|case"
    r"|frame|view|option|choice|room|gate|bus|route|level|floor|player|number|type|grade|chapter)"
)
_EXACT_NUMBER = re.compile(r"(?:the|is|answer) number")
_INEXACT_AFTER = re.compile(
    r"(?:out )?of (?:the |these |those )?\d|or (?:more|less|fewer|greater|higher|lower|so|above|below|over"
    r"|under|\d\S*)\b"
    r"|and (?:more|over|above|up|a half|a quarter|a third|half|\d\S*)\b|to \d|through \d|point \d"
    r"|(?:plus|minus|times|divided|multiplied)\b"
    r"|(?:half|halves|thirds?|quarters?|fourths?|fifths?|sixths?|eighths?|tenths?|hundredths?)\b"
)


def means_itself(words: Sequence[Word], first: int, last: int, text: str) -> bool:
    """Whether the words `first` to `last`, of which one is a number, state exactly that number.

    False behind "more than" and its like, before "or more", in a range, in an expression, in a decimal or a
    time of which it is only a part, and where the number is a label ("row 2").
    """
    start, end = words[first].start, words[last].end
    if is_number(words[first].text):
        if re.search(r"\d[.,:]\Z|(?:\A|[^\w.])\.\Z", text[max(0, start - 2) : start]):
            return False
        if first and words[first - 1].text in OPERATORS - {"="}:
            return False
        before = " ".join(word.text for word in words[max(0, first - 3) : first])
        gap = text[words[first - 1].end : start] if first else ""
        label = re.search(rf"(?:\A|\s)(?:{_INEXACT_BEFORE.pattern})\Z", before)
        if label and not _EXACT_NUMBER.search(before) and not re.search(r"[.!?;,:\n]", gap):
            return False
        range_before = re.search(
            r"\d%? (?:to|through|or|and|(?:out )?of(?: the)?)\Z|\b(?:half|third|quarter) of\Z", before
        )
        if range_before or _is_list_marker(text, start, end):
            return False
    if is_number(words[last].text):
        if re.match(r"[.,:]\d", text[end : end + 2]):
            return False
        after = " ".join(word.text for word in words[last + 1 : last + 4])
        gap = text[end : words[last + 1].start] if last + 1 < len(words) else ""
        if words[last + 1 : last + 2] and words[last + 1].text in OPERATORS:
            return False
        if _INEXACT_AFTER.match(after) and not re.search(r"[.!?;,:\n]", gap):
            return False
    return True


def _is_list_marker(text: str, start: int, end: int) -> bool:
    """ "1." or "1)" at the beginning of a line that goes on."""
    line = text[max(0, start - 6) : start].rsplit("\n", 1)
    begins = not line[-1].strip(" \t#*-") and (len(line) == 2 or start <= 6)
    return begins and re.match(r"[.)]\s{1,3}[^\W\d]", text[end : end + 6]) is not None
