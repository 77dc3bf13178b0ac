"""A config for verl: prompts, prefills and rewards are those of our own trainer; what differs is refused."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

pytest.importorskip("transformers")
from transformers import AutoProcessor

from cli_in_process import run
from places import ROOT
from unswayed.backends.rendering import Renderer
from unswayed.benchmarks import registry
from unswayed.conditions import Prompt
from unswayed.errors import BadInput
from unswayed.pebble import weights
from unswayed.question import Image, Question
from unswayed.training.augmentation import build_prompt
from unswayed.training.config.augmentation import AugmentSettings
from unswayed.training.config.floors import FloorSettings
from unswayed.training.config.grpo import GrpoConfig, GrpoSettings
from unswayed.training.config.loader import load_config
from unswayed.training.config.reward import RewardSettings
from unswayed.training.rewards.score import score_rollout
from unswayed.training.verl.export import export_for_verl
from unswayed.training.verl.prefill import continue_prefill
from unswayed.training.verl.reward import read_settings, score_response
from unswayed.training.verl.rows import data_rows
from unswayed.training.verl.settings import check, command_line, reward_json, verl_options

SHARES = AugmentSettings(wrong_caption=0.2, correct_caption=0.2, wrong_think=0.2, correct_think=0.2)
CONFIG = GrpoConfig(augment=SHARES, reward=RewardSettings(consistency=0.5))
TEXTS = (
    "<think>I look. So it is {0}.</think><answer>({1})</answer>",
    "<think>So it is {0}.</think><answer>(B)</answer>",
    " But I look again. So it is {0}.</think><answer>({1})</answer>",
    "<answer>({1})</answer>",
    "<think>I look",
    "\x00<think></think><answer>(A) or (B)</answer>",
)


@pytest.fixture(scope="module")
def questions() -> tuple[Question, ...]:
    return registry.load("scenes", split="train", limit=24, seed=3).items


def test_prompts_are_those_of_our_own_trainer(questions: tuple[Question, ...]) -> None:
    rows = list(data_rows(questions, CONFIG))
    assert {row["extra_info"]["condition"] for row in rows} == {"base", *SHARES.by_condition()} - {
        name for name, share in SHARES.by_condition().items() if not share
    }
    for question, row in zip(questions, rows, strict=True):
        images = tuple(image.read() for image in question.images)
        own = build_prompt(question, row["extra_info"]["condition"], CONFIG.seed, images).prompt
        *system, user = row["prompt"]
        assert [m["content"] for m in system] == [own.system]
        assert user["content"] == "<image>" + own.text
        assert [image["bytes"] for image in row["images"]] == list(own.images)
        assert row["extra_info"]["prefill"] == own.prefill


OPENED = "{% for m in messages %}{{ m['role'] }}: {% for p in m['content'] %}{{ p['text'] }}{% endfor %}\n"
OPENED += "{% endfor %}{% if add_generation_prompt %}assistant: <think>\n{% endif %}"


@pytest.mark.parametrize("template", ["", OPENED])
@pytest.mark.parametrize("prefill", ["", "<think>So it is red.", "<think>Stop.</think>"])
def test_a_prefill_stays_open_behind_any_template(template: str, prefill: str) -> None:
    processor = AutoProcessor.from_pretrained(weights())
    if template:
        processor.chat_template = processor.tokenizer.chat_template = template
    tokenizer = processor.tokenizer
    prompt = Prompt("Think.", "Which colour?", prefill, (), ("red", "blue"))
    whole = Renderer(processor, "pebble").render(prompt)
    bare = Renderer(processor, "pebble").render(replace(prompt, prefill=""))
    tokens = tokenizer(bare.text, add_special_tokens=False)["input_ids"]
    continued = continue_prefill(tokenizer, tokens, prefill)
    assert continued == tokenizer(whole.text, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("combine", ["additive", "multiplicative", "gated"])
@pytest.mark.parametrize("finish", ["stop", "length"])
def test_rewards_are_those_of_our_own_trainer(
    questions: tuple[Question, ...], combine: str, finish: str, tmp_path: Path
) -> None:
    settings = RewardSettings(combine=combine, consistency=0.0 if combine == "multiplicative" else 0.5)  # type: ignore[arg-type]
    config = replace(CONFIG, reward=settings)
    export_for_verl(config, questions, (), tmp_path)
    totals = set()
    for question, row in zip(questions, pq.read_table(tmp_path / "train.parquet").to_pylist(), strict=True):
        info = row["extra_info"]
        prompt = build_prompt(question, info["condition"], config.seed, ()).prompt
        for template in TEXTS:
            text = template.format(question.options[question.gold], question.letters[question.gold])
            own = score_rollout(text, question, prompt.options, finish, settings, prefill=prompt.prefill)
            theirs = score_response(info, text, finish, read_settings(reward_json(settings)))
            assert theirs == {"score": own.total, **own.parts()}
            totals.add(own.total)
    assert len(totals) > 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"reward": RewardSettings(finish=0.5)}, "reward.finish"),
        ({"reward": RewardSettings(judge="reader", consistency=0.5)}, "reward.judge = 'reader'"),
        ({"augment": AugmentSettings(wrong_think=0.5, correct_think=0.5, groups="paired")}, "paired"),
        ({"floors": FloorSettings(entropy=0.1)}, "floors"),
        ({"grpo": GrpoSettings(loss="cispo")}, "grpo.loss = 'cispo'"),
        ({"grpo": GrpoSettings(scale_rewards="batch")}, "grpo.scale_rewards"),
    ],
)
def test_what_the_adapter_does_not_have_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        check(replace(CONFIG, **changes))  # type: ignore[arg-type]


def test_a_text_that_verl_takes_for_a_picture_is_refused(questions: tuple[Question, ...]) -> None:
    question = replace(questions[0], text="What does <image> show?", images=(Image.of(b"x"),))
    with pytest.raises(BadInput, match="<image>"):
        list(data_rows([question], CONFIG))


def test_the_command_writes_a_script_that_bash_reads(tmp_path: Path) -> None:
    out = tmp_path / "a folder"
    config = ROOT / "configs" / "pebble-smoke.toml"
    done = run("train", config, "--engine", "verl", "--out", out)
    assert done.returncode == 0, done.stderr
    assert subprocess.run(["bash", "-n", out / "run.sh"]).returncode == 0
    words = shlex.split((out / "run.sh").read_text().split("main_ppo", 1)[1])
    assert f"data.train_files='{out}/train.parquet'" in words
    (line,) = [line for line in (out / "run.sh").read_text().splitlines() if "UNSWAYED_VERL_REWARD" in line]
    stored = shlex.split(line)[1].partition("=")[2]
    assert read_settings(stored) == load_config(config, []).reward
    refused = run("train", config, "--engine", "verls", "--out", out)
    assert (refused.returncode, "--engine is 'verls'" in refused.stderr) == (2, True)


def test_options_are_read_by_verls_own_configuration(tmp_path: Path) -> None:
    pytest.importorskip("verl")
    from hydra import compose, initialize_config_module

    options = verl_options(CONFIG, tmp_path)
    with initialize_config_module("verl.trainer.config", version_base=None):
        config = compose("ppo_trainer", overrides=list(command_line(options)))
    assert config.actor_rollout_ref.rollout.n == CONFIG.grpo.num_generations
    assert config.data.train_files == str(tmp_path / "train.parquet")
    assert list(config.actor_rollout_ref.actor.checkpoint.save_contents)[-1] == "hf_model"
