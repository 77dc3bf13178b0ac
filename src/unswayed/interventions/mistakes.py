"""`think-mistake`: where a thought can be falsified, and which false statement stands there.

Questions about synthetic scenes use `scene_mistakes`, whose false statements are false of the scene.
Elsewhere, and where that finds no statement, rules replace one option, number, direction or colour by
another. A rule knows the right option, so it never asserts it; that a changed number, direction or colour is
false is assumed.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from unswayed.answers.numbers import NUMBER_WORDS
from unswayed.answers.option_matching import fold, option_matcher
from unswayed.interventions.text_edits import sentence_spans
from unswayed.question import Question

_LARGEST_WORD = 20
_NUMBER = re.compile(
    rf"(?<![\w.,:/(-])(?:\d{{1,4}}(?!\w|%|[.,:/-]\d)|(?:{'|'.join(NUMBER_WORDS[2:])})(?![\w-]))",
    re.IGNORECASE,
)
_LIST_MARKER = re.compile(r"(?:^|\n)\s*\Z")
_LABELS = re.compile(r"\b(?:step|option|choice|question|figure|image|picture|part|point)\s\Z", re.IGNORECASE)
_OPPOSITES = (
    ("left", "right"), ("above", "below"), ("top", "bottom"), ("upper", "lower"), ("in front of", "behind"),
    ("north", "south"), ("east", "west"), ("clockwise", "counterclockwise"), ("closer", "farther"),
    ("nearer", "further"), ("leftmost", "rightmost"), ("foreground", "background"), ("inside", "outside"),
    ("horizontal", "vertical"), ("upward", "downward"), ("larger", "smaller"), ("taller", "shorter"),
)  # fmt: skip
_OTHER_WAY = dict(_OPPOSITES) | {second: first for first, second in _OPPOSITES}
_DIRECTION = re.compile(rf"\b(?:{'|'.join(sorted(_OTHER_WAY, key=len, reverse=True))})\b", re.IGNORECASE)
_BEFORE_SIDE = re.compile(
    r"\b(?:the|far|to|on|upper|lower|top|bottom|facing|turns?|turning|its)[ -]\Z", re.IGNORECASE
)
_AFTER_SIDE = re.compile(r"-| (?:of|side|hand|corner|edge|half|part)\b", re.IGNORECASE)
_CORRECT = re.compile(r" (?:answer|option|choice|letter|one|now|away)\b", re.IGNORECASE)
_ARTICLE = re.compile(r"\b(the|an?) \Z", re.IGNORECASE)
_OWN_ARTICLE = re.compile(r"(?:the|an?) ", re.IGNORECASE)
_COLOURS = (
    "red", "green", "blue", "yellow", "purple", "orange", "black", "white", "brown", "pink", "gray", "grey",
)  # fmt: skip
_COLOUR = re.compile(rf"\b(?:{'|'.join(_COLOURS)})\b", re.IGNORECASE)
_YES_NO = frozenset(("yes", "no", "true", "false"))
_ANSWERS = re.compile(r"(?:\b(?:is|be)|:)\s*[\"'(*]*\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Mistake:
    """A span of the thought, and the false words that replace it."""

    start: int
    end: int
    text: str
    rule: str
    """Which rule wrote it, e.g. ``option`` or ``scene-cell``."""
    option: int | None = None
    """0-based: the option that follows from the false statement; None: none, or not known."""
    complete: bool = False
    """`text` is a statement by itself."""

    def apply(self, thought: str) -> str:
        """The thought up to and including the false statement; what followed it is cut."""
        return thought[: self.start] + self.text

    def statement(self, thought: str) -> str:
        """The false statement; where only a word was replaced, from the beginning of its sentence."""
        if self.complete:
            return self.text
        begins = [start for start, _ in sentence_spans(thought) if start <= self.start]
        return thought[begins[-1] if begins else 0 : self.start] + self.text


def rule_mistakes(thought: str, question: Question, answer: int, rng: random.Random) -> list[Mistake]:
    """One mistake for every place where a rule applies, in the order of the places.

    `answer` is the model's own, 0-based: no mistake asserts it, nor the right option.
    """
    taken: list[Mistake] = []
    spared = {question.gold, answer}
    for rule in (
        partial(_options, options=question.options, spared=spared),
        _numbers,
        _directions,
        _colours,
    ):
        for mistake in rule(thought, rng):
            if all(mistake.end <= other.start or other.end <= mistake.start for other in taken):
                taken.append(mistake)
    return sorted(taken, key=lambda mistake: mistake.start)


def choose(mistakes: list[Mistake], rng: random.Random) -> Mistake | None:
    """One of the mistakes: of those from which an option follows where there are any, each place alike."""
    return rng.choice([m for m in mistakes if m.option is not None] or mistakes) if mistakes else None


def _options(
    thought: str, rng: random.Random, options: tuple[str, ...], spared: set[int]
) -> Iterator[Mistake]:
    for mention in option_matcher(options).mentions(fold(thought)):
        original = thought[mention.start : mention.end]
        others = [k for k in range(len(options)) if k not in spared | {mention.option}]
        if mention.negated or mention.option < 0 or not others:
            continue
        if original.casefold() in _YES_NO and not _ANSWERS.search(thought[: mention.start]):
            continue
        option = rng.choice(others)
        yield _replacement(thought, mention.start, mention.end, options[option], "option", option)


def _numbers(thought: str, rng: random.Random) -> Iterator[Mistake]:
    for hit in _NUMBER.finditer(thought):
        original = hit.group()
        before, after = thought[: hit.start()], thought[hit.end() : hit.end() + 1]
        if original.isdigit() and ((_LIST_MARKER.search(before) and after in ".)") or _LABELS.search(before)):
            continue
        n = int(original) if original.isdigit() else NUMBER_WORDS.index(original.lower())
        other = rng.choice([m for m in (n - 2, n - 1, n + 1, n + 2) if m >= 0])
        text = str(other) if original.isdigit() or other > _LARGEST_WORD else NUMBER_WORDS[other]
        yield _replacement(thought, *hit.span(), text, "number")


def _directions(thought: str, rng: random.Random) -> Iterator[Mistake]:
    for hit in _DIRECTION.finditer(thought):
        original = hit.group().lower()
        if original in ("left", "right") and not _is_side(thought, *hit.span()):
            continue
        yield _replacement(thought, *hit.span(), _OTHER_WAY[original], "direction")


def _is_side(thought: str, start: int, end: int) -> bool:
    """Whether "left" or "right" names a side: not "the train left", not "the right answer"."""
    if _AFTER_SIDE.match(thought, end):
        return True
    return bool(_BEFORE_SIDE.search(thought[:start])) and not _CORRECT.match(thought, end)


def _colours(thought: str, rng: random.Random) -> Iterator[Mistake]:
    for hit in _COLOUR.finditer(thought):
        original = hit.group().lower()
        others = [c for c in _COLOURS if c != original and {c, original} != {"gray", "grey"}]
        yield _replacement(thought, *hit.span(), rng.choice(others), "colour")


def _replacement(
    thought: str, start: int, end: int, text: str, rule: str, option: int | None = None
) -> Mistake:
    """`text` in place of a span, with one article that fits, and with a capital where the span has one."""
    if article := _ARTICLE.search(thought[:start]):
        noun = _OWN_ARTICLE.sub("", text, count=1) if _OWN_ARTICLE.match(text) else text
        if article[1].lower() != "the":
            text, start = f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}", article.start()
        else:
            text = noun
    return Mistake(start, end, _capitalised_like(thought[start:end], text), rule, option)


def _capitalised_like(original: str, text: str) -> str:
    """`text` with a capital where `original` has one."""
    return text[:1].upper() + text[1:] if original[:1].isupper() and original[1:].islower() else text
