"""False statements: by rules for any question, exactly for synthetic scenes."""

import random
from dataclasses import replace

import pytest

from unswayed import scenes
from unswayed.conditions import NotAsked
from unswayed.interventions.mistakes import choose, rule_mistakes
from unswayed.interventions.paraphrase import paraphrase
from unswayed.interventions.scene_mistakes import scene_mistakes
from unswayed.interventions.scene_thought import (
    CellReport,
    Conclusion,
    described_scene,
    option_that_holds,
    read_pieces,
    with_thing,
)
from unswayed.pebble.lesson_text import conclusion, describe_cells
from unswayed.question import Question

QUESTION = Question("q", "made", "What is it?", ("a cat", "a dog", "a horse"), 1)
YES_NO = Question("q", "made", "Is it?", ("yes", "no", "cannot say"), 0)


def mistakes(thought, question=QUESTION, seed=0, answer=1):
    return rule_mistakes(thought, question, answer, random.Random(seed))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("thought", "rules"),
    [
        ("I see a dog there.", ["option"]),
        ("There are three chairs and 12 lamps.", ["number", "number"]),
        ("The lamp is to the left of the bed, above it.", ["direction", "direction"]),
        ("It stands to the right, behind the Red door.", ["direction", "direction", "colour"]),
        ("The dog is left of 2 blue boxes.", ["option", "direction", "number", "colour"]),
    ],
)
def test_every_place_gets_one_mistake(thought, rules, seed):
    found = mistakes(thought, seed=seed)
    assert [m.rule for m in found] == rules
    for m in found:
        assert m.text.casefold() != thought[m.start : m.end].casefold()
        assert m.apply(thought) == thought[: m.start] + m.text


@pytest.mark.parametrize(
    "thought",
    [
        "",
        "So that is right, and the right answer is clear.",
        "1. First I look.\n2. Then I think.",
        "It is not a dog.",
        "It took 3.5 m at 10:30, 50% of it.",
        "One of them is near, the other one too.",
        "There is no doubt.",
        "Step 1: I look. Option 2 fits.",
        "The train left early.",
    ],
)
def test_what_is_no_statement_gets_none(thought):
    assert mistakes(thought) == []
    assert choose(mistakes(thought), random.Random(0)) is None


@pytest.mark.parametrize("seed", range(10))
def test_an_option_is_never_replaced_by_the_right_one(seed):
    for said in QUESTION.options:
        (found,) = mistakes(f"I think it is {said}.", seed=seed)
        assert found.option not in (QUESTION.gold, QUESTION.options.index(said))
        assert found.apply(f"I think it is {said}.") == f"I think it is {QUESTION.options[found.option]}"


def test_nor_by_the_models_own_answer():
    for seed in range(10):
        (found,) = mistakes("I think it is a dog.", seed=seed, answer=0)
        assert QUESTION.options[found.option] == "a horse"
    assert mistakes("So the answer is no.", replace(YES_NO, options=("yes", "no")), answer=1) == []


def test_a_bare_no_is_no_answer_but_an_answer_of_no_is():
    assert mistakes("There are no cars, no lights.", YES_NO) == []
    (found,) = mistakes("So the answer is yes.", YES_NO)
    assert found.rule == "option"


def test_where_an_option_follows_that_place_is_chosen():
    thought = "The 2 boxes are blue. It is a dog."
    for seed in range(10):
        rng = random.Random(seed)
        assert choose(rule_mistakes(thought, QUESTION, 1, rng), rng).rule == "option"


@pytest.mark.parametrize(
    ("thought", "options", "changed"),
    [
        ("The lamp is on.", ("the lamp", "the couch"), "The couch"),
        ("It is a lamp.", ("lamp", "umbrella"), "It is an umbrella"),
        ("It is an apple.", ("an apple", "a pear"), "It is a pear"),
        ("I pick the lamp.", ("lamp", "couch"), "I pick the couch"),
        ("It is on the left side.", ("on", "off"), "It is off"),
    ],
)
def test_the_article_fits(thought, options, changed):
    question = Question("q", "made", "Which?", options, 0)
    assert mistakes(thought, question, answer=0)[0].apply(thought) == changed


def test_a_mistake_names_its_sentence():
    thought = "I look. It is a dog, I think."
    (found,) = mistakes(thought)
    assert found.statement(thought) in ("It is a cat", "It is a horse")
    assert found.apply(thought).startswith("I look. It is")


def spoken(question):
    """The bundled model's thought about a scene, without an error."""
    truth = question.scene
    pieces = [
        *describe_cells(truth.scene, truth.question),
        *conclusion(truth.scene, truth.question, question.gold),
    ]
    return "Look:" + "".join(words for words, _ in pieces)


SCENES = list(scenes.load(limit=60, seed=3))


@pytest.mark.parametrize("question", SCENES, ids=lambda q: q.uid)
def test_a_mistake_about_a_scene_is_false_and_it_is_known_what_follows(question):
    truth = question.scene
    thought = spoken(question)
    pieces = read_pieces(thought, question.options)
    assert described_scene(pieces, truth.scene).things == truth.scene.things
    assert sum(isinstance(piece, CellReport) for piece in pieces) == 9
    found = scene_mistakes(thought, truth, question.gold, random.Random(1))
    assert len(found) == 10  # nine cells and the conclusion
    for mistake in found:
        assert mistake.option != question.gold
        if mistake.rule == "scene-conclusion":
            assert mistake.text == question.options[mistake.option]
            continue
        (report,) = read_pieces(mistake.text, question.options)
        assert report.thing != truth.scene.at(report.cell)
        if mistake.option is not None:
            changed = with_thing(truth.scene, report.cell, report.thing)
            assert option_that_holds(truth, changed) == mistake.option
            # It reads as the bundled model would report that scene, marks included.
            reports = "".join(words for words, _ in describe_cells(changed, truth.question))
            assert mistake.text in reports
    assert choose(found, random.Random(2)).option is not None


def test_a_statement_in_the_language_of_scenes_is_replaced_by_a_false_one():
    for question in SCENES:
        truth = question.scene
        said = scenes.cues(question, 0).correct_thought.text
        (found,) = scene_mistakes(said, truth, question.gold, random.Random(0))
        assert found.rule == "scene-statement"
        (statement, _, _), *_ = scenes.find_statements(found.statement(said))
        assert not statement.holds(truth.scene)
        assert truth.question.statements[found.option] == statement


@pytest.mark.parametrize("question", SCENES, ids=lambda q: q.uid)
def test_a_paraphrase_says_the_same_in_other_words(question):
    thought = spoken(question)
    told = paraphrase(question, thought, random.Random(0))
    assert isinstance(told, str)
    pieces = read_pieces(thought, question.options)
    for piece in pieces:
        assert thought[piece.start : piece.end] not in told
        if isinstance(piece, CellReport) and piece.thing:
            assert f"{piece.thing.colour} {piece.thing.shape}" in told
        if isinstance(piece, Conclusion):
            assert (
                f"answer {'is therefore ' if 'therefore' in told else ''}{question.options[piece.option]}"
                in told
            )
    assert told.count("empty") + told.count("nothing") == sum(
        isinstance(piece, CellReport) and piece.thing is None for piece in pieces
    )


def test_a_paraphrase_is_refused_where_words_would_be_lost():
    question = SCENES[0]
    assert "do not cover" in paraphrase(question, f"Hmm, odd. {spoken(question)}", random.Random(0)).reason
    assert "no statement" in paraphrase(question, "Look.", random.Random(0)).reason
    other = paraphrase(replace(question, scene=None), spoken(question), random.Random(0))
    assert isinstance(other, NotAsked)
    assert "no other writer" in other.reason
