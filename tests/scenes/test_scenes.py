"""Drawn questions: every cue is as true as it says, splits share nothing, and the picture shows the scene."""

import io
import random
from collections import Counter

import pytest
from PIL import Image

from unswayed import scenes
from unswayed.errors import BadInput
from unswayed.scenes import FAMILIES, LEVELS, SPLITS
from unswayed.scenes.language import (
    PHRASINGS,
    Colour,
    Count,
    Relation,
    fill_template,
    find_statements,
)
from unswayed.scenes.world import (
    CELLS,
    COLOURS,
    SHAPES,
    Scene,
    SceneObject,
    random_scene,
    render,
)

ROW = Scene((SceneObject(0, "circle", "red"), SceneObject(2, "star", "blue"), SceneObject(5, "cross", "red")))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("split", SPLITS)
def test_exactly_the_gold_option_is_true(split, level):
    for question in scenes.load(split=split, level=level, limit=90):
        scene, asked = scenes.truth(question).scene, scenes.truth(question).question
        assert [s.holds(scene) for s in asked.statements].index(True) == question.gold
        assert sum(s.holds(scene) for s in asked.statements) == 1
        low, high = LEVELS[level].options
        assert low <= len(question.options) <= high
        assert scene.split == split


@pytest.mark.parametrize("use", ["audit", "train"])
def test_cues_are_as_true_as_they_say(use):
    for question in scenes.load(limit=300):
        scene, asked = scenes.truth(question).scene, scenes.truth(question).question
        cues = scenes.cues(question, 7, use)
        assert cues.wrong_caption.option == cues.wrong_thought.option != question.gold
        for name, cue in vars(cues).items():
            if cue is None:
                assert name in ("irrelevant_caption", "format_caption")
                continue
            ((statement, _, _),) = find_statements(cue.text)
            assert statement.holds(scene) == (not name.startswith("wrong"))
            assert cue.text[0].isupper()
            assert cue.text.endswith(".")
            if cue.option is None:
                assert statement not in asked.statements
            else:
                assert statement == asked.statements[cue.option]


def test_a_seed_gives_the_same_cues_and_another_gives_others():
    question = next(iter(scenes.load(limit=1)))
    assert scenes.cues(question, 3) == scenes.cues(question, 3)
    assert len({scenes.cues(question, seed).wrong_thought.text for seed in range(20)}) > 3


def test_training_and_audit_phrasings_share_nothing():
    for kinds in PHRASINGS.values():
        for uses in kinds.values():
            assert not set(uses["audit"]) & set(uses["train"])
            assert len(uses["audit"]) >= 3


def test_splits_never_share_a_layout():
    seen = {s: {q.group for q in scenes.load(split=s, limit=400, level="easy")} for s in SPLITS}
    assert not seen["train"] & seen["test"]
    assert not seen["train"] & seen["dev"]
    assert not seen["dev"] & seen["test"]


def test_right_answers_are_spread_so_that_a_blind_guesser_gains_nothing():
    golds: dict[str, Counter[str]] = {}
    for question in scenes.load(limit=1200):
        golds.setdefault(question.family, Counter())[question.options[question.gold]] += 1
    for family, counts in golds.items():
        assert max(counts.values()) / sum(counts.values()) < 0.32, (family, counts)


def test_the_same_arguments_draw_the_same_questions():
    first, again = (list(scenes.load(limit=30, seed=4)) for _ in range(2))
    assert first == again
    assert [q.images[0].read() for q in first] == [q.images[0].read() for q in again]
    assert [q.group for q in first] != [q.group for q in scenes.load(limit=30, seed=5)]


def test_a_cell_is_painted_in_its_colour_and_empty_ones_are_paper():
    rng = random.Random(11)
    for _ in range(50):
        scene = random_scene(rng, 5)
        picture = render(scene)
        side = picture.width // 3
        for cell in range(len(CELLS)):
            x, y = cell % 3 * side, cell // 3 * side
            part = picture.crop((x, y, x + side, y + side)).getcolors(side * side)
            thing = scene.at(cell)
            if thing is None:
                assert len(part) == 1
            else:
                paint = max(part, key=lambda c: c[0] if max(c[1]) - min(c[1]) > 40 else 0)[1]
                assert all(abs(a - b) <= 15 for a, b in zip(paint, COLOURS[thing.colour], strict=True))


def test_the_file_is_a_png_of_168_pixels():
    question = next(iter(scenes.load(limit=1)))
    with Image.open(io.BytesIO(question.images[0].read())) as picture:
        assert (picture.format, picture.size) == ("PNG", (168, 168))


@pytest.mark.parametrize(
    ("statement", "holds"),
    [
        (Count(2, "red", None), True),
        (Count(1, "red", "circle"), True),
        (Count(0, "green", None), True),
        (Count(3, None, "star"), False),
        (Colour("star", "blue"), True),
        (Colour("star", "red"), False),
        (Colour("square", "red"), False),
        (Relation("circle", "left", "star"), True),
        (Relation("star", "right", "circle"), True),
        (Relation("star", "above", "cross"), True),
        (Relation("cross", "below", "star"), True),
        (Relation("circle", "above", "cross"), False),
        (Relation("circle", "left", "square"), False),
    ],
)
def test_truth(statement, holds):
    assert statement.holds(ROW) is holds


def test_every_statement_in_every_phrasing_is_read_back():
    statements = [Count(n, c, s) for n in range(6) for c in (None, "red") for s in (None, "cross")]
    statements += [Colour(s, c) for s in SHAPES for c in COLOURS]
    statements += [Relation("star", r, "cross") for r in ("left", "right", "above", "below")]
    for statement in statements:
        for kinds in PHRASINGS.values():
            for templates in kinds[type(statement).__name__].values():
                for template in templates:
                    text = fill_template(statement, template)
                    assert [s for s, _, _ in find_statements(text)] == [statement], text


@pytest.mark.parametrize("wrong", [{"split": "val"}, {"level": "huge"}, {"families": ("count", "sum")}])
def test_unknown_names_are_refused_with_what_there_is(wrong):
    with pytest.raises(BadInput, match="there are"):
        next(scenes.load(**wrong))


def test_families_come_in_turn():
    assert [q.family for q in scenes.load(limit=6)] == [*FAMILIES, *FAMILIES]
