"""Audits, trainings and templates take the prompt format."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from unswayed import audit, load_questions, open_backend
from unswayed.backends.rendering import Renderer
from unswayed.cli.evaluate.audit import run_name
from unswayed.conditions import Prompt
from unswayed.errors import BadInput, RunChanged
from unswayed.formats import COMMON, Format
from unswayed.formats.registry import presets
from unswayed.interventions.base_thoughts import base_thoughts
from unswayed.pipeline.audit import Run
from unswayed.pipeline.reread import reread_run
from unswayed.store.manifest import run_format
from unswayed.training.config.reward import RewardSettings
from unswayed.training.rewards.score import score_rollout

BOXED = presets()["internvl3"]
ASKED = ["base", "wrong-think", "stop-think", "wrong-caption"]


def ask(format: Format, store: Path | None = None, spec: str = "scripted:caption-follower:p=0.5") -> Run:
    questions = load_questions("scenes", limit=40)
    return asyncio.run(audit(open_backend(spec, questions), questions, ASKED, format=format, store=store))


@pytest.fixture(scope="module")
def boxed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return ask(BOXED, tmp_path_factory.mktemp("boxed") / "run")


def test_a_respondent_is_measured_alike_in_two_formats(boxed: Run) -> None:
    common = ask(COMMON)
    for first, second in zip(common.summary().rows, boxed.summary().rows, strict=True):
        assert first.measures["accuracy"] == second.measures["accuracy"]
        assert first.measures["p_correct"].value == pytest.approx(second.measures["p_correct"].value)
    assert not set(common.trials["key"].to_pylist()) & set(boxed.trials["key"].to_pylist())


def test_texts_and_prefills_have_the_formats_marks(boxed: Run) -> None:
    for row in boxed.trials.to_pylist():
        turn = row["prefill"] + row["text"]
        assert turn.startswith("<think>\n")
        assert "\n</think>\n\n\\boxed{(" in turn
        assert row["state"] == "ok"


def test_the_run_knows_its_format(boxed: Run) -> None:
    assert boxed.path is not None
    assert run_format(Run.load(boxed.path).manifest) == BOXED
    assert "format" not in ask(COMMON).manifest["asks"]
    with pytest.raises(RunChanged, match="format"):
        ask(COMMON, boxed.path)
    result = asyncio.run(reread_run(boxed.path))
    assert (result.changed, result.thoughts_changed) == (0, 0)
    thoughts = base_thoughts(boxed.trials, boxed.manifest, lambda sha256, uid: None)
    assert len(thoughts) == 40
    assert {each.format for each in thoughts} == {BOXED}


def test_a_format_without_a_thought_asks_no_prefill() -> None:
    run = ask(presets()["direct"])
    rows = {row.condition: row for row in run.summary().rows}
    assert rows["base"].states["ok"] == 40
    assert rows["wrong-think"].states["not-asked"] == rows["stop-think"].states["not-asked"] == 40
    errors = {row["error"] for row in run.trials.to_pylist() if row["state"] == "not-asked"}
    assert errors == {"the prompt format direct has no thought that could be prefilled"}


def test_other_stop_strings_than_the_common_ones_are_kept() -> None:
    assert ask(BOXED).manifest["asks"]["sampling"]["stop"] == []
    assert ask(presets()["glm-4.5v"]).manifest["asks"]["sampling"]["stop"] == ["<|end_of_box|>"]


@pytest.mark.parametrize("format", [f for f in presets().values() if f.thought], ids=lambda f: f.name)
def test_rewards_read_the_format(format: Format) -> None:
    question = next(iter(load_questions("scenes", limit=1)))
    gold, right = question.gold, f"({'ABCDEF'[question.gold]})"
    thought = f"Look. So it is {question.options[gold]}."
    for prefill in ("", format.begin("Look.")):
        text = format.write(thought, right).removeprefix(prefill)
        reward = score_rollout(
            text, question, question.options, "stop", RewardSettings(), prefill=prefill, format=format
        )
        assert (reward.format, reward.correct, reward.consistent) == (1.0, 1.0, 1.0)


def test_folders_name_other_formats() -> None:
    assert run_name("m", "scenes") == "m-scenes"
    assert run_name("m", "scenes", BOXED) == "m-scenes-internvl3"


class Tokenizer:
    bos_token = None
    unk_token_id = 0

    def __init__(self, tokens: tuple[str, ...]) -> None:
        self._tokens = tokens

    def convert_tokens_to_ids(self, token: str) -> int:
        return 1 if token in self._tokens else 0


class Processor:
    """A chat template that begins the assistant's turn with `opening`."""

    chat_template = "a template"
    image_token = ""

    def __init__(self, opening: str, tokens: tuple[str, ...] = ()) -> None:
        self._opening = opening
        self.tokenizer = Tokenizer(tokens)

    def apply_chat_template(self, messages: list[dict[str, Any]], **_: Any) -> str:
        turns = (f"{m['role']}: {''.join(part['text'] for part in m['content'])}" for m in messages)
        return "\n".join([*turns, f"assistant: {self._opening}"])


BOX_TOKENS = ("<|begin_of_box|>", "<|end_of_box|>")


@pytest.mark.parametrize(
    ("opening", "tokens", "name", "reason"),
    [
        ("", (), "common", ""),
        ("<think>\n", (), "common", ""),
        ("<think>\n", (), "qwen3-vl-thinking", ""),
        ("<think>\n", (), "internvl3", ""),
        ("<think>\n", (), "answer-line", ""),
        ("", BOX_TOKENS, "glm-4.5v", ""),
        ("◁think▷", (), "kimi-vl-thinking", ""),
        ("", (), "qwen3-vl-thinking", "which opens none"),
        ("<think>\n\n</think>\n\n", (), "qwen3-vl-thinking", "turns thinking off"),
        ("[THINK]", (), "common", "opens a thought with '[THINK]', which it does not read"),
        ("<seed:think>", (), "internvl3", "which it does not read"),
        ("", (), "glm-4.5v", "'<|begin_of_box|>' is no token"),
        ("", (), "gemma-channel", "'<|channel>' is no token"),
    ],
)
def test_a_format_must_fit_the_chat_template(
    opening: str, tokens: tuple[str, ...], name: str, reason: str
) -> None:
    renderer = Renderer(Processor(opening, tokens), "some-model")
    if not reason:
        renderer.check_format(presets()[name])
        return
    with pytest.raises(BadInput, match=f"some-model: the prompt format {name} does not fit") as error:
        renderer.check_format(presets()[name])
    assert reason in str(error.value)


@pytest.mark.parametrize("name", ["qwen3-vl-thinking", "internvl3", "common"])
def test_a_prefill_takes_the_place_of_the_templates_opening(name: str) -> None:
    format = presets()[name]
    renderer = Renderer(Processor("<think>\n"), "some-model")
    prompt = Prompt(format.system, "Which?", format.begin("I see."), (), ("a", "b"), format=format)
    assert renderer.render(prompt).text.endswith("assistant: " + format.begin("I see."))
    plain = renderer.render(Prompt(format.system, "Which?", "", (), ("a", "b"), format=format))
    assert plain.template_opening == "<think>\n"
