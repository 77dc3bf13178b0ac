"""Which questions are asked about scenes: families, levels, options, and the cues for each.

A family is a function that asks something of a scene, or returns None where the scene does not
lend itself to it. Add one to `FAMILIES` and everything else follows.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from unswayed.errors import BadInput
from unswayed.question import Cue, CueKind, Cues, Image, Question
from unswayed.scenes.language import (
    RELATIONS,
    Colour,
    Count,
    Relation,
    Statement,
    Use,
    count,
    phrasings,
    plural,
    say,
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
    """How hard: how many things, how many options, and whether references name colour and shape."""

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
class Asked:
    """A question about a scene before it is worded as a `Question`: one statement an option."""

    family: str
    text: str
    options: tuple[str, ...]
    statements: tuple[Statement, ...]
    gold: int


Family = Callable[[Scene, random.Random, Level, int], Asked | None]
"""(scene, rng, level, wish) -> question or None. The wish, one number a question, says which right
answer is wanted, so that answers are evenly spread and a blind guesser gains nothing."""


def _pick(rng: random.Random, right: str, others: list[str], n: int) -> list[str]:
    options = [right, *rng.sample(others, min(n - 1, len(others)))]
    rng.shuffle(options)
    return options


def ask_count(scene: Scene, rng: random.Random, level: Level, wish: int) -> Asked | None:
    """How many things of a colour, or of a shape (or of both, where the level says so)?"""
    modes = ("colour", "shape", "both") if level.both else ("colour", "shape")
    wish, which = divmod(wish, len(modes))
    mode = modes[which]
    most = 2 if mode == "both" else level.things[1] // 2 + 1
    right = wish % (most + 1)
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
    says: tuple[Statement, ...] = tuple(Count(int(o), colour, shape) for o in options)
    return Asked("count", text, tuple(options), says, options.index(str(right)))


def ask_colour(scene: Scene, rng: random.Random, level: Level, wish: int) -> Asked | None:
    """What colour is the one thing of a shape?"""
    single = [t for t in scene.things if scene.only(t.shape)]
    if not single:
        return None
    thing = rng.choice(single)
    others = [c for c in COLOURS if c != thing.colour]
    options = _pick(rng, thing.colour, others, rng.randint(*level.options))
    says: tuple[Statement, ...] = tuple(Colour(thing.shape, o) for o in options)
    text = f"What colour is the {thing.shape}?"
    return Asked("colour", text, tuple(options), says, options.index(thing.colour))


def ask_relation(scene: Scene, rng: random.Random, level: Level, wish: int) -> Asked | None:
    """Where does one thing stand, seen from another in its row or column?"""
    single = [t for t in scene.things if scene.only(t.shape)]
    right = tuple(RELATIONS)[wish % len(RELATIONS)]
    pairs = [(a, b) for a in single for b in single if Relation(a.shape, right, b.shape).holds(scene)]
    if not pairs:
        return None
    a, b = rng.choice(pairs)
    options = _pick(rng, right, [r for r in RELATIONS if r != right], rng.randint(*level.options))
    says: tuple[Statement, ...] = tuple(Relation(a.shape, o, b.shape) for o in options)
    text = f"Where is the {a.shape}, seen from the {b.shape}?"
    return Asked("relation", text, tuple(options), says, options.index(right))


FAMILIES: dict[str, Family] = {"count": ask_count, "colour": ask_colour, "relation": ask_relation}


def draw_one(rng: random.Random, split: str, family: str, level: str) -> tuple[Scene, Asked]:
    """A scene of the split and a question of the family about it (tries until one fits)."""
    how = LEVELS[level]
    wish = rng.randrange(5040)  # many divisors: every choice that is made of it stays even
    while True:
        scene = random_scene(rng, rng.randint(*how.things), how.haze)
        if scene.split != split:
            continue
        asked = FAMILIES[family](scene, rng, how, wish)
        if asked is not None:
            return scene, asked


def load(
    split: str = "test",
    limit: int | None = 512,
    seed: int = 0,
    level: str = "normal",
    families: tuple[str, ...] = tuple(FAMILIES),
) -> Iterator[Question]:
    """Questions without end (or `limit` of them), families in turn. Raises `BadInput` for a bad name."""
    if split not in SPLITS:
        raise BadInput(f"scenes has no split {split!r}; there are: {', '.join(SPLITS)}")
    if level not in LEVELS:
        raise BadInput(f"scenes has no level {level!r}; there are: {', '.join(LEVELS)}")
    for family in families:
        if family not in FAMILIES:
            raise BadInput(f"scenes has no family {family!r}; there are: {', '.join(FAMILIES)}")
    index = 0
    while limit is None or index < limit:
        scene, asked = _drawn(split, level, seed, index, families)
        yield _question(scene, asked, f"{split}-{level}-{seed}-{index}")
        index += 1


def again(uid: str) -> Asked | None:
    """What the drawn question called `uid` asks, drawn anew; None where that is no such name.

    Only for questions of all families. A caller who has the text compares it: a name alone is no proof.
    """
    split, level, seed, index = [*uid.split("-"), "", "", "", ""][:4]
    if split not in SPLITS or level not in LEVELS or not index.isdecimal():
        return None
    return _drawn(split, level, seed, int(index), tuple(FAMILIES))[1]


def _drawn(
    split: str, level: str, seed: int | str, index: int, families: tuple[str, ...]
) -> tuple[Scene, Asked]:
    rng = random.Random(f"{split}/{level}/{seed}/{index}")
    return draw_one(rng, split, families[index % len(families)], level)


def _question(scene: Scene, asked: Asked, uid: str) -> Question:
    return Question(
        uid=uid,
        benchmark="scenes",
        text=asked.text,
        options=asked.options,
        gold=asked.gold,
        images=(Image(lambda: png(scene), uid),),
        family=asked.family,
        group=scene.name,
        meta={"scene": scene, "asked": asked},
    )


def cues(question: Question, seed: int, use: Use = "audit") -> Cues:
    """True and false captions and thoughts for a drawn question; the same wrong option for both."""
    scene, asked = question.meta["scene"], question.meta["asked"]
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
    return Cue(kind, option, say(statement, templates[which]), "template", name)


def irrelevant(scene: Scene, asked: Asked, use: Use, rng: random.Random) -> Cue | None:
    """A true caption of another kind than the question, about shapes and colours it does not name."""
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
    # always possible: how many of a shape that is neither named nor there
    if not true:
        absent = [s for s in SHAPES if s not in named and count(scene, None, s) == 0]
        true = [Count(0, None, s) for s in absent]
    return _cue(rng.choice(true), "caption", None, use, rng) if true else None
