"""Pebble's making: a tokenizer for any text, lessons that are true, training that resumes to the bit."""

import random
import re
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from PIL import Image  # noqa: E402

from unswayed import scenes  # noqa: E402
from unswayed.answers.parser import read  # noqa: E402
from unswayed.conditions import SYSTEM  # noqa: E402
from unswayed.judges.scenes import conclude  # noqa: E402
from unswayed.pebble import data as lessons  # noqa: E402
from unswayed.pebble import lesson_text  # noqa: E402
from unswayed.pebble import model as pebble_model  # noqa: E402
from unswayed.pebble.optim import orthogonalise  # noqa: E402
from unswayed.pebble.train import PebbleTrainer, Plan, Stage, train  # noqa: E402
from unswayed.scenes.world import COLOURS, SHAPES  # noqa: E402

TINY = Plan(
    stages=(
        Stage("look", 3, 0.25, 0.25, 0.02, 3e-3, 1.0, 1.0, mix=lesson_text.LOOK_MIX),
        Stage("all", 3, 0.1, 0.1, 0.01, 1e-3, 0.1, 0.5, 0.5),
    ),
    width=32,
    layers=4,
    size=8,
    tokenizer_lessons=200,
)


@pytest.fixture(scope="module")
def tokenizer():
    return pebble_model.make_tokenizer(lessons=400)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text_survives_the_tokenizer(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text), skip_special_tokens=False) == text


def test_words_of_the_scenes_are_single_tokens():
    whole = pebble_model.make_tokenizer()
    words = (" red", " star", " here", " first", " two", " a1", "(B)", "\n(B)", " (B)", SYSTEM, "<think>")
    for word in words:
        assert len(whole.encode(word)) == 1, word


def test_a_lesson_in_pieces_is_tokenised_as_a_whole(tokenizer):
    rng = random.Random(1)
    for _ in range(200):
        one = lesson_text.generate_lesson(rng, lesson_text.LessonMix())
        ids = [i for text, _ in one.turn for i in tokenizer.encode(text)]
        assert ids == tokenizer.encode("".join(text for text, _ in one.turn))


def test_a_thought_that_looks_concludes_the_truth():
    rng = random.Random(2)
    mix = lesson_text.LessonMix(direct=0.0, caption=0.0, hunch=0.0)
    for _ in range(300):
        family = rng.choice(list(scenes.FAMILIES))
        scene, asked = lesson_text.sample_question(rng, "train", family, "normal")
        thought = "".join(t for t, _ in lesson_text._thinking(rng, mix, scene, asked, None, False))
        assert conclude(asked, asked.options, thought.split("</think>")[0]).option == asked.gold
        for thing in scene.things:
            assert thing.shape in thought
            assert thing.colour in thought


def test_answers_are_a_readable_letter_alone():
    """A word beside the letter could contradict it."""
    rng, letters = random.Random(6), set()
    for _ in range(300):
        lesson = lesson_text.generate_lesson(rng, lesson_text.LessonMix())
        turn = "".join(text for text, _ in lesson.turn)
        answer = turn.rpartition("<answer>")[2]
        assert re.fullmatch(r"\([A-F]\)</answer>", answer), turn
        options = [line[4:] for line in lesson.user.splitlines() if re.match(r"\([A-F]\) ", line)]
        reading = read(turn, options)
        assert (reading.state, reading.answer) == ("ok", "ABCDEF".index(answer[1])), turn
        letters.add(answer[1])
    assert letters >= set("ABCD")


def test_lessons_come_from_the_train_split_alone():
    rng = random.Random(3)
    assert all(
        lesson_text.generate_lesson(rng, lesson_text.LessonMix()).scene.split == "train" for _ in range(300)
    )


def test_captions_are_true_as_often_as_the_diet_says():
    rng = random.Random(4)
    mix = replace(lesson_text.LessonMix(), caption=1.0, caption_true=0.7)
    said = true = 0
    for _ in range(1500):
        scene, asked = lesson_text.sample_question(rng, "train", "colour", "normal")
        caption = lesson_text._caption(rng, mix, scene, asked)
        if caption in asked.statements:
            said += 1
            true += caption.holds(scene)
        elif caption is not None:
            assert caption.holds(scene)
    assert 0.65 < true / said < 0.75


def test_the_processor_and_the_lessons_see_the_same_pixels(tokenizer):
    processor = pebble_model.make_processor(tokenizer)
    scene = scenes.truth(next(iter(scenes.load(limit=1)))).scene
    picture = scenes.world.render(scene)
    assert isinstance(picture, Image.Image)
    seen = processor.image_processor(images=[picture], return_tensors="pt")["pixel_values"]
    assert torch.allclose(seen, lessons.pixels([scene]), atol=1e-5)


def test_the_template_leaves_a_prefill_open(tokenizer):
    user = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What?"}]}
    begun = {"role": "assistant", "content": "<think>It is"}
    fresh = tokenizer.apply_chat_template([user], tokenize=False, add_generation_prompt=True)
    assert fresh == "<|user|><image>What?<|end|><|assistant|>"
    for ask in (True, False):
        text = tokenizer.apply_chat_template([user, begun], tokenize=False, add_generation_prompt=ask)
        assert text == fresh + "<think>It is"
    closed = tokenizer.apply_chat_template([user, begun, user], tokenize=False)
    assert closed.count("<|end|>") == 3


def test_an_interrupted_training_ends_as_an_undisturbed_one(tmp_path):
    whole = train(TINY, tmp_path / "whole")
    train(TINY, tmp_path / "parts", until=2, save_every=2)
    parts = train(TINY, tmp_path / "parts")
    assert whole.step == parts.step == TINY.steps
    for a, b in zip(whole.model.parameters(), parts.model.parameters(), strict=True):
        assert torch.equal(a, b)
    assert (tmp_path / "whole" / "pebble" / "model.safetensors").exists()


def test_text_only_lessons_take_no_loss_on_what_cannot_be_seen(tokenizer):
    batch = lessons.lesson_batch(tokenizer, lesson_text.LessonMix(), 0, 0, 8, text_only=1.0)
    assert len(batch.pixels) == 0
    assert not (batch.skills == lesson_text.SEE).any()
    assert (batch.skills == lesson_text.LETTER).any()


def test_a_batch_is_a_function_of_seed_and_step(tokenizer):
    make = lambda seed, step: lessons.lesson_batch(tokenizer, lesson_text.LessonMix(), seed, step, 6)  # noqa: E731
    assert torch.equal(make(1, 5).ids, make(1, 5).ids)
    assert not torch.equal(make(1, 5).pixels, make(1, 6).pixels)
    assert not torch.equal(make(1, 5).pixels, make(2, 5).pixels)


@pytest.mark.parametrize("shape", [(16, 48), (48, 16), (32, 32)])
def test_an_orthogonalised_matrix_has_singular_values_near_one(shape):
    g = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalise(g))
    assert values.min() > 0.5
    assert values.max() < 1.5


def test_queries_and_keys_begin_alike(tokenizer):
    school = PebbleTrainer(replace(TINY, size=2))
    for layer in school.model.model.language_model.layers:
        assert torch.equal(layer.self_attn.q_proj.weight, layer.self_attn.k_proj.weight)


def test_what_the_picture_says_of_a_named_word_is_true(tokenizer):
    """What the inner task asks for holds in the scene, and its weights sum to one a place."""
    rng, seen = random.Random(5), 0
    for _ in range(60):
        one = lesson_text.generate_lesson(rng, lesson_text.LessonMix())
        row, _ = lessons.encode(tokenizer, one)
        shares: dict[int, float] = {}
        for place, word, share in lessons._named_words(tokenizer, one, row):
            said_there = tokenizer.decode([row[place]]).strip().lower()
            (named,) = [w for w in (*SHAPES, *COLOURS) if said_there in (w, w + "s")]
            said = tokenizer.decode([word]).strip()
            having = [t for t in one.scene.things if named in (t.shape, t.colour)]
            beside = {w for t in having for w in (lesson_text.CELLS[t.cell], t.shape, t.colour)} - {named}
            assert said in (beside or {"none"})
            shares[place] = shares.get(place, 0.0) + share
            seen += 1
        assert all(abs(total - 1) < 1e-9 for total in shares.values())
    assert seen > 100
