"""Questions about scenes: families, difficulty levels, options, and the cues for each question.

A family is a function that makes a question about a scene, or returns None if the scene does not allow one.
To add a family, add its function to `FAMILIES`.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from unswayed.errors import BadInput
from unswayed.question import SCENES, Cue, CueKind, Cues, Image, Question
from unswayed.scenes.language import (
    RELATIONS,
    Colour,
    Count,
    Relation,
    Statement,
    Use,
    count,
    fill_template,
    phrasings,
    plural,
)
from unswayed.scenes.world import (
    COLOURS,
    SHAPES,
    SPLITS,
    Scene,
    png,
    random_scene,
)


@dataclass(frozen=True)
class Level:
    """Ranges of the numbers of objects and of options; whether counts name colour and shape; haze."""

    things: tuple[int, int]
    options: tuple[int, int]
    both: bool = False
    haze: float = 0.0


LEVELS = {
    "easy": Level((2, 4), (2, 3)),
    "clear": Level((4, 8), (4, 4), both=True),
    "crowded": Level((6, 9), (4, 6), both=True),
    "normal": Level((4, 8), (4, 4), both=True, haze=0.3),
    "hard": Level((6, 9), (4, 6), both=True, haze=0.4),
}


@dataclass(frozen=True)
class SceneQuestion:
    """A question about a scene, with one statement per option. `Question` is made from it."""

    family: str
    text: str
    options: tuple[str, ...]
    statements: tuple[Statement, ...]
    gold: int


@dataclass(frozen=True)
class SceneTruth:
    """Ground truth of a synthetic question; the value of `Question.scene`."""

    scene: Scene
    question: SceneQuestion


Family = Callable[[Scene, random.Random, Level, int], SceneQuestion | None]
"""(scene, rng, level, target) -> question or None. `target`, one number per question, selects the right
answer, so that right answers are evenly distributed and guessing without the image does not pay."""


def _pick(rng: random.Random, right: str, others: list[str], n: int) -> list[str]:
    options = [right, *rng.sample(others, min(n - 1, len(others)))]
    rng.shuffle(options)
    return options


def count_question(scene: Scene, rng: random.Random, level: Level, target: int) -> SceneQuestion | None:
    """How many objects of a colour, or of a shape (or of both, depending on the level) are there?"""
    modes = ("colour", "shape", "both") if level.both else ("colour", "shape")
    target, which = divmod(target, len(modes))
    mode = modes[which]
    most = 2 if mode == "both" else level.things[1] // 2 + 1
    right = target % (most + 1)
    kinds = [
        (colour, shape)
        for colour in (COLOURS if mode != "shape" else (None,))
        for shape in (SHAPES if mode != "colour" else (None,))
        if count(scene, colour, shape) == right
    ]
    if not kinds:
        return None
    colour, shape = rng.choice(kinds)
    n_options = rng.randint(*level.options)
    others = [str(n) for n in range(max(most, n_options - 1) + 1) if n != right]
    options = _pick(rng, str(right), others, n_options)
    text = f"How many {plural(colour, shape, 2)} are there?"
    statements: tuple[Statement, ...] = tuple(Count(int(o), colour, shape) for o in options)
    return SceneQuestion("count", text, tuple(options), statements, options.index(str(right)))


def colour_question(scene: Scene, rng: random.Random, level: Level, target: int) -> SceneQuestion | None:
    """What colour is the only object of a shape?"""
    single = [t for t in scene.things if scene.only(t.shape)]
    if not single:
        return None
    thing = rng.choice(single)
    others = [c for c in COLOURS if c != thing.colour]
    options = _pick(rng, thing.colour, others, rng.randint(*level.options))
    statements: tuple[Statement, ...] = tuple(Colour(thing.shape, o) for o in options)
    text = f"What colour is the {thing.shape}?"
    return SceneQuestion("colour", text, tuple(options), statements, options.index(thing.colour))


def relation_question(scene: Scene, rng: random.Random, level: Level, target: int) -> SceneQuestion | None:
    """Where is one object, seen from another in its row or column?"""
    single = [t for t in scene.things if scene.only(t.shape)]
    right = tuple(RELATIONS)[target % len(RELATIONS)]
    pairs = [(a, b) for a in single for b in single if Relation(a.shape, right, b.shape).holds(scene)]
    if not pairs:
        return None
    a, b = rng.choice(pairs)
    options = _pick(rng, right, [r for r in RELATIONS if r != right], rng.randint(*level.options))
    statements: tuple[Statement, ...] = tuple(Relation(a.shape, o, b.shape) for o in options)
    text = f"Where is the {a.shape}, seen from the {b.shape}?"
    return SceneQuestion("relation", text, tuple(options), statements, options.index(right))


FAMILIES: dict[str, Family] = {
    "count": count_question,
    "colour": colour_question,
    "relation": relation_question,
}


def sample_question(rng: random.Random, split: str, family: str, level: str) -> tuple[Scene, SceneQuestion]:
    """A scene of the split and a question of the family; samples scenes until one allows such a question."""
    settings = LEVELS[level]
    target = rng.randrange(5040)  # divisible by 1 to 10, so choices by remainder are uniform
    while True:
        scene = random_scene(rng, rng.randint(*settings.things), settings.haze)
        if scene.split != split:
            continue
        asked = FAMILIES[family](scene, rng, settings, target)
        if asked is not None:
            return scene, asked


def load(
    split: str = "test",
    limit: int | None = 512,
    seed: int = 0,
    level: str = "normal",
    families: tuple[str, ...] = tuple(FAMILIES),
) -> Iterator[Question]:
    """Yields `limit` questions (None: without end), families in turn.

    Raises `BadInput` for an unknown split, level or family.
    """
    if split not in SPLITS:
        raise BadInput(f"scenes has no split {split!r}; there are: {', '.join(SPLITS)}")
    if level not in LEVELS:
        raise BadInput(f"scenes has no level {level!r}; there are: {', '.join(LEVELS)}")
    for family in families:
        if family not in FAMILIES:
            raise BadInput(f"scenes has no family {family!r}; there are: {', '.join(FAMILIES)}")
    index = 0
    while limit is None or index < limit:
        scene, asked = _generate(split, level, seed, index, families)
        yield _question(scene, asked, f"{split}-{level}-{seed}-{index}")
        index += 1


def regenerate(uid: str) -> SceneTruth | None:
    """The ground truth of the synthetic question `uid`, generated again; None if there is no such uid.

    Only for questions loaded with all families. Compare its text with the stored text: another version may
    have generated another question under the same name.
    """
    split, level, seed, index = [*uid.split("-"), "", "", "", ""][:4]
    if split not in SPLITS or level not in LEVELS or not index.isdecimal():
        return None
    return SceneTruth(*_generate(split, level, seed, int(index), tuple(FAMILIES)))


def _generate(
    split: str, level: str, seed: int | str, index: int, families: tuple[str, ...]
) -> tuple[Scene, SceneQuestion]:
    rng = random.Random(f"{split}/{level}/{seed}/{index}")
    return sample_question(rng, split, families[index % len(families)], level)


def _question(scene: Scene, asked: SceneQuestion, uid: str) -> Question:
    return Question(
        uid=uid,
        benchmark=SCENES,
        text=asked.text,
        options=asked.options,
        gold=asked.gold,
        images=(Image(lambda: png(scene), uid),),
        family=asked.family,
        group=scene.name,
        scene=SceneTruth(scene, asked),
    )


def truth(question: Question) -> SceneTruth:
    """The scene and the statements of a synthetic question. Raises `BadInput` for any other question."""
    if not isinstance(question.scene, SceneTruth):
        raise BadInput(f"{question.benchmark} question {question.uid!r} is not about a synthetic scene")
    return question.scene


def cues(question: Question, seed: int, use: Use = "audit") -> Cues:
    """True and false captions and thoughts for a synthetic question; the same wrong option for both."""
    scene, asked = truth(question).scene, truth(question).question
    rng = random.Random(hashlib.sha256(f"{seed}/{question.uid}".encode()).digest())
    wrong = rng.choice([k for k in range(len(asked.options)) if k != asked.gold])

    def cue(kind: CueKind, option: int) -> Cue:
        return _cue(asked.statements[option], kind, option, use, rng)

    return Cues(
        wrong_caption=cue("caption", wrong),
        wrong_thought=cue("thought", wrong),
        correct_caption=cue("caption", asked.gold),
        correct_thought=cue("thought", asked.gold),
        irrelevant_caption=irrelevant(scene, asked, use, rng),
    )


def _cue(statement: Statement, kind: CueKind, option: int | None, use: Use, rng: random.Random) -> Cue:
    templates = phrasings(statement, kind, use)
    which = rng.randrange(len(templates))
    name = f"{use}-{type(statement).__name__.lower()}-{kind}-{which}"
    return Cue(kind, option, fill_template(statement, templates[which]), "template", name)


def irrelevant(scene: Scene, asked: SceneQuestion, use: Use, rng: random.Random) -> Cue | None:
    """A true caption of another kind than the question; it shares no shape or colour with the question."""
    named = {w for s in asked.statements for w in (vars(s).values()) if isinstance(w, str)}
    true: list[Statement] = [
        Count(count(scene, None, shape), None, shape)
        for shape in SHAPES
        if shape not in named and asked.family != "count" and scene.only(shape) is None
    ]
    true += [
        Colour(t.shape, t.colour)
        for t in scene.things
        if scene.only(t.shape) and not {t.shape, t.colour} & named and asked.family == "count"
    ]
    # Always possible: the count 0 of a shape that is neither named nor present.
    if not true:
        absent = [s for s in SHAPES if s not in named and count(scene, None, s) == 0]
        true = [Count(0, None, s) for s in absent]
    return _cue(rng.choice(true), "caption", None, use, rng) if true else None
