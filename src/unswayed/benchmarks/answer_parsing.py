"""Options inside a question's text, options written as a string, and the forms of a right answer.

"Where is it?\\nA. left\\nB. right", "… (A) red (B) blue\\nAnswer with the option's letter", "['1', '2']",
"(C)", "D. upwards", "upwards". All functions are pure. They raise `UnusableRow` for what they do not
understand.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence

from unswayed.benchmarks.records import UnusableRow
from unswayed.question import LETTERS

_LETTER = re.compile(r"\(?([A-Za-z])\)?[.:)]?")
_LABEL = re.compile(r"\s*(?:\(([A-Za-z])\)|([A-Za-z])[.:)])\s*(.*)", re.DOTALL)
_MARKERS = (r"^[ \t]*\({}\)", r"^[ \t]*{}[.):](?=\s)", r"(?:^|(?<=\s))\({}\)")
"""How an option begins: ``(A)`` on a line of its own, ``A.`` on a line of its own, ``(A)`` anywhere."""
INSTRUCTION = re.compile(
    r"(?:please\s+)?(?:answer|respond|reply)\s+(?:the question\s+)?(?:directly\s+)?(?:with|using|by)\b.*"
    r"|(?:please\s+)?(?:select|choose|pick|give|return|output|provide)\b(?=[^?]*\b"
    r"(?:answers?|options?|choices?|letters?|alternatives?|candidates?)\b).*"
    r"|(?:please\s+)?(?:select|choose|pick)\s+(?:only\s+)?one[.!]?"
    r"|(?:please\s+)?(?:only\s+)?answer\s+(?:only\s+)?(?:yes or no|true or false)\b.*"
    r"|(?:the )?(?:best|correct|right) answer is\s*:?.*"
    r"|(?:the )?(?:choices|options) are listed below\s*:?"
    r"|(?:answer )?(?:choices|options)\s*:|answer\s*:",
    re.IGNORECASE | re.DOTALL,
)
"""A sentence that says in which form to answer. It is cut off, because the prompt says that itself.

"Select the best answer." is one; "Select the object that is nearest." is the question.
"""
_CONNECTIVE = re.compile(r"\b(?:and|or|nor|vs|versus|than)\b", re.IGNORECASE)
_RELATIVE = re.compile(r"\b(?:that|which|who|whose|where)\b", re.IGNORECASE)


def split_options(text: object) -> tuple[str, tuple[str, ...]]:
    """A text with its options inside, as the question and the options; instructions are cut off.

    Options begin with ``(A)``, or with ``A.``, ``A)`` or ``A:`` at the start of a line, in alphabetical
    order. Series at the start of lines come first; of several series of a kind the longest is taken whose
    stretches can be options, of equally long ones the last, so letters that the question mentions ("Which is
    nearer to point (A)?") are no options. Raises `UnusableRow` if there are not two options, if they can be
    read in two ways, or if something that is no instruction follows the last.
    """
    if is_missing(text):
        raise UnusableRow("it has no question")
    text = str(text)
    series = next((s for marker in _MARKERS if len(s := _best_series(text, marker)) >= 2), None)
    if series is None:
        raise UnusableRow("no options can be found in its text")
    options, rest = _options_of(text, series)
    question = text[: series[0][0]]
    following = LETTERS[len(options) : len(options) + 1]
    if following and re.search(rf"(?<=\s)\({following}\)\s", f"{options[-1]} "):
        raise UnusableRow(f"its last option holds the mark of another, ({following}): {options[-1][:60]!r}")
    if rest and not _is_instruction(rest, question):
        raise UnusableRow(f"what stands behind its last option is not understood: {rest[:60]!r}")
    return strip_instruction(question), options


Series = list[tuple[int, int]]
"""Spans of the marks A, B, … of one list of options."""


def _best_series(text: str, marker: str) -> Series:
    """The longest series whose stretches can be options, of equally long ones the last."""
    spans: list[Series] = []
    for letter in LETTERS:
        hits = [match.span() for match in re.finditer(marker.format(letter), text, re.MULTILINE)]
        if not hits:
            break
        spans.append(hits)
    best: Series = []
    for first in spans[0] if spans else ():
        series = [first]
        for hits in spans[1:]:
            following = next((span for span in hits if span[0] >= series[-1][1]), None)
            if following is None:
                break
            series.append(following)
        if len(series) >= len(best) and _plausible(text, series):
            best = series
    return best


def _options_of(text: str, series: Series) -> tuple[tuple[str, ...], str]:
    """The options of a series, and what follows the line of the last one."""
    ends = [start for start, _ in series[1:]]
    options = [text[start:end].strip() for (_, start), end in zip(series, ends, strict=False)]
    last, _, rest = text[series[-1][1] :].strip().partition("\n")
    return (*options, last.strip()), rest.strip()


def _plausible(text: str, series: Series) -> bool:
    """Whether a series can be options: each has a word of its own, and no question with another list follows.

    "points (A), (B) and (C)" is none.
    """
    options, _ = _options_of(text, series)
    if len({*options}) < len(options) and len(options) == 2:
        return False
    if any(not re.search(r"\w|[^\w\s,.;:!?()]", _CONNECTIVE.sub("", option)) for option in options):
        return False
    return not any(re.search(r"\?.*(?<!\w)\(?A[).]", option, re.DOTALL) for option in options)


def strip_instruction(text: object) -> str:
    """A question without the sentences at its end that say in which form to answer; "" for null."""
    text = "" if is_missing(text) else str(text)
    lines = text.strip().split("\n")
    while len(lines) > 1 and (not lines[-1].strip() or _is_instruction(lines[-1].strip(), *lines[:-1])):
        lines.pop()
    text = "\n".join(lines).strip()
    sentences = re.split(r"(?<=[.?!:])\s+", text)
    while len(sentences) > 1 and _is_instruction(sentences[-1].strip(), *sentences[:-1]):
        text = text[: text.rindex(sentences.pop())].strip()
    return text


def _is_instruction(sentence: str, *before: str) -> bool:
    """Whether `sentence` says only how to answer the question in `before`.

    "Choose the option that shows a dog." may be the question itself, so it counts only after a question mark.
    """
    if not INSTRUCTION.fullmatch(sentence):
        return False
    return not _RELATIVE.search(sentence) or any("?" in part for part in before)


def parse_options(value: object) -> tuple[str, ...]:
    """Options from a list, or from a list that is written as a string by JSON or Python.

    Nulls at the end are no options (columns that are too long). Raises `UnusableRow` for anything else.
    """
    if isinstance(value, str) and value.strip():
        for read in (json.loads, ast.literal_eval):
            try:
                parsed = read(value)
            except (ValueError, SyntaxError, RecursionError, MemoryError):
                continue
            if isinstance(parsed, list | tuple):
                return parse_options(list(parsed))
        raise UnusableRow(f"its options are no list: {value[:60]!r}")
    if value is None or value == "" or value != value:
        raise UnusableRow("it has no options")
    if not isinstance(value, list | tuple):
        raise UnusableRow(f"its options are no list: {str(value)[:60]!r}")
    options = list(value)
    while options and is_missing(options[-1]):
        options.pop()
    if any(is_missing(option) for option in options):
        raise UnusableRow("one of its options is null")
    if any(isinstance(option, list | tuple | dict) for option in options):
        raise UnusableRow("one of its options is no text")
    return tuple(str(option).strip() for option in options)


def is_missing(value: object) -> bool:
    """Whether a cell holds null or NaN."""
    return value is None or value != value


def strip_label(option: str, index: int) -> str:
    """An option without its own letter before it: ``(A) a dog`` at index 0 is ``a dog``."""
    match = _LABEL.fullmatch(option)
    if match and (match[1] or match[2]).upper() == LETTERS[index] and match[3].strip():
        return match[3].strip()
    return option.strip()


def parse_letter(answer: object, options: Sequence[str]) -> int:
    """The 0-based option of ``C``, ``(C)`` or ``C.``. Raises `UnusableRow` if there is none."""
    words = _given(answer)
    match = _LETTER.fullmatch(words)
    index = LETTERS.index(match[1].upper()) if match else len(options)
    if index >= len(options):
        letters = LETTERS[: len(options)]
        raise UnusableRow(f"the answer {words[:40]!r} is not the letter of one of its options ({letters})")
    return index


def match_text(answer: object, options: Sequence[str]) -> int:
    """The 0-based option whose text the answer is. Raises `UnusableRow` for none or several."""
    words = _given(answer)
    for normalise in (str, _normalised):
        matches = [k for k, option in enumerate(options) if normalise(option) == normalise(words)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise UnusableRow(f"several of its options are {words[:40]!r}")
    raise UnusableRow(f"the answer {words[:40]!r} is none of its options")


def parse_answer(answer: object, options: Sequence[str]) -> int:
    """The 0-based option of a letter, of a text, or of both (``D. upwards``), which must agree.

    Raises `UnusableRow` where they do not, or where there is no such option.
    """
    words = _given(answer)
    if _LETTER.fullmatch(words):
        return parse_letter(words, options)
    label = _LABEL.fullmatch(words)
    if label is None:
        return match_text(words, options)
    index = parse_letter(label[1] or label[2], options)
    if _normalised(options[index]) != _normalised(label[3]):
        raise UnusableRow(
            f"letter and words of its answer disagree: {words[:60]!r}, but that letter is {options[index]!r}"
        )
    return index


def _given(answer: object) -> str:
    if is_missing(answer) or not str(answer).strip():
        raise UnusableRow("it has no answer")
    return str(answer).strip()


def _normalised(words: str) -> str:
    return " ".join(words.split()).strip(" .,;:").casefold()
