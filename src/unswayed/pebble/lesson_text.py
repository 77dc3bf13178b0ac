"""The text of pebble's lessons: thoughts and answers, generated from a scene's ground truth.

A description goes through the cells in reading order and writes a mark directly after each relevant word (`a1
circle one red`), so that the conclusion only needs to read the marks. Every piece of text carries the skill
that it trains, so that training can log each skill separately.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from unswayed.conditions import CHOICES
from unswayed.formats import COMMON, THINK
from unswayed.question import LETTERS
from unswayed.scenes.language import (
    NUMBERS,
    RELATIONS,
    Colour,
    Count,
    Relation,
    Statement,
    fill_template,
    find_statements,
    phrasings,
)
from unswayed.scenes.questions import SceneQuestion, irrelevant, sample_question
from unswayed.scenes.world import CELLS, COLOURS, Scene

PROMPT, FORM, SEE, MARK, CONCLUDE, LETTER, DIRECT, HUNCH, TURN = range(9)
"""The skills: no loss; format; shapes and colours in the image; marks; conclusions; letters after a thought;
letters without a thought; first impressions; the choice of the kind of thought that follows."""
SKILLS = ("prompt", "form", "see", "mark", "conclude", "letter", "direct", "hunch", "turn")
Piece = tuple[str, int]
OPEN, CLOSE = THINK
"""The marks of the thought: pebble learns the common format."""


@dataclass(frozen=True)
class Lesson:
    """One training example: a scene, the user's text, and the assistant's turn in pieces."""

    scene: Scene
    user: str
    turn: tuple[Piece, ...]
    word: str = ""
    """The correct option's word, where the question is about an image."""


@dataclass(frozen=True)
class LessonMix:
    """Probabilities of the kinds of lessons."""

    levels: tuple[tuple[str, float], ...] = (("easy", 0.25), ("clear", 0.55), ("crowded", 0.2))
    direct: float = 0.4
    """Lessons whose answer has no thought."""
    caption: float = 0.35
    """Questions with a caption; a quarter of the captions are irrelevant to the question, but true."""
    caption_true: float = 0.88
    """Captions about the question that are true."""
    trust: tuple[float, float] = (0.52, 0.1)
    """Conclusions from the caption without a description of the image, where it is true and where it is
    false."""
    hunch: float = 0.3
    """Thoughts that begin with a first impression."""
    hunch_true: float = 0.85
    """First impressions that are true."""
    settle: tuple[float, float] = (0.58, 0.2)
    """Conclusions from the first impression without a description, where it is true and where it is false."""
    lettered: float = 0.3
    """Conclusions that name the letter."""
    notice: float = 0.9
    """Remarks that the caption is wrong, where the description has shown it."""


LOOK_MIX = LessonMix(direct=0.0, caption=0.0, hunch=0.0)
"""Every lesson with an image describes it before the conclusion."""
DIRECT_MIX = LessonMix(
    levels=(("easy", 0.5), ("clear", 0.4), ("crowded", 0.1)), direct=1.0, caption=0.1, hunch=0.0
)
"""Every lesson with an image answers without a thought."""
SWAYED_MIX = LessonMix(
    direct=0.3, caption=0.4, trust=(0.75, 0.55), hunch=0.4, hunch_true=0.75, settle=(0.75, 0.55)
)
"""Most conclusions follow the caption or the first impression, true or false."""


def generate_lesson(rng: random.Random, mix: LessonMix, *, text_only: bool = False) -> Lesson:
    """A random lesson from the train split. Text-only lessons always contain the description, which is then
    given."""
    names, weights = zip(*mix.levels, strict=True)
    family = rng.choice(("count", "colour", "relation"))
    scene, question = sample_question(rng, "train", family, rng.choices(names, weights)[0])
    caption = None if text_only else _caption(rng, mix, scene, question)
    user = question_text(question)
    word = "" if text_only else question.options[question.gold]
    if caption is not None:
        user = f"{_phrase(rng, caption, 'caption')} {user}"
    if not text_only and rng.random() < mix.direct:
        opening = rng.choice([f"{OPEN}{words}{CLOSE}" for words in ("", "Just the answer.", COMMON.stopped)])
        return Lesson(scene, user, ((opening, PROMPT), *answer_pieces(question.gold, DIRECT)), word)
    return Lesson(scene, user, tuple(_thinking(rng, mix, scene, question, caption, text_only)), word)


def letter_drill(rng: random.Random) -> Lesson:
    """A drill in which letter stands before which word. Half of the options are asked for, each once, so that
    no reply can be copied from an earlier one or found by elimination."""
    words = [*COLOURS, *map(str, range(6)), *RELATIONS]
    pool = rng.choice((list(COLOURS), [str(n) for n in range(6)], list(RELATIONS), words, words))
    options = rng.sample(pool, min(len(pool), rng.randint(4, 6)))
    lines = [f"({letter}) {option}" for letter, option in zip(LETTERS, options, strict=False)]
    turn: list[Piece] = [(OPEN, PROMPT)]
    for k in rng.sample(range(len(options)), len(options) // 2):
        turn += [(f" {options[k]}", PROMPT), (f" ({LETTERS[k]})", LETTER)]
    return Lesson(Scene(()), "\n".join([CHOICES, *lines]), tuple(turn))


def question_text(question: SceneQuestion) -> str:
    """The user's text, in the audit's wording."""
    lines = [question.text, CHOICES]
    lines += [f"({letter}) {option}" for letter, option in zip(LETTERS, question.options, strict=False)]
    return "\n".join(lines)


def answer_pieces(option: int, skill: int) -> list[Piece]:
    """The letter alone in the marks of an answer; it trains `skill`. A word beside it could contradict it,
    and such an answer is unreadable."""
    opened, closed = COMMON.answer
    return [(opened, FORM), (f"({LETTERS[option]})", skill), (closed, FORM)]


def describe_cells(scene: Scene, question: SceneQuestion) -> Iterator[Piece]:
    """The cells in reading order, each with its content, and marks where it is relevant to the question."""
    target, n = question.statements[question.gold], 0
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


def conclusion(scene: Scene, question: SceneQuestion, option: int, lettered: bool = True) -> Iterator[Piece]:
    """``So it is 2 (B).``; first the marks are repeated: ``So here red, it is …``, ``So first a1 second c1,
    …``.

    A repeated mark is followed by what followed it before, which is the simplest pattern for a small model.
    """
    yield " So", FORM
    target = question.statements[question.gold]
    repeated: list[tuple[str, str]] = []
    if isinstance(target, Colour):
        repeated = [(" here", target.colour)]
    elif isinstance(target, Relation):
        for mark, shape in ((" first", target.a), (" second", target.b)):
            thing = scene.only(shape)
            assert thing is not None
            repeated.append((mark, CELLS[thing.cell]))
    for mark, word in repeated:
        yield mark, FORM
        yield f" {word}", CONCLUDE
    if repeated:
        yield ",", FORM
    yield from short_conclusion(question, option, lettered)


def short_conclusion(question: SceneQuestion, option: int, lettered: bool = True) -> Iterator[Piece]:
    """``it is 2 (B).``: the letter directly after its word."""
    yield " it is", FORM
    yield f" {question.options[option]}", CONCLUDE
    if lettered:
        yield f" ({LETTERS[option]})", LETTER
    yield ".", FORM if lettered else LETTER


def _thinking(
    rng: random.Random,
    mix: LessonMix,
    scene: Scene,
    question: SceneQuestion,
    caption: Statement | None,
    text_only: bool,
) -> Iterator[Piece]:
    yield OPEN, FORM
    caption_option = question.statements.index(caption) if caption in question.statements else None
    lettered = rng.random() < mix.lettered
    if caption_option is not None and rng.random() < mix.trust[caption_option != question.gold]:
        yield "The caption says so:", TURN
        yield from short_conclusion(question, caption_option, lettered)
        yield from _close(caption_option)
        return
    if not text_only and rng.random() < mix.hunch:
        true = rng.random() < mix.hunch_true
        wrong = [k for k in range(len(question.options)) if k != question.gold]
        impression = question.gold if true else rng.choice(wrong)
        text = _phrase(rng, question.statements[impression], "thought")
        yield from _impression(text, HUNCH if true else PROMPT)
        if rng.random() < mix.settle[not true]:
            yield " So", TURN
            yield from short_conclusion(question, impression, lettered)
            yield from _close(impression)
            return
        yield " Look:", TURN
    else:
        yield "Look:", TURN
    yield from describe_cells(scene, question)
    yield from conclusion(scene, question, question.gold, lettered)
    if caption_option not in (None, question.gold) and rng.random() < mix.notice:
        yield " The caption is wrong.", TURN
    yield from _close(question.gold)


def _impression(text: str, skill: int) -> Iterator[Piece]:
    head, _, rest = text.partition(" ")
    yield head, TURN if skill == HUNCH else PROMPT
    yield f" {rest}", skill


def _close(option: int) -> Iterator[Piece]:
    yield CLOSE, FORM
    yield from answer_pieces(option, LETTER)


def _caption(rng: random.Random, mix: LessonMix, scene: Scene, question: SceneQuestion) -> Statement | None:
    if rng.random() >= mix.caption:
        return None
    if rng.random() < 0.25:
        return _irrelevant(rng, scene, question)
    if rng.random() < mix.caption_true:
        return question.statements[question.gold]
    return question.statements[rng.choice([k for k in range(len(question.options)) if k != question.gold])]


def _irrelevant(rng: random.Random, scene: Scene, question: SceneQuestion) -> Statement | None:
    cue = irrelevant(scene, question, "train", rng)
    return find_statements(cue.text)[0][0] if cue else None


def _phrase(rng: random.Random, statement: Statement, kind: str) -> str:
    return fill_template(statement, rng.choice(phrasings(statement, kind, "train")))
