"""English nouns: one and many, by a few rules and a table of exceptions.

Benchmarks form plurals by hanging an "s" on anything (``skys``, ``buss``, ``stepss``), so a noun is
first taken back to its singular, whichever way its plural was made, and then inflected properly. What
is not in the tables is regular; a wrong guess costs grammar, never meaning.
"""

from __future__ import annotations

import re

from unswayed.answers.option_matching import NUMBER_WORDS


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_IRREGULAR = {
    "person": "people", "man": "men", "woman": "women", "child": "children", "foot": "feet",
    "tooth": "teeth", "goose": "geese", "mouse": "mice", "ox": "oxen", "cactus": "cacti",
    "knife": "knives", "wife": "wives", "life": "lives", "leaf": "leaves", "loaf": "loaves",
    "shelf": "shelves", "half": "halves", "wolf": "wolves", "calf": "calves", "thief": "thieves",
    "scarf": "scarves", "potato": "potatoes", "tomato": "tomatoes", "mango": "mangoes",
    "hero": "heroes", "lens": "lenses", "bus": "buses", "gas": "gases", "canvas": "canvases",
    "quiz": "quizzes",
}  # fmt: skip
_ALIKE = _words(
    "sheep deer fish aircraft series species bison moose salmon trout shrimp offspring hovercraft spacecraft "
    "headquarters crossroads"
)
_ONLY_MANY = _words(
    "scissors pants trousers jeans shorts sunglasses goggles binoculars headphones pliers tweezers tongs "
    "pajamas leggings tights"
)
_UNITS = {
    "broccoli": "head", "grass": "patch", "water": "body", "sand": "patch", "snow": "patch",
    "bread": "piece", "furniture": "piece", "luggage": "piece", "equipment": "piece", "clothing": "piece",
    "stationery": "piece", "food": "piece", "wine": "glass", "coffee": "cup", "tea": "cup", "milk": "glass",
    **dict.fromkeys(_ONLY_MANY, "pair"),
}  # fmt: skip
"""How what has no plural is counted: two heads of broccoli, two pairs of scissors."""
_BACK = {many: one for one, many in _IRREGULAR.items()} | {"persons": "person"}
_COLLECTIVE = {"police", "cattle", "clothes"}
_OES = _words("potatoes tomatoes heroes echoes mangoes torpedoes volcanoes")
_SES = _words("bus gas lens canvas cactus octopus virus walrus hippopotamus campus iris atlas bonus")
_IES = _words("movie cookie pie tie brownie hoodie selfie zombie cabbie genie birdie")
# Nouns that end in s in the singular and take no plural verb.
_ENDS_IN_S = re.compile(r"(?:ss|us|is|[^aeiou]?(?:gas|lens|atlas|canvas|news|series|tennis|christmas))\Z")


def number(n: int) -> str:
    """A count in words up to twenty, in digits beyond."""
    return NUMBER_WORDS[n] if 0 <= n < len(NUMBER_WORDS) else str(n)


def singular(noun: str) -> str:
    """One of what `noun` names, however its plural was made; its last word is inflected.

    >>> [singular(word) for word in ("skys", "buss", "benches", "people", "desk lamps", "glass")]
    ['sky', 'bus', 'bench', 'person', 'desk lamp', 'glass']
    """
    head, last = _last(noun)
    one = _one(last.lower())
    return head + _like(one, last)


def plural(noun: str) -> str:
    """Many of what `noun` names, given in the singular.

    >>> [plural(word) for word in ("sky", "bus", "bench", "person", "desk lamp", "sheep", "knife")]
    ['skies', 'buses', 'benches', 'people', 'desk lamps', 'sheep', 'knives']
    """
    if noun.lower() in _IRREGULAR:
        return _like(_IRREGULAR[noun.lower()], noun)
    head, last = _last(noun)
    many = _many(last.lower())
    return head + _like(many, last)


def counted(n: int, noun: str) -> str:
    """``n`` of what `noun` names, in words: zero and many in the plural.

    >>> [counted(n, "benchs") for n in (0, 1, 2, 21)]
    ['zero benches', 'one bench', 'two benches', '21 benches']
    """
    one = singular(noun)
    one = "TV" if one.lower() == "tv" else one
    if one.lower() == "air conditioning":
        one += " unit"
    unit = _UNITS.get(one.lower()) or _UNITS.get(_last(one)[1].lower())
    if unit:
        return f"{number(n)} {unit if n == 1 else plural(unit)} of {one}"
    return f"{number(n)} {one if n == 1 else plural(one)}"


def is_plural(noun: str) -> bool:
    """Whether the last word of `noun` takes "are".

    >>> [is_plural(word) for word in ("street lights", "bus", "people", "glass", "tennis", "books")]
    [True, False, True, False, False, True]
    """
    last = _last(noun)[1].lower().strip("\"'")
    if last in _BACK or last in _ONLY_MANY | _COLLECTIVE:
        return True
    return last.endswith("s") and len(last) > 2 and not _ENDS_IN_S.search(last)


def _last(noun: str) -> tuple[str, str]:
    head, blank, last = noun.rpartition(" ")
    return head + blank, last


def _one(word: str) -> str:
    if word in _BACK:
        return _BACK[word]
    if word in _ALIKE | _ONLY_MANY | _COLLECTIVE:
        return word
    if word.endswith("men") and len(word) > 4:
        return word[:-2] + "an"
    if not word.endswith("s") or len(word) < 3:
        return word
    bare = word[:-1]
    if bare in _ALIKE | _ONLY_MANY | _SES or bare in _IRREGULAR or bare in _UNITS:
        return bare  # "sheeps", "buss", "knifes"
    if word.endswith("ss"):
        return _one(bare) if re.search(r"[^aeiou]ss\Z|sss\Z", word) else word  # "stepss", "glasss"
    if word in _SES or re.search(r"(?:us|is)\Z", word):
        return word
    if word.endswith("ies") and bare not in _IES and len(word) > 4:
        return word[:-3] + "y"
    if word in _OES or re.search(r"(?:x|ch|sh|ss|zz)es\Z", word) or word[:-2] in _SES:
        return word[:-2]
    return bare


def _many(word: str) -> str:
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word in _ALIKE | _ONLY_MANY | _COLLECTIVE:
        return word
    if word.endswith("man") and word not in ("human", "german", "roman"):
        return word[:-2] + "en"
    if re.search(r"[^aeiou]y\Z", word):
        return word[:-1] + "ies"
    if re.search(r"(?:s|x|z|ch|sh)\Z", word):
        return word + "es"
    return word + "s"


def _like(word: str, model: str) -> str:
    """`word` with the capital letters of `model`."""
    if model.lower().startswith(word):
        return model[: len(word)]
    if word.startswith(model.lower()):
        return model + word[len(model) :]
    return word[:1].upper() + word[1:] if model[:1].isupper() else word
