"""What a format writes is read back; formats pass unchanged through TOML, manifests and keys."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unswayed import conditions
from unswayed.answers.letter_probs import letter_prefill
from unswayed.answers.marks import template_opening
from unswayed.answers.parser import read
from unswayed.answers.stopping import first_stop
from unswayed.answers.tags import layout
from unswayed.conditions import CONDITIONS, NotAsked, Prompt, build_prompt, condition
from unswayed.errors import BadInput
from unswayed.formats import COMMON, Format
from unswayed.formats.files import as_toml, load_format, parse_format
from unswayed.formats.registry import after_thought, find_format, model_name, native_format, presets
from unswayed.interventions.turn import Turn, split_turn
from unswayed.question import Cue, Cues, Question
from unswayed.training.rewards.turn_format import answer_precedes_thought_end, thought_end, well_formed

BOATS = ("red boat", "white boat", "green buoy", "no boat")
FORMATS = list(presets().values())
THINKING = [f for f in FORMATS if f.thought]
QUESTION = Question("1", "boats", "Which is it?", BOATS, 1)
CUES = Cues(Cue("caption", 0, "A red boat."), Cue("thought", 0, "I see red."), Cue("caption", 1, "White."))
# Words of a thought: anything but marks. A closing brace or a colon behind "Answer" would be one.
THOUGHTS = st.text(st.sampled_from("abc AB.,é字\n'?!0123"), min_size=1, max_size=80).filter(
    lambda t: any(c.isalnum() for c in t)
)


@given(st.sampled_from(FORMATS), THOUGHTS, st.sampled_from("ABCD"))
def test_what_a_format_writes_is_read_back(format: Format, thought: str, letter: str) -> None:
    turn = format.write(thought, f"({letter})")
    reading = read(turn, BOATS, format=format)
    assert (reading.state, reading.answer) == ("ok", "ABCD".index(letter))
    assert reading.thought == (thought.strip() if format.thought else None)
    assert well_formed(turn, format=format)
    assert letter_prefill("", turn, format) == format.up_to_letter(thought)


@given(st.sampled_from(FORMATS), THOUGHTS, st.sampled_from("ABCD"), st.integers(0, 300))
def test_a_prefill_and_its_continuation_read_like_the_whole(
    format: Format, thought: str, letter: str, at: int
) -> None:
    turn = format.write(thought, f"({letter})")
    prefill, text = turn[:at], turn[at:]
    assert read(text, BOATS, prefill=prefill, format=format) == read(turn, BOATS, format=format)
    if format.thought:  # otherwise what was prefilled is kept before the letter
        assert letter_prefill(prefill, text, format) == letter_prefill("", turn, format)


@given(st.sampled_from(THINKING), THOUGHTS, st.integers(0, 300))
def test_a_cut_turn_is_scored_behind_its_closed_thought(format: Format, thought: str, at: int) -> None:
    cut = format.write(thought, "(B)")[:at]
    prefill = letter_prefill("", cut, format)
    assert prefill.endswith(format.answer[0])
    if cut.startswith(format.open_thought):
        assert not layout(prefill.removesuffix(format.answer[0]), format).open_thought


@given(st.sampled_from(THINKING), THOUGHTS)
def test_a_turn_comes_apart_and_together(format: Format, thought: str) -> None:
    turn = split_turn("", format.write(thought, "(B)"), format)
    assert isinstance(turn, Turn)
    assert turn.thought.strip() == thought.strip()
    assert turn.closed(turn.thought) == format.up_to_letter(thought)
    assert layout(turn.open("So"), format).open_thought


@pytest.mark.parametrize("format", FORMATS, ids=lambda f: f.name)
def test_stop_strings_end_no_thought(format: Format) -> None:
    turn = format.write(f"Maybe {format.write_answer('A')}? No.", "(B)")
    cut = first_stop(turn + " and on", format.stop, format=format)
    assert cut == (len(turn) if format.stop else None)


@pytest.mark.parametrize("format", THINKING, ids=lambda f: f.name)
def test_the_form_of_a_turn(format: Format) -> None:
    said, answer = format.begin("Look.") + format.close_thought, format.write_answer("(B)")
    assert not well_formed(said + answer, "length", format)
    assert not well_formed(format.begin(" ") + format.close_thought + answer, format=format)
    assert not well_formed(said + said + answer, format=format)
    assert not well_formed(format.begin("Look."), format=format)
    assert not well_formed(answer + said, format=format)
    twice = format.begin(f"a {format.open_thought} b") + format.close_thought
    assert not well_formed(twice + answer, format=format)
    assert thought_end(said + answer, format) == len(said.rstrip())
    assert not answer_precedes_thought_end(said + answer, format)
    if format.answer[0]:
        assert not well_formed(said + answer + "\n" + answer, format=format)


@pytest.mark.parametrize("format", FORMATS, ids=lambda f: f.name)
def test_toml_and_manifest_give_the_format_back(format: Format, tmp_path: Path) -> None:
    file = tmp_path / "any.toml"
    file.write_text(as_toml(format), "utf-8")
    again = load_format(file)
    assert again == format
    assert (again.models, again.source) == (format.models, format.source)
    assert Format.from_dict(json.loads(json.dumps(format.as_dict()))) == format
    assert format.source


@pytest.mark.parametrize("format", FORMATS, ids=lambda f: f.name)
def test_conditions_are_asked_in_the_marks_of_the_format(format: Format) -> None:
    for name in CONDITIONS:
        prompt = build_prompt(QUESTION, CUES, condition(name), (), format)
        if format.thought is None and CONDITIONS[name].prefills:
            assert isinstance(prompt, NotAsked)
        elif isinstance(prompt, Prompt):
            assert prompt.format == format
            assert prompt.system == format.system
            assert prompt.text.startswith(format.prefix)
            assert prompt.text.endswith(format.suffix)
            assert prompt.prefill.startswith(format.open_thought if CONDITIONS[name].prefills else "")
    stop = build_prompt(QUESTION, CUES, condition("stop-think"), (), format)
    if isinstance(stop, Prompt):
        assert read("(B)" if not format.answer[0] else format.write_answer("B"), BOATS, prefill=stop.prefill,
                    format=format).thought == format.stopped  # fmt: skip


def test_the_common_format_is_what_it_was() -> None:
    """The strings of runs made before there were formats."""
    prompts = [build_prompt(QUESTION, CUES, condition(n), ()) for n in ("stop-think", "wrong-think-but")]
    assert [p.prefill for p in prompts if isinstance(p, Prompt)] == [
        "<think>Okay let's see. This should be the final answer.</think>",
        "<think>I see red. But I think",
    ]
    assert conditions.SYSTEM == (
        "Look at the image and answer the question. First think about it inside <think> </think>, then give "
        "the letter of the right option inside <answer> </answer>."
    )
    assert COMMON.up_to_letter("Red.") == "<think>Red.</think><answer>"


MODELS = {
    "RUBBISHLIKE/SpaceR": "spacer",
    "Video-R1/Video-R1-7B": "video-r1",
    "Osilly/Vision-R1-7B": "vision-r1",
    "UCSC-VLAA/VLAA-Thinker-Qwen2.5VL-7B": "vlaa-thinker",
    "gsarch/ViGoRL-7b-Spatial": "vigorl",
    "Qwen/Qwen3-VL-235B-A22B-Thinking-FP8": "qwen3-vl-thinking",
    "zai-org/GLM-4.1V-9B-Thinking": "glm-4.1v-thinking",
    "zai-org/GLM-4.5V": "glm-4.5v",
    "zai-org/GLM-4.6V-Flash": "glm-4.5v",
    "OpenGVLab/InternVL3_5-8B": "internvl3",
    "moonshotai/Kimi-VL-A3B-Thinking-2506": "kimi-vl-thinking",
    "XiaomiMiMo/MiMo-VL-7B-RL": "mimo-vl",
    "Qwen/Qwen2.5-VL-7B-Instruct": "direct",
    "o4-mini": "answer-line",
    "openai/gpt-5.1": "answer-line",
    "google/gemini-2.5-pro": "answer-line",
    "anthropic/claude-sonnet-4-5": "answer-line",
    "google/gemma-4-12b-it": "gemma-channel",
    "pebble": "common",
    "/data/checkpoints/spacer-step-200": "spacer",
}


@pytest.mark.parametrize(("model", "name"), MODELS.items())
def test_native_formats_are_found_by_the_models_name(model: str, name: str) -> None:
    assert native_format(model).name == name


@pytest.mark.parametrize("model", ["ORG/My-VLM", "workspacer", "photo4", ""])
def test_no_native_format_is_guessed(model: str) -> None:
    with pytest.raises(BadInput, match="no native prompt format"):
        native_format(model)


def test_a_chat_template_with_marks_of_one_preset_decides() -> None:
    assert native_format("runs/mine/model", "…{{ '◁think▷' }}").name == "kimi-vl-thinking"
    with pytest.raises(BadInput, match="no native"):
        native_format("runs/mine/model", "{{ '<think>' }}")  # that of many


@pytest.mark.parametrize(
    ("spec", "model"),
    [
        ("openai:RUBBISHLIKE/SpaceR", "RUBBISHLIKE/SpaceR"),
        ("vllm:ORG/NAME:tensor_parallel_size=2", "ORG/NAME"),
        ("inspect:google/gemini-2.5-pro", "google/gemini-2.5-pro"),
        ("pebble", "pebble"),
    ],
)
def test_the_model_of_a_spec(spec: str, model: str) -> None:
    assert model_name(spec) == model


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name = 3", "name is 3; give text"),
        ("sytem = 'x'", "unknown key 'sytem'"),
        ("[thought]\nopn = '<a>'", "unknown key 'thought.opn'"),
        ("thought = 'x'", "it is a table"),
        ("[thought]\nopen = '<a>'", "mark of the thought is empty"),
        ("[thought]\nopen = '|'\nclose = '| '", "the two marks must differ"),
        ("[thought]\nby_template = true", "cannot open a thought that has no marks"),
        ("[thought]\nby_template = 1", "give true or false"),
        ("[thought]\nalso = [['<a>']]", "give pairs"),
        ("[answer]\nclose = '}'", "none that opens it"),
        ("[thought]\nopen = '<a>'\nclose = '</a>'\n[answer]\nopen = '<a>'\nclose = '</a>'", "opens both"),
        ("stop = ['']", "a stop string is empty"),
        ("stop = [1]", "give a list of texts"),
        ("name = '../x'", "a name has letters"),
        ("[about]\nmodels = ['(']", "no regular expression"),
        ("system = '" + "x" * 30_000 + "'", "more than 20,000 characters"),
        ("name = ", "not valid TOML"),
    ],
)
def test_bad_files_are_refused_with_their_reason(text: str, problem: str) -> None:
    with pytest.raises(BadInput, match=r"mine\.toml") as error:
        parse_format(text, "mine.toml", "mine")
    assert problem in str(error.value)


def test_unknown_names_and_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there are common, answer-line"):
        find_format("comon")
    with pytest.raises(BadInput, match="cannot be read"):
        find_format(str(tmp_path / "none.toml"))
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match="not UTF-8"):
        find_format(str(tmp_path / "bytes.toml"))


@pytest.mark.parametrize(
    "more", [{"name": 3}, {"thought": "ab"}, {"answer": [1, 2]}, {"stop": 5}, {"other_thoughts": [["<a>"]]}]
)
def test_damaged_manifests_are_refused(more: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        Format.from_dict({"name": "x", **more})
    with pytest.raises(BadInput):
        Format.from_dict({})


@pytest.mark.parametrize(
    ("end", "opening"),
    [
        ("assistant\n<think>\n", "<think>\n"),
        ("assistant\n<think>\n\n</think>\n\n", "<think>\n\n</think>\n\n"),
        ("assistant\n", ""),
        ("◁think▷", "◁think▷"),
        ("[THINK]", "[THINK]"),
        ("<|channel>thought\n", "<|channel>thought\n"),
        ("<seed:think>", "<seed:think>"),
        ("Use <think> and </think>.\nassistant\n", ""),
        ("</think>\n", ""),
    ],
)
def test_how_a_template_opens_a_thought(end: str, opening: str) -> None:
    assert template_opening("user\nHello\n" + end) == opening


@pytest.mark.parametrize(
    ("reply", "rest"),
    [
        ("x", "x"),
        (" <think>a</think> x ", "x"),
        ("<think>a", None),
        ("◁think▷a◁/think▷x", "x"),
        ("[THINK]a[/THINK]x", "x"),
        ("x <think>a</think>", "x <think>a</think>"),
    ],
)
def test_a_judges_own_thought_is_left_out(reply: str, rest: str | None) -> None:
    assert after_thought(reply) == rest
