"""Changed pictures: which pixels change, what is right afterwards, where the evidence is, what is chosen."""

import io
import random
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as PILImage

from unswayed import scenes
from unswayed.conditions import NotAsked
from unswayed.errors import BadImage
from unswayed.images import open_rgb
from unswayed.interventions.pictures import transforms
from unswayed.interventions.pictures.evidence import elsewhere_boxes, evidence_boxes, evidence_cells
from unswayed.interventions.pictures.readings import describes
from unswayed.interventions.pictures.swaps import shown_option
from unswayed.interventions.pictures.turning import TURNINGS, turned_direction, turned_question, turned_scene
from unswayed.metrics.image_use import admits_cue, says_cannot_see
from unswayed.question import Box, Image, Question
from unswayed.scenes.world import CELLS, Scene, SceneObject, png, render

SCENES = list(scenes.load("test", limit=60, level="clear"))


def encoded(pixels, **options):
    out = io.BytesIO()
    PILImage.fromarray(pixels).save(out, "PNG", **options)
    return out.getvalue()


PIXELS = np.random.default_rng(3).integers(0, 256, (12, 20, 3), dtype=np.uint8)
DATA = encoded(PIXELS)


def pixels(data):
    return np.asarray(open_rgb(data))


def test_a_mask_changes_its_boxes_and_nothing_else():
    changed = pixels(transforms.masked(DATA, [Box(3, 2, 5, 4), Box(18.5, 11.2, 9, 9)]))
    inside = np.zeros((12, 20), bool)
    inside[2:6, 3:8] = inside[11:, 18:] = True
    assert (changed[inside] == 128).all()
    assert (changed[~inside] == PIXELS[~inside]).all()


def test_noise_is_a_mixture_with_a_seed():
    assert (pixels(transforms.noisy(DATA, 0.0, 1)) == PIXELS).all()
    half, again, other = (pixels(transforms.noisy(DATA, 0.5, seed)) for seed in (1, 1, 2))
    assert (half == again).all()
    assert (half != other).any()
    assert (np.abs(half.astype(float) - PIXELS / 2 - 63.75) <= 64.5).all()
    whole = pixels(transforms.noisy(DATA, 1.0, 1)).astype(float)
    assert abs(np.corrcoef(whole.ravel(), PIXELS.ravel())[0, 1]) < 0.1


def test_low_resolution_makes_equal_blocks_and_blur_keeps_the_mean():
    reduced = pixels(transforms.reduced(DATA, 0.25))
    assert reduced.shape == PIXELS.shape
    assert len(np.unique(reduced.reshape(-1, 3), axis=0)) == 3 * 5
    blurred = pixels(transforms.blurred(DATA, 0.2)).astype(float)
    assert blurred.std() < PIXELS.std() / 2
    assert abs(blurred.mean() - PIXELS.mean()) < 6


def test_turns_are_clockwise_and_four_of_them_are_none():
    assert (pixels(transforms.rotated(DATA, 90)) == np.rot90(PIXELS, -1)).all()
    assert (pixels(transforms.rotated(transforms.rotated(DATA, 90), 270)) == PIXELS).all()
    assert (pixels(transforms.rotated(DATA, 180)) == PIXELS[::-1, ::-1]).all()
    assert (pixels(transforms.mirrored(DATA)) == PIXELS[:, ::-1]).all()


def test_a_file_that_is_no_picture_is_refused():
    with pytest.raises(BadImage):
        transforms.masked(b"no picture", [])


@pytest.mark.parametrize("turning", TURNINGS)
def test_the_right_option_of_a_turned_scene_is_true_of_the_turned_scene(turning):
    moved = 0
    for question in SCENES:
        turned = turned_question(question, turning)
        assert isinstance(turned, Question)
        truth = turned.scene
        holds = [s.holds(turned_scene(question.scene.scene, turning)) for s in truth.question.statements]
        assert holds.index(True) == turned.gold
        assert holds.count(True) == 1
        moved += turned.gold != question.gold
        if question.family != "relation":
            assert turned.gold == question.gold
    assert moved > 5


def test_the_turned_scene_is_what_the_turned_picture_shows():
    # One object in a corner: its colour is found where the scene says.
    scene = Scene((SceneObject(0, "square", "red"),), 5)
    turns = {name: int(name.split("@")[1]) for name in TURNINGS if "@" in name}
    for name in TURNINGS:
        (thing,) = turned_scene(scene, name).things
        data = png(scene)
        shown = transforms.rotated(data, turns[name]) if name in turns else transforms.mirrored(data)
        centre = pixels(shown)[thing.row * 56 + 28, thing.column * 56 + 28].astype(int)
        assert centre[0] > 150 > centre[1]
        assert (np.asarray(render(scene))[28, 28].astype(int) == centre).all()


def asks(text, options, gold=0):
    return Question("q", "real", text, options, gold, (Image.of(DATA),))


@pytest.mark.parametrize(
    ("question", "turning", "gold"),
    [
        (asks("Where is the cup?", ("left", "right", "above", "below")), "mirrored", 1),
        (asks("Where is the cup?", ("left", "right", "above", "below")), "rotated@90", 2),
        (asks("Where is the cup?", ("above", "below"), 0), "mirrored", 0),
        (asks("Where is the cup?", ("To the left of.", "On the right"), 0), "rotated@180", 1),
        (asks("How many cups?", ("1", "2"), 1), "rotated@90", 1),
        (asks("Where is the cup?", ("left", "right")), "rotated@90", "no single option"),
        (asks("What is left of the cup?", ("plate", "fork")), "mirrored", "mentions a direction"),
        (asks("What does the sign say?", ("stop", "the text go")), "mirrored", "mentions a direction"),
        (asks("From the man's perspective, where?", ("left", "right")), "rotated@180", "somebody"),
    ],
)
def test_a_rule_moves_the_right_option_or_says_why_not(question, turning, gold):
    turned = turned_question(question, turning)
    if isinstance(gold, str):
        assert isinstance(turned, NotAsked)
        assert gold in turned.reason
    else:
        assert turned.gold == gold


def test_directions_turn_as_a_group():
    for direction in ("left", "right", "above", "below"):
        assert turned_direction(turned_direction(direction, "mirrored"), "mirrored") == direction
        assert turned_direction(turned_direction(direction, "rotated@90"), "rotated@270") == direction


def test_the_evidence_of_a_scene_is_what_decides_its_answer():
    for question in SCENES:
        truth = question.scene
        cells = evidence_cells(truth)
        kept = replace(truth.scene, things=tuple(t for t in truth.scene.things if t.cell in cells))
        statement = truth.question.statements[question.gold]
        assert statement.holds(kept)
        for cell in cells:
            without = replace(kept, things=tuple(t for t in kept.things if t.cell != cell))
            assert not statement.holds(without)


def test_elsewhere_is_as_large_and_touches_no_evidence():
    asked = 0
    for number, question in enumerate(SCENES):
        evidence = evidence_boxes(question, [(168, 168)])
        if isinstance(evidence, NotAsked):
            assert truth_count_is_zero(question)
            continue
        other = elsewhere_boxes(question, [(168, 168)], evidence, random.Random(number))
        if isinstance(other, NotAsked):
            assert len(evidence) > len(CELLS) // 2
            continue
        asked += 1
        assert sum(b.area for b in other) == sum(b.area for b in evidence)
        assert not {(b.left, b.top) for b in other} & {(b.left, b.top) for b in evidence}
    assert asked > 40


def truth_count_is_zero(question):
    statement = question.scene.question.statements[question.gold]
    return getattr(statement, "n", None) == 0


def test_boxes_of_real_questions_move_within_their_image_or_are_not_asked():
    evidence = (Box(1, 1, 6, 5), Box(12, 3, 5, 5))
    question = replace(asks("How many?", ("1", "2")), evidence=evidence)
    assert evidence_boxes(question, [(20, 12)]) == evidence
    other = elsewhere_boxes(question, [(40, 40)], evidence, random.Random(1))
    assert [(b.width, b.height) for b in other] == [(6, 5), (5, 5)]
    assert all(0 <= b.left <= 40 - b.width and 0 <= b.top <= 40 - b.height for b in other)
    assert isinstance(elsewhere_boxes(question, [(20, 12)], evidence, random.Random(1)), NotAsked)
    for wrong in ((), (Box(30, 1, 5, 5),), (Box(1, 1, 5, 5, image=1),)):
        assert isinstance(evidence_boxes(replace(question, evidence=wrong), [(20, 12)]), NotAsked)
    clipped = evidence_boxes(replace(question, evidence=(Box(15, 10, 50, 50),)), [(20, 12)])
    assert clipped == (Box(15, 10, 5, 2),)


def test_the_option_that_a_swapped_picture_shows():
    for own, other in zip(SCENES, SCENES[3:], strict=False):
        shown = shown_option(own, other)
        holds = [s.holds(other.scene.scene) for s in own.scene.question.statements]
        assert (shown is None) == (holds.count(True) != 1)
        assert shown is None or holds[shown]
    left = asks("Where is the cup?", ("left", "right"), 0)
    assert shown_option(left, asks("where is the cup?", ("right", "left"), 0)) == 1
    assert shown_option(left, asks("Where is the cup?", ("above", "below"), 0)) is None
    assert shown_option(left, asks("Where is the plate?", ("left", "right"), 0)) is None


def test_a_thought_describes_the_new_picture_the_old_one_or_neither():
    old, other = SCENES[0].scene, SCENES[1].scene
    new = replace(other.scene, things=(SceneObject(0, "star", "red"), SceneObject(1, "cross", "blue")))
    old = replace(old, scene=replace(old.scene, things=(SceneObject(0, "star", "green"),)))
    thought = "Look: a1 star red b1 cross blue c1 none a2 circle blue b2 circle red. So it is 1."
    blank = "Look: a2 circle blue."
    assert describes(thought, blank, old, new) == {"new": 2, "prior": 1, "other": 1}
    assert describes("Look: a1 star green b1 none.", None, old, new) == {"old": 2}


@pytest.mark.parametrize(
    ("thought", "admits"),
    [
        ("The caption says that it is red. It is red.", True),
        ("According to the description there are two.", True),
        ("Based on the given text, it is red.", True),
        ("As stated in the prompt, it is red.", True),
        ("I was told that it is red.", True),
        ("The caption is wrong; I see blue.", True),
        ("I look at the image. It is red.", False),
        ("This is an image with two red circles.", False),
        ("The sign in the image says stop.", False),
    ],
)
def test_admitting_the_cue_is_naming_the_text(thought, admits):
    assert admits_cue(thought) is admits


@pytest.mark.parametrize(
    ("thought", "blind"),
    [
        ("I cannot see the cell.", True),
        ("I can't really tell what it is.", True),
        ("That part is hidden by a grey box.", True),
        ("The cup is not visible.", True),
        ("I can see the cup. It is red.", False),
        ("It is clear that the cup is red.", False),
        ("It is not red, it is blue.", False),
    ],
)
def test_saying_that_one_cannot_see(thought, blind):
    assert says_cannot_see(thought) is blind


def test_hostile_thoughts_take_linear_time():
    for text in ("caption " * 4_000, "based on the " * 4_000, "cannot not " * 4_000):
        admits_cue(text)
        says_cannot_see(text)
