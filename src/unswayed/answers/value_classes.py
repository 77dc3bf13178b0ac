"""Values of which exactly one can be right: numbers, basic colours, spatial relations, yes and no.

Where the options are such values, "(A) 4" contradicts an option A that says 3, even if no option says 4, and
a thought that ends in "So it is 4." concludes something that no option says. The colours are the basic colour
terms of English (Berlin & Kay 1969).
"""

from __future__ import annotations

from collections.abc import Sequence

from unswayed.answers.negation import is_negated
from unswayed.answers.numbers import is_number, means_itself
from unswayed.answers.option_matching import OptionMatcher, option_matcher, strip_markup, tokenize

COLOURS = frozenset(
    {"black", "white", "red", "green", "yellow", "blue", "brown", "purple", "pink", "orange", "gray", "grey"}
)
RELATIONS = frozenset({"left", "right", "above", "below"})
ANSWERS = frozenset({"yes", "no"})
_CLASSES = (COLOURS, RELATIONS, ANSWERS)
_COMMENTS = ANSWERS | {"right"}
"""Values of another class that may also be a comment: "(A) right", "(A) yes"."""
_ABSTAIN = ("i", "am", "not", "sure")


def class_of(token: str) -> int | None:
    """The class of a word in comparable form: 0 is numbers; None: it is no such value."""
    if is_number(token):
        return 0
    return next((n for n, values in enumerate(_CLASSES, start=1) if token in values), None)


def option_class(matcher: OptionMatcher) -> int | None:
    """The class of which every option states exactly one value, an abstain option apart; None without one."""
    classes: set[int | None] = set()
    for key in matcher.keys:
        if key == _ABSTAIN:
            continue
        values = {token for token in key if class_of(token) is not None}
        if len(values) != 1:
            return None
        classes.add(class_of(values.pop()))
    return classes.pop() if len(classes) == 1 else None


def contradicts(text: str, option: int, options: Sequence[str]) -> bool:
    """Whether `text`, which stands directly behind an option's letter, states another value than the option
    does.

    For numbers: the text states a number, and not the option's. For other values: the text is the option's
    text with another value in place of its own. So "(A) purple" contradicts "red", and "(A) The one beside
    the blue box" contradicts nothing.
    """
    matcher = option_matcher(options)
    kind = option_class(matcher)
    if kind is None or not 0 <= option < len(options):
        return False
    own = matcher.keys[option]
    text = strip_markup(text)
    words = tokenize(text)
    tokens = tuple(word.text for word in words)
    if len(tokens) == 1 and class_of(tokens[0]) not in (None, kind) and tokens[0] not in _COMMENTS:
        return True
    if kind == 0:
        stated = {
            word.text
            for n, word in enumerate(words)
            if is_number(word.text)
            and means_itself(words, n, n, text)
            and not is_negated(text, word.start, word.end)
        }
        return bool(stated) and not stated & set(own)
    tokens = tokens[1:] if tokens[:1] in (("the",), ("a",), ("an",)) else tokens
    template = tuple(None if class_of(token) == kind else token for token in own)
    stated_template = tuple(None if class_of(token) == kind else token for token in tokens)
    return tokens != own and stated_template == template


def stated_values(text: str, options: Sequence[str]) -> list[tuple[str, int, int]]:
    """(value, start, end) of every value of the options' class that a text states, in order.

    Empty where the options are of no class. A number counts only where it means exactly itself.
    """
    kind = option_class(option_matcher(options))
    if kind is None:
        return []
    words = tokenize(text)
    return [
        (word.text, word.start, word.end)
        for n, word in enumerate(words)
        if class_of(word.text) == kind and (kind != 0 or means_itself(words, n, n, text))
    ]
