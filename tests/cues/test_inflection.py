"""Grammar: nouns in one and many, articles, number of verbs."""

from __future__ import annotations

import pytest

from unswayed.cues import inflection
from unswayed.cues.templates import wording


@pytest.mark.parametrize(
    ("found", "one", "many"),
    [
        ("skys", "sky", "skies"),
        ("buss", "bus", "buses"),
        ("stepss", "step", "steps"),
        ("benchs", "bench", "benches"),
        ("knifes", "knife", "knives"),
        ("wine glasss", "wine glass", "wine glasses"),
        ("sheeps", "sheep", "sheep"),
        ("persons", "person", "people"),
        ("people", "person", "people"),
        ("boxes", "box", "boxes"),
        ("horses", "horse", "horses"),
        ("potatoes", "potato", "potatoes"),
        ("cookies", "cookie", "cookies"),
        ("firemen", "fireman", "firemen"),
        ("SUVs", "SUV", "SUVs"),
        ("fluorescent tubes", "fluorescent tube", "fluorescent tubes"),
    ],
)
def test_a_noun_is_known_in_one_and_many_however_its_plural_was_made(found: str, one: str, many: str) -> None:
    assert inflection.singular(found) == one
    assert inflection.plural(one) == many


@pytest.mark.parametrize(
    ("n", "noun", "said"),
    [
        (0, "bananas", "zero bananas"),
        (1, "cats", "one cat"),
        (2, "cats", "two cats"),
        (20, "cats", "twenty cats"),
        (21, "cats", "21 cats"),
        (1, "scissors", "one pair of scissors"),
        (3, "broccolis", "three heads of broccoli"),
        (2, "tvs", "two TVs"),
        (4, "air conditionings", "four air conditioning units"),
    ],
)
def test_things_are_counted_in_words(n: int, noun: str, said: str) -> None:
    assert inflection.counted(n, noun) == said


@pytest.mark.parametrize(
    ("phrase", "are"),
    [
        ("the street lights in the back", True),
        ("the bus", False),
        ("the glass", False),
        ("the man and the dog", True),
        ("the woman with red umbrellas", False),
        ("the camping chairs", True),
        ("the people wearing red", True),
        ("the relationship between the dog and the cat", False),
        ("the building behind the trees", False),
    ],
)
def test_the_verb_agrees_with_the_head_of_a_phrase(phrase: str, are: bool) -> None:
    assert wording.be(phrase) == ("are" if are else "is")


@pytest.mark.parametrize(
    ("phrase", "said"),
    [
        ("WineBottle (near mark A)", "the wine bottle (near mark A)"),
        ("Toilet Paper", "the toilet paper"),
        ("The cat", "the cat"),
        ("a napkin", "a napkin"),
        ("McDonald's Sign", "the McDonald's Sign"),
        ('"Do not enter" sign', 'the "Do not enter" sign'),
        ("TV", "the TV"),
    ],
)
def test_things_get_their_article(phrase: str, said: str) -> None:
    assert wording.the(phrase) == said
