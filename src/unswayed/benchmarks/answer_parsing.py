"""Options written inside a question's text, and the many ways in which a right answer is given.

"Where is it?\\nA. left\\nB. right", "… (A) red (B) blue\\nAnswer with the option's letter", "(C)",
"D. upwards", "upwards". All pure. What cannot be understood raises `LeftOut`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from unswayed.benchmarks.records import LeftOut
from unswayed.question import LETTERS

_LETTER = re.compile(r"\(?([A-Za-z])\)?[.:)]?")
_LABEL = re.compile(r"\s*(?:\(([A-Za-z])\)|([A-Za-z])[.:)])\s*(.*)", re.DOTALL)
INSTRUCTION = re.compile(
    r"(?:please\s+)?(?:answer|respond|reply)\s+(?:the question\s+)?(?:directly\s+)?(?:with|using|by)\b.*"
    r"|(?:please\s+)?(?:select|choose|pick|give|return|output)\s+(?:only\s+)?(?:the|one|an?|your|from)\b.*"
    r"|(?:the )?(?:best|correct|right) answer is\s*:?.*"
    r"|(?:the )?(?:choices|options) are listed below\s*:?"
    r"|(?:answer )?(?:choices|options)\s*:|answer\s*:",
    re.IGNORECASE | re.DOTALL,
)
"""What a benchmark says about the form of the answer. It is cut off: the house says that itself."""


def split(text: str) -> tuple[str, tuple[str, ...]]:
    """A text with its options inside, as question and options; instructions around them are cut off.

    Options are lines or stretches that begin with ``(A)``, or lines that begin with ``A.`` (``A)``,
    ``A:``), in the order of the alphabet. Raises `LeftOut` if there are not two, or if something that is
    no instruction stands behind the last.
    """
    for pattern in (r"(?:^|(?<=\s))\({}\)", r"^[ \t]*{}[.):](?=\s)"):
        marks: list[tuple[int, int]] = []
        at = 0
        for letter in LETTERS:
            found = re.compile(pattern.format(letter), re.MULTILINE).search(text, at)
            if found is None:
                break
            marks.append(found.span())
            at = found.end()
        if len(marks) >= 2:
            break
    else:
        raise LeftOut("no options can be found in its text")
    ends = [start for start, _ in marks[1:]]
    options = [text[start:end].strip() for (_, start), end in zip(marks, ends, strict=False)]
    last, _, behind = text[marks[-1][1] :].strip().partition("\n")
    if behind.strip() and not INSTRUCTION.fullmatch(behind.strip()):
        raise LeftOut(f"what stands behind its last option is not understood: {behind.strip()[:60]!r}")
    return without_instruction(text[: marks[0][0]]), (*options, last.strip())


def without_instruction(text: str) -> str:
    """A question without sentences at its end that say how to answer."""
    lines = text.strip().split("\n")
    while len(lines) > 1 and (not lines[-1].strip() or INSTRUCTION.fullmatch(lines[-1].strip())):
        lines.pop()
    text = "\n".join(lines).strip()
    sentences = re.split(r"(?<=[.?!:])\s+", text)
    while len(sentences) > 1 and INSTRUCTION.fullmatch(sentences[-1].strip()):
        text = text[: text.rindex(sentences.pop())].strip()
    return text


def unlabelled(option: str, place: int) -> str:
    """An option without its own letter before it: ``(A) a dog`` at place 0 is ``a dog``."""
    found = _LABEL.fullmatch(option)
    if found and (found[1] or found[2]).upper() == LETTERS[place] and found[3].strip():
        return found[3].strip()
    return option.strip()


def letter(answer: str, options: Sequence[str]) -> int:
    """The option that ``C``, ``(C)`` or ``C.`` means, 0-based. Raises `LeftOut` if there is none."""
    found = _LETTER.fullmatch(answer.strip())
    place = LETTERS.index(found[1].upper()) if found else len(options)
    if place >= len(options):
        there = LETTERS[: len(options)]
        raise LeftOut(f"the answer {answer[:40]!r} is not the letter of one of its options ({there})")
    return place


def text(answer: str, options: Sequence[str]) -> int:
    """The one option whose words the answer is, 0-based. Raises `LeftOut` for none or several."""
    for same in (str, _loose):
        found = [k for k, option in enumerate(options) if same(option) == same(answer)]
        if len(found) == 1:
            return found[0]
        if found:
            raise LeftOut(f"several of its options are {answer[:40]!r}")
    raise LeftOut(f"the answer {answer[:40]!r} is none of its options")


def labelled(answer: str, options: Sequence[str]) -> int:
    """The option that ``D. upwards`` means: letter and words must agree, or the row is `LeftOut`.

    A bare letter, or words alone, are taken too.
    """
    if _LETTER.fullmatch(answer.strip()):
        return letter(answer, options)
    found = _LABEL.fullmatch(answer.strip())
    if found is None:
        return text(answer, options)
    said = letter(found[1] or found[2], options)
    if _loose(options[said]) != _loose(found[3]):
        raise LeftOut(
            f"letter and words of its answer disagree: {answer[:60]!r}, but that letter is {options[said]!r}"
        )
    return said


def _loose(words: str) -> str:
    return " ".join(words.split()).strip(" .,;:").casefold()
