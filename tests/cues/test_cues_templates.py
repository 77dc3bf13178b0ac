"""Templates: natural sentences for the benchmarks' own questions, apart for audit and training."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product

import pytest

import cue_rows
from unswayed.cues import coverage, templates, write
from unswayed.cues.coverage import covered
from unswayed.cues.fallback import Use, wrong_option
from unswayed.cues.templates.base import FRAMES, fill
from unswayed.judges import text_rules
from unswayed.question import Cue, Cues, Question

USES: tuple[Use, ...] = ("audit", "train")


def ask(text: str, *options: str, gold: int = 0) -> Question:
    return Question("1", "made", text, options, gold)


def given(cues: Cues) -> dict[str, Cue]:
    return {name: cue for name, cue in vars(cues).items() if cue is not None}


def every_text(question: Question, use: Use) -> set[str]:
    """Everything that templates could ever say about a question, whatever the seed."""
    found = set()
    for family in templates.FAMILIES:
        reading = family.read(question)
        if reading is None:
            continue
        wordings = [w for kind in ("caption", "thought") for _, w in family.wordings(use, kind)]
        found |= {
            fill(w, slots, option)
            for w in wordings
            for slots, option in zip(reading.slots, question.options, strict=True)
        }
    return found


@pytest.mark.parametrize("load", [cue_rows.threedsr, cue_rows.cvbench, cue_rows.whatsup, cue_rows.sat])
@pytest.mark.parametrize("use", USES)
def test_nearly_all_published_questions_get_cues_of_their_own(
    load: Callable[[], list[Question]], use: Use
) -> None:
    written = [(question, write(question, 0, use)) for question in load()]
    for kind in ("caption", "thought"):
        assert sum(covered(cues, kind) for _, cues in written) >= 0.95 * len(written)
    assert sum(row.questions for row in coverage(written)) == len(written)


@pytest.mark.parametrize("load", cue_rows.ALL)
def test_the_rule_judge_hears_in_every_thought_what_it_should_say(
    load: Callable[[], list[Question]],
) -> None:
    for question, use in product(load(), USES):
        for cue in given(templates.cues(question, 3, use)).values():
            if cue.kind == "thought":
                assert text_rules.conclude(cue.text, question.options).option == cue.option, cue.text


@pytest.mark.parametrize("load", cue_rows.ALL)
def test_all_cues_of_a_question_assert_one_wrong_option_and_the_right_one(
    load: Callable[[], list[Question]],
) -> None:
    for question, seed in product(load(), (0, 1)):
        cues = given(write(question, seed))
        assert {c.option for name, c in cues.items() if name.startswith("wrong")} == {
            wrong_option(question, seed)
        }
        assert {c.option for name, c in cues.items() if name.startswith("correct")} == {question.gold}
        for kind in ("caption", "thought"):
            assert cues[f"wrong_{kind}"].phrasing == cues[f"correct_{kind}"].phrasing


def test_no_sentence_with_holes_is_in_both_uses() -> None:
    assert not templates.all_wordings(templates.FAMILIES, "audit") & templates.all_wordings(
        templates.FAMILIES, "train"
    )
    for (use, kind, form), frames in FRAMES.items():
        other: Use = "train" if use == "audit" else "audit"
        assert not set(frames) & set(FRAMES[other, kind, form])
        assert len(frames) >= 2


@pytest.mark.parametrize("load", cue_rows.ALL)
def test_no_text_about_a_published_question_can_be_made_in_both_uses(
    load: Callable[[], list[Question]],
) -> None:
    texts = {use: {t for question in load() for t in every_text(question, use)} for use in USES}
    assert texts["audit"]
    assert not {t.casefold() for t in texts["audit"]} & {t.casefold() for t in texts["train"]}


def test_every_family_words_captions_and_thoughts_in_several_ways_for_both_uses() -> None:
    for family, use in product(templates.FAMILIES, USES):
        assert len(family.wordings(use, "caption")) >= 2, family.name
        assert len(family.wordings(use, "thought")) >= 2, family.name
        for kind in ("caption", "thought"):
            assert all(wording.endswith(".") for _, wording in family.wordings(use, kind))


EXAMPLES = [
    ("counting", "How many cats are in the image?", ("1", "2"), "two cats"),
    ("counting", "How many bananas are in the image?", ("3", "0"), "zero bananas"),
    ("counting", "How many Chairs are visible in the scene?", ("3", "4"), "four chairs"),
    ("counting-doing", "How many dogs are wearing hats?", ("2", "1"), "one dog (is )?wearing hats"),
    ("counting-there", "How many people are there in front of the bus?", ("1", "2"), "two people in front"),
    ("existence", "Is there a dog in the image?", ("Yes", "No"), "there is no dog"),
    ("existence", "Are there any people on the bus?", ("yes", "no"), "there are no people on the bus"),
    (
        "yes-no",
        "Is the lamp directly above the bed?",
        ("yes", "no"),
        "lamp is not directly above",
    ),
    (
        "yes-no",
        "Is Chair (marked A) to the left of Table (marked B)?",
        ("no", "yes"),
        r"chair \(marked A\) is",
    ),
    ("yes-no", "Is the traffic light green?", ("yes", "no"), "the traffic light is not green"),
    (
        "truth",
        "Is this sentence true? “There are 2 boxes.”",
        ("true", "false"),
        "false that there are 2 boxes",
    ),
    ("place", "Where is the cup in relation to the TV?", ("left", "right"), "to the right of the TV"),
    ("place-either", "Is the cup above or below the TV?", ("above", "below"), "below the TV"),
    (
        "place-in-picture",
        "Where are roses located from camera's perspective?",
        ("left", "top left"),
        "top left",
    ),
    ("depth", "Which object is closer to the camera, the bed or the lamp?", ("bed", "lamp"), "the lamp"),
    ("distance", "Which is closer to the bus, the car or the tree?", ("car", "tree"), "closer to the bus"),
    ("height", "Which object has a lower location?", ("kite", "stop sign"), "the stop sign"),
    (
        "side",
        "Which side of the car is facing the camera?",
        ("front", "left", "back"),
        "the car",
    ),
    ("either", "Are the cat and the dog near or far apart?", ("near", "far apart"), "are far apart"),
    (
        "direction",
        "Which direction is the cat looking at?",
        ("left", "right"),
        "is looking to the right",
    ),
    ("limb", "In which hand is the man holding the cup?", ("left", "right"), "with the right hand"),
    ("there", "What is between the cup and the plate?", ("fork", "spoons"), "between the cup and the plate"),
    ("colour", "What color is the car?", ("red", "blue"), "blue"),
    ("doing", "What is the man doing?", ("Running", "Sleeping"), "the man is sleeping"),
    ("attribute", "What is the approximate shape of this sign?", ("Circle", "Octagon"), "an octagon"),
    ("attribute", "What is the capital of this state?", ("Boston", "Albany"), "is Albany"),
    ("caption", "Which caption fits?", ("A mug on a table", "A mug under a table"), "a mug under a table"),
    ("sentence", "What is it?", ("The glove is rubber.", "The glove is cotton."), "the glove is cotton"),
    ("geometry", "Find x.", ("12", "13"), "the value of x is (equal to )?13"),
    ("geometry", "If $AD=27$, find $BC$.", ("8", "10"), r"the value of \$BC\$ is (equal to )?10"),
    ("camera-motion", "How did the camera rotate?", ("left", "right"), "the camera rotated to the right"),
]


@pytest.mark.parametrize(("family", "text", "options", "part"), EXAMPLES)
def test_a_question_is_understood_and_its_option_said_in_good_english(
    family: str, text: str, options: tuple[str, ...], part: str
) -> None:
    question = ask(text, *options)
    assert templates.family(question) == family
    captions = []
    for seed in range(12):
        cues = templates.cues(question, seed)
        assert cues.wrong_caption is not None
        assert cues.wrong_thought is not None
        if cues.wrong_caption.option == 1 or len(options) > 2:
            captions.append(cues.wrong_caption.text)
    assert captions
    assert all(re.search(part, caption, re.IGNORECASE) for caption in captions), set(captions)
    assert all(caption[0].isupper() and "  " not in caption for caption in captions)


@pytest.mark.parametrize(
    ("text", "options", "caption"),
    [
        (
            "Which image is the brightest one?",
            ("upper left", "down right"),
            "the down right image is the brightest one",
        ),
        ("Which scene category matches this image best?", ("shopfront", "rock_arch"), "is rock_arch"),
        ("What properties do the metals have?", ("hard.", "Soft."), "the properties of the metals are soft"),
        (
            "In nature, what is the habitat of this bird?",
            ("forests", "deserts"),
            "the habitat of this bird is deserts",
        ),
    ],
)
def test_kinds_of_question_in_mmbench(text: str, options: tuple[str, ...], caption: str) -> None:
    for use in USES:
        cues = write(ask(text, *options), 0, use)
        assert cues.wrong_caption is not None
        assert cues.wrong_caption.writer == "template"
        if use == "audit":
            assert caption in cues.wrong_caption.text.lower()


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("Why is the man in the image running?", ("late for work", "for fun")),
        ("What color is the car?", ("red", "none of the above")),
        ("Is the lady in white under the umbrella on the left?", ("yes", "no")),
        ("How many percent of the cars are red?", ("10%", "20%")),
        ("这张照片里有几辆卡车？", ("六", "五")),
        ("", ("a", "b")),
    ],
)
def test_what_is_not_understood_is_left_to_the_plain_writer(text: str, options: tuple[str, ...]) -> None:
    question = ask(text, *options)
    assert templates.cues(question, 0) == Cues()
    found = given(write(question, 0))
    assert len(found) == 4
    assert {cue.writer for cue in found.values()} == {"plain"}
