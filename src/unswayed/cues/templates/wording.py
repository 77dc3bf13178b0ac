"""Phrases of a question as parts of a new sentence: articles, number, names of options.

The head of a noun phrase (``the man in white (marked A)``) is its last word before the first preposition or
participle.
"""

from __future__ import annotations

import re

from unswayed.cues import inflection
from unswayed.cues.checks import TRAILING, normalised

PREPOSITIONS = (
    r"in front of|on top of|next to|to the left of|to the right of|on the left of|on the right of|close to"
    r"|far from|in|on|at|with|of|behind|under|underneath|beneath|beside|near|above|below|over|inside|outside"
    r"|between|across|against|along|around|by|from|to|towards|toward|through|among|opposite|without|for"
)
_HEAD_ENDS = re.compile(rf"\s(?:{PREPOSITIONS}|that|who|which|\w+ing|\(.*)(?=\s|\Z)", re.IGNORECASE)
_NOUNS_IN_ING = re.compile(
    r"(?:awn|bedd|build|ceil|cloth|condition|cross|dress|duckl|earr|even|fenc|floor|ic|k|light|morn|paint|park"
    r"|pudd|rail|r|sibl|spr|str|sw|th|topp|wedd|w)ing\Z"
)
_DETERMINED = re.compile(
    r"(?:the|a|an|this|that|these|those|his|her|its|their|my|your|our|some|any|no|each|every|all|both"
    r"|someone|somebody|nobody|nothing|everyone|everything|it|he|she|they|one)\b",
    re.IGNORECASE,
)
_DETERMINER = re.compile(r"(?:the|a|an|this|that|these|those)", re.IGNORECASE)
_TITLE = re.compile(r"[A-Z][a-z]+(?:[A-Z][a-z]+)*\Z")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_ELSE = re.compile(
    r"(?:none|both|neither|either|all|nothing|nan|unknown|unsure|not|cannot|can't|i)\b"
    r"|.*\bof the (?:above|others)\b",
    re.IGNORECASE,
)


def clean(text: str) -> str:
    """On one line, without white space or punctuation at its ends."""
    return " ".join(text.split()).strip(TRAILING)


def the(phrase: str) -> str:
    """A noun phrase with its article; category names in title case become plain words.

    >>> [the(p) for p in ("WineBottle (near mark A)", "the cat", "McDonald's Sign", "Toilet Paper")]
    ['the wine bottle (near mark A)', 'the cat', "the McDonald's Sign", 'the toilet paper']
    """
    phrase = clean(phrase)
    if _DETERMINED.match(phrase):
        return phrase[:1].lower() + phrase[1:] if phrase.lower().startswith(("the ", "a ", "an ")) else phrase
    bare, bracket, mark = phrase.partition(" (")
    if all(_TITLE.match(word) for word in bare.split()):
        bare = _HUMP.sub(" ", bare).lower()
    return f"the {bare}{bracket}{mark}"


def head(phrase: str) -> str:
    """The words of a noun phrase up to its head.

    >>> head("the street lights in the back"), head("the people wearing red")
    ('the street lights', 'the people')
    """
    at = 0
    while ends := _HEAD_ENDS.search(phrase, at):
        alone = _DETERMINER.fullmatch(phrase[: ends.start()]) is not None
        if participle(ends.group()) is not False and not alone:
            return phrase[: ends.start()]
        at = ends.end()
    return phrase


def participle(word: str) -> bool | None:
    """Whether a word in -ing is a verb form; None for other words."""
    word = word.strip().lower()
    return None if not word.endswith("ing") else _NOUNS_IN_ING.match(word) is None


def many(phrase: str) -> bool:
    """Whether a phrase takes "are".

    >>> [many(p) for p in ("the bus", "the man and the dog", "the lights on the bus", "the woman in jeans")]
    [False, True, True, False]
    """
    if re.search(r"\band (?:the|a|an|his|her|its|their)\b", phrase) and " between " not in phrase:
        return True
    return inflection.is_plural(head(phrase))


def be(phrase: str) -> str:
    """``is`` or ``are``."""
    return "are" if many(phrase) else "is"


def have(phrase: str) -> str:
    """``has`` or ``have``."""
    return "have" if many(phrase) else "has"


def things(options: tuple[str, ...]) -> tuple[str, ...] | None:
    """The options with articles; None where one is not a thing, e.g. "none of the above"."""
    phrases = tuple(clean(option) for option in options)
    if any(len(option) < 2 or refers_to_options(option) or len(option) > 80 for option in phrases):
        return None
    return tuple(the(option) for option in phrases)


def refers_to_options(option: str) -> bool:
    """Whether an option refers to the other options: "none", "both", "all of the above"."""
    return _ELSE.match(option.strip()) is not None


def value(option: str) -> str:
    """An option as a value in a sentence; a phrase's initial capital is treated as list style, not as a name.

    >>> value("Mutualistic relationship"), value("New York"), value("Brazil")
    ('mutualistic relationship', 'New York', 'Brazil')
    """
    option = clean(option)
    first, _, rest = option.partition(" ")
    if rest and not rest[0].isupper() and re.fullmatch(r"[A-Z][a-z]+[,;]?|A", first):
        return option[:1].lower() + option[1:]
    return option


def concluded(option: str) -> str:
    """An option after "the answer is": unchanged where it is one word or number, else quoted."""
    text = value(option) or option
    if re.fullmatch(r"[\w.,%-]{2,}|\d", text):
        return text
    return f"“{text}”" if '"' in text else f'"{text}"'


def asked(text: str) -> str:
    """The question itself: without an introduction, and without its question mark.

    >>> asked("Consider the real-world 3D locations of the objects. Which object is higher?")
    'Which object is higher'
    """
    text = " ".join(text.replace("<image>", " ").split())
    text = re.sub(
        r"\A(?:Consider(?:ing)?|Estimate|Based on|According to|In|From|Look(?:ing)? at|Given)\b"
        r"[^.?!]*?[.]\s+",
        "",
        text,
    )
    text = re.sub(
        r"\AConsidering [^,]*,\s+|\A(?:In|Based on) (?:this|the) (?:image|picture|photo|scene),\s+"
        r"|\AIn (?!which\b|what\b)(?:\w+ ){0,3}\w+,\s+",
        "",
        text,
    )
    return text.strip().rstrip("?. ").strip()


def alternatives(options: tuple[str, ...]) -> str:
    """A regular expression for any of the options' texts, the longest first."""
    texts = sorted({normalised(option) for option in options}, key=len, reverse=True)
    return "|".join(re.escape(text).replace(r"\ ", r"\s+") for text in texts)
