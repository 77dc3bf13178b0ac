"""Singular and plural of English nouns, by a few rules and a table of exceptions.

Benchmarks form plurals by appending an "s" to any noun (``skys``, ``buss``, ``stepss``), so a noun is first
reduced to its singular, whichever way its plural was made, and then inflected. Nouns outside the tables are
treated as regular; a wrong guess costs grammar, never meaning.

The library `inflect` (7.5) takes ``buss`` and ``stepss`` for singulars, so it does not replace this module.
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
_INVARIANT = _words(
    "sheep deer fish aircraft series species bison moose salmon trout shrimp offspring hovercraft spacecraft "
    "headquarters crossroads"
)
_PLURAL_ONLY = _words(
    "scissors pants trousers jeans shorts sunglasses goggles binoculars headphones pliers tweezers tongs "
    "pajamas leggings tights"
)
_UNITS = {
    "broccoli": "head", "grass": "patch", "water": "body", "sand": "patch", "snow": "patch",
    "bread": "piece", "furniture": "piece", "luggage": "piece", "equipment": "piece", "clothing": "piece",
    "stationery": "piece", "food": "piece", "wine": "glass", "coffee": "cup", "tea": "cup", "milk": "glass",
    **dict.fromkeys(_PLURAL_ONLY, "pair"),
}  # fmt: skip
"""Units for nouns that cannot be counted: two heads of broccoli, two pairs of scissors."""
_SINGULAR_OF = {plural: singular for singular, plural in _IRREGULAR.items()} | {"persons": "person"}
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
    """The singular of `noun`, however its plural was formed; only its last word is inflected.

    >>> [singular(word) for word in ("skys", "buss", "benches", "people", "desk lamps", "glass")]
    ['sky', 'bus', 'bench', 'person', 'desk lamp', 'glass']
    """
    head, last = _last(noun)
    return head + _like(_singular(last.lower()), last)


def plural(noun: str) -> str:
    """The plural of `noun`, given in the singular.

    >>> [plural(word) for word in ("sky", "bus", "bench", "person", "desk lamp", "sheep", "knife")]
    ['skies', 'buses', 'benches', 'people', 'desk lamps', 'sheep', 'knives']
    """
    if noun.lower() in _IRREGULAR:
        return _like(_IRREGULAR[noun.lower()], noun)
    head, last = _last(noun)
    return head + _like(_plural(last.lower()), last)


def counted(n: int, noun: str) -> str:
    """The number and the inflected noun, in words; zero takes the plural.

    >>> [counted(n, "benchs") for n in (0, 1, 2, 21)]
    ['zero benches', 'one bench', 'two benches', '21 benches']
    """
    base = singular(noun)
    base = "TV" if base.lower() == "tv" else base
    if base.lower() == "air conditioning":
        base += " unit"
    unit = _UNITS.get(base.lower()) or _UNITS.get(_last(base)[1].lower())
    if unit:
        return f"{number(n)} {unit if n == 1 else plural(unit)} of {base}"
    return f"{number(n)} {base if n == 1 else plural(base)}"


def is_plural(noun: str) -> bool:
    """Whether the last word of `noun` takes "are".

    >>> [is_plural(word) for word in ("street lights", "bus", "people", "glass", "tennis", "books")]
    [True, False, True, False, False, True]
    """
    last = _last(noun)[1].lower().strip("\"'")
    if last in _SINGULAR_OF or last in _PLURAL_ONLY | _COLLECTIVE:
        return True
    return last.endswith("s") and len(last) > 2 and not _ENDS_IN_S.search(last)


def _last(noun: str) -> tuple[str, str]:
    head, blank, last = noun.rpartition(" ")
    return head + blank, last


def _singular(word: str) -> str:
    if word in _SINGULAR_OF:
        return _SINGULAR_OF[word]
    if word in _INVARIANT | _PLURAL_ONLY | _COLLECTIVE:
        return word
    if word.endswith("men") and len(word) > 4:
        return word[:-2] + "an"
    if not word.endswith("s") or len(word) < 3:
        return word
    bare = word[:-1]
    if bare in _INVARIANT | _PLURAL_ONLY | _SES or bare in _IRREGULAR or bare in _UNITS:
        return bare  # "sheeps", "buss", "knifes"
    if word.endswith("ss"):
        return _singular(bare) if re.search(r"[^aeiou]ss\Z|sss\Z", word) else word  # "stepss", "glasss"
    if word in _SES or re.search(r"(?:us|is)\Z", word):
        return word
    if word.endswith("ies") and bare not in _IES and len(word) > 4:
        return word[:-3] + "y"
    if word in _OES or re.search(r"(?:x|ch|sh|ss|zz)es\Z", word) or word[:-2] in _SES:
        return word[:-2]
    return bare


def _plural(word: str) -> str:
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word in _INVARIANT | _PLURAL_ONLY | _COLLECTIVE:
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
