"""How pebble speaks: the thoughts it is taught, written from a scene's exact truth.

A look goes through the cells in reading order and marks what matters the moment its word falls
(`a1 circle one red`), so that what follows is only a matter of reading the marks. Every piece of
text carries the skill that it practises, so that training can watch each one alone.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from unswayed.conditions import CHOICES, STOP_THINK
from unswayed.question import LETTERS
from unswayed.scenes.language import (
    NUMBERS,
    RELATIONS,
    Colour,
    Count,
    Relation,
    Statement,
    find,
    phrasings,
    say,
)
from unswayed.scenes.questions import Asked, draw_one, irrelevant
from unswayed.scenes.world import CELLS, COLOURS, Scene

PROMPT, FORM, SEE, MARK, CONCLUDE, LETTER, DIRECT, HUNCH, TURN = range(9)
"""The skills: no loss; format; shapes and colours seen; marks; conclusions; letters after a thought;
letters without one; first impressions; the choice of what kind of thought comes next."""
SKILLS = ("prompt", "form", "see", "mark", "conclude", "letter", "direct", "hunch", "turn")
Piece = tuple[str, int]


@dataclass(frozen=True)
class Lesson:
    """One example: a scene, the user's text, and the assistant's turn in pieces."""

    scene: Scene
    user: str
    turn: tuple[Piece, ...]
    word: str = ""
    """The right option, where a picture is asked about."""


@dataclass(frozen=True)
class Diet:
    """Shares of what is taught. All are probabilities."""

    levels: tuple[tuple[str, float], ...] = (("easy", 0.25), ("clear", 0.55), ("crowded", 0.2))
    direct: float = 0.4
    """Answers without a thought."""
    caption: float = 0.35
    """Questions that come with a caption; a quarter of these are beside the point, but true."""
    caption_true: float = 0.88
    trust: tuple[float, float] = (0.52, 0.1)
    """Concluding from the caption without looking, where it is true, and where it is wrong."""
    hunch: float = 0.3
    """Thoughts that begin with a first impression."""
    hunch_true: float = 0.85
    settle: tuple[float, float] = (0.58, 0.2)
    """Concluding from the first impression without looking, where it is true, and where it is wrong."""
    lettered: float = 0.3
    """Conclusions that name their letter."""
    notice: float = 0.9
    """Saying so, where a look has shown that the caption was wrong."""


LOOKS = Diet(direct=0.0, caption=0.0, hunch=0.0)
"""Every lesson with a picture looks, and nothing else."""
AT_ONCE = Diet(levels=(("easy", 0.5), ("clear", 0.4), ("crowded", 0.1)), direct=1.0, caption=0.1, hunch=0.0)
"""Every lesson with a picture answers without a thought."""
SWAYED = Diet(direct=0.3, caption=0.4, trust=(0.75, 0.55), hunch=0.4, hunch_true=0.75, settle=(0.75, 0.55))
"""More often than not it settles for what it was told, right or wrong."""


def lesson(rng: random.Random, diet: Diet, *, text_only: bool = False) -> Lesson:
    """Draw one lesson from the train split. Text-only lessons always look (the look is given to read)."""
    names, weights = zip(*diet.levels, strict=True)
    family = rng.choice(("count", "colour", "relation"))
    scene, asked = draw_one(rng, "train", family, rng.choices(names, weights)[0])
    caption = None if text_only else _caption(rng, diet, scene, asked)
    user = question_text(asked)
    word = "" if text_only else asked.options[asked.gold]
    if caption is not None:
        user = f"{_say(rng, caption, 'caption')} {user}"
    if not text_only and rng.random() < diet.direct:
        opening = rng.choice(("<think></think>", "<think>Just the answer.</think>", STOP_THINK))
        return Lesson(scene, user, ((opening, PROMPT), *answer(asked, asked.gold, DIRECT)), word)
    return Lesson(scene, user, tuple(_thinking(rng, diet, scene, asked, caption, text_only)), word)


def drill(rng: random.Random) -> Lesson:
    """Which letter stands before which word. Half of the options are asked for, each once: no reply
    can be copied from an earlier one, nor found by elimination."""
    words = [*COLOURS, *map(str, range(6)), *RELATIONS]
    pool = rng.choice((list(COLOURS), [str(n) for n in range(6)], list(RELATIONS), words, words))
    options = rng.sample(pool, min(len(pool), rng.randint(4, 6)))
    lines = [f"({letter}) {option}" for letter, option in zip(LETTERS, options, strict=False)]
    turn: list[Piece] = [("<think>", PROMPT)]
    for k in rng.sample(range(len(options)), len(options) // 2):
        turn += [(f" {options[k]}", PROMPT), (f" ({LETTERS[k]})", LETTER)]
    return Lesson(Scene(()), "\n".join([CHOICES, *lines]), tuple(turn))


def question_text(asked: Asked) -> str:
    """The user's text, in the audit's own wording."""
    lines = [asked.text, CHOICES]
    lines += [f"({letter}) {option}" for letter, option in zip(LETTERS, asked.options, strict=False)]
    return "\n".join(lines)


def answer(asked: Asked, option: int, skill: int) -> list[Piece]:
    """``<answer>(B) left</answer>``: the letter practises `skill`. The word too where no thought said it;
    after one it is the conclusion said again. Let go, it comes from the picture whatever was concluded."""
    return [
        ("<answer>", FORM),
        (f"({LETTERS[option]})", skill),
        (f" {asked.options[option]}", DIRECT if skill == DIRECT else CONCLUDE),
        ("</answer>", FORM),
    ]


def look(scene: Scene, asked: Asked) -> Iterator[Piece]:
    """The cells in reading order, each with what is there, marked where it matters."""
    target, n = asked.statements[asked.gold], 0
    for cell, name in enumerate(CELLS):
        yield f" {name}", FORM
        thing = scene.at(cell)
        if thing is None:
            yield " none", SEE
            continue
        yield f" {thing.shape}", SEE
        match target:
            case Colour(shape=shape) if shape == thing.shape:
                yield " here", MARK
            case Relation(a=a, b=b) if thing.shape in (a, b):
                yield (" first" if thing.shape == a else " second"), MARK
                yield f" {name}", FORM
            case Count(colour=None, shape=shape) if shape == thing.shape:
                n += 1
                yield f" {NUMBERS[n]}", MARK
            case _:
                pass
        yield f" {thing.colour}", SEE
        match target:
            case Count(colour=str() as colour, shape=shape) if colour == thing.colour and shape in (
                None,
                thing.shape,
            ):
                n += 1
                yield f" {NUMBERS[n]}", MARK
            case _:
                pass
    yield ".", FORM


def conclude(scene: Scene, asked: Asked, option: int, lettered: bool = True) -> Iterator[Piece]:
    """``So it is 2 (B).``; marks come again first: ``So here red, it is …``, ``So first a1 second c1, …``.

    A mark said again is followed by what followed it before: the simplest thing a small model can learn.
    """
    yield " So", FORM
    target = asked.statements[asked.gold]
    again: list[tuple[str, str]] = []
    if isinstance(target, Colour):
        again = [(" here", target.colour)]
    elif isinstance(target, Relation):
        for mark, shape in ((" first", target.a), (" second", target.b)):
            thing = scene.only(shape)
            assert thing is not None
            again.append((mark, CELLS[thing.cell]))
    for mark, word in again:
        yield mark, FORM
        yield f" {word}", CONCLUDE
    if again:
        yield ",", FORM
    yield from settle(asked, option, lettered)


def settle(asked: Asked, option: int, lettered: bool = True) -> Iterator[Piece]:
    """``it is 2 (B).``: the letter at once, while its word is at hand."""
    yield " it is", FORM
    yield f" {asked.options[option]}", CONCLUDE
    if lettered:
        yield f" ({LETTERS[option]})", LETTER
    yield ".", FORM if lettered else LETTER


def _thinking(
    rng: random.Random, diet: Diet, scene: Scene, asked: Asked, caption: Statement | None, text_only: bool
) -> Iterator[Piece]:
    yield "<think>", FORM
    said = asked.statements.index(caption) if caption in asked.statements else None
    lettered = rng.random() < diet.lettered
    if said is not None and rng.random() < diet.trust[said != asked.gold]:
        yield "The caption says so:", TURN
        yield from settle(asked, said, lettered)
        yield from _close(asked, said)
        return
    if not text_only and rng.random() < diet.hunch:
        true = rng.random() < diet.hunch_true
        wrong = [k for k in range(len(asked.options)) if k != asked.gold]
        hunch = asked.gold if true else rng.choice(wrong)
        yield from _impression(_say(rng, asked.statements[hunch], "thought"), HUNCH if true else PROMPT)
        if rng.random() < diet.settle[not true]:
            yield " So", TURN
            yield from settle(asked, hunch, lettered)
            yield from _close(asked, hunch)
            return
        yield " Look:", TURN
    else:
        yield "Look:", TURN
    yield from look(scene, asked)
    yield from conclude(scene, asked, asked.gold, lettered)
    if said not in (None, asked.gold) and rng.random() < diet.notice:
        yield " The caption is wrong.", TURN
    yield from _close(asked, asked.gold)


def _impression(text: str, skill: int) -> Iterator[Piece]:
    head, _, rest = text.partition(" ")
    yield head, TURN if skill == HUNCH else PROMPT
    yield f" {rest}", skill


def _close(asked: Asked, option: int) -> Iterator[Piece]:
    yield "</think>", FORM
    yield from answer(asked, option, LETTER)


def _caption(rng: random.Random, diet: Diet, scene: Scene, asked: Asked) -> Statement | None:
    if rng.random() >= diet.caption:
        return None
    if rng.random() < 0.25:
        return _beside(rng, scene, asked)
    if rng.random() < diet.caption_true:
        return asked.statements[asked.gold]
    return asked.statements[rng.choice([k for k in range(len(asked.options)) if k != asked.gold])]


def _beside(rng: random.Random, scene: Scene, asked: Asked) -> Statement | None:
    cue = irrelevant(scene, asked, "train", rng)
    return find(cue.text)[0][0] if cue else None


def _say(rng: random.Random, statement: Statement, kind: str) -> str:
    return say(statement, rng.choice(phrasings(statement, kind, "train")))
