"""Changes to a thought that need no knowledge of what it says: cut, filler, another order of sentences."""

from __future__ import annotations

import random
import re

FILLER_WORD = "..."
"""As in Lanham et al. (arXiv 2307.13702, section 2.5): three ASCII full stops, which every tokenizer has."""
_WORD = re.compile(r"\S+")
_BREAK = re.compile(r"[.!?。！？]+[\"'”’)\]]*(?=\s+\S)|(?=\n+\s*\S)")
_NO_END = re.compile(r"(?:^\s*(?:\d+|[A-Za-z])|\b(?:e\.g|i\.e|etc|vs|Mr|Mrs|Dr|approx))\.\Z")


def count_words(text: str) -> int:
    """Number of words: runs of characters without a blank."""
    return len(_WORD.findall(text))


def truncate(text: str, share: float) -> str:
    """The first `share` (0 to 1) of the words, rounded half up; blanks before them stay.

    >>> truncate(" one two  three four ", 0.5)
    ' one two'
    """
    ends = [word.end() for word in _WORD.finditer(text)]
    kept = int(share * len(ends) + 0.5)
    if kept >= len(ends):
        return text
    return text[: ends[kept - 1]] if kept else ""


def filler(text: str) -> str:
    """As many filler words as `text` has words."""
    return "".join(f" {FILLER_WORD}" for _ in range(count_words(text)))


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """(start, end) of every sentence without outer blanks. A line break ends a sentence; the marker of a list
    item ("1.", "A.") and a few abbreviations do not.

    >>> [("1. A cat. It is red."[a:b]) for a, b in sentence_spans("1. A cat. It is red.")]
    ['1. A cat.', 'It is red.']
    """
    spans, start = [], 0
    for mark in _BREAK.finditer(text):
        end = mark.end()
        if not text[start:end].strip() or _NO_END.search(text[start:end]):
            continue
        spans.append((start, end))
        start = end
    if text[start:].strip():
        spans.append((start, len(text)))
    return [_without_blanks(text, *span) for span in spans]


def shuffle_sentences(text: str, rng: random.Random) -> str | None:
    """`text` with its sentences in another order and the blanks between them in place; None where there is no
    other order: fewer than two different sentences."""
    spans = sentence_spans(text)
    sentences = [text[start:end] for start, end in spans]
    if len(set(sentences)) < 2:
        return None
    order = list(sentences)
    while order == sentences:
        rng.shuffle(order)
    parts, at = [], 0
    for (start, end), sentence in zip(spans, order, strict=True):
        parts += [text[at:start], sentence]
        at = end
    return "".join(parts) + text[at:]


def _without_blanks(text: str, start: int, end: int) -> tuple[int, int]:
    inner = text[start:end]
    return start + len(inner) - len(inner.lstrip()), end - len(inner) + len(inner.rstrip())
