"""`--check`: what would be done, without weights; what would be refused is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("trl")

from typer.testing import CliRunner

from places import ROOT
from unswayed.cli import app
from unswayed.errors import BadInput, MissingExtra, RunChanged
from unswayed.training import session
from unswayed.training.config.grpo import GrpoConfig
from unswayed.training.config.loader import build_config, load_config
from unswayed.training.grpo import run
from unswayed.training.grpo.arguments import grpo_arguments
from unswayed.training.grpo.dry_run import describe_training

CONFIGS = ROOT / "configs"
DRAWN = (
    "data.benchmark=scenes",
    "data.mixture={}",
    "data.folders={}",
    "audit.benchmark=scenes",
    "audit.split=dev",
)


def test_the_large_config_is_told_without_its_model_or_data(tmp_path: Path) -> None:
    config = load_config(CONFIGS / "qwen2.5-vl-7b.toml", DRAWN)
    lines = dict(describe_training(config, tmp_path / "a"))
    assert lines["arm"] == "grpo+aug, seed 0"
    assert lines["model"].startswith("Qwen/Qwen2.5-VL-7B-Instruct: from the Hub")
    counts, _, expected = run.load_data(config)
    assert expected["base"] < len(counts)
    assert f"base {expected['base']} " in lines["conditions"]
    assert "1000 of 64 questions × 8 rollouts" in lines["steps"]
    assert lines["audits"].startswith("5, every 250 steps: 256 questions of scenes × 6 conditions")
    assert not (tmp_path / "a").exists()


def test_by_the_command_line_and_what_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "a"
    args = ["train", str(CONFIGS / "pebble-smoke.toml"), "--check", "--out", str(out)]
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 0, result.output
    assert ": new" in result.output
    assert not out.exists()
    smoke = CONFIGS / "pebble-smoke.toml"
    for change, error, match in (
        ("audit.split=train", BadInput, "are trained on"),
        ("audit.conditions=['bse']", BadInput, "unknown condition 'bse'"),
        ("grpo.prompts=65", BadInput, "a step takes"),
        ("data.benchmark=none.tsv", BadInput, "none.tsv"),
    ):
        with pytest.raises(error, match=match):
            describe_training(load_config(smoke, [change, "audit.seed=0"]), out)
    out.mkdir()
    (out / "config.json").write_text('{"grpo": {"lr": 0.5}}')
    with pytest.raises(RunChanged, match=r"grpo.lr: 0.5, now 1e-05"):
        describe_training(load_config(smoke), out)


def test_what_a_config_names_and_is_not_there_is_told_before_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = session.find_spec
    gone = ("tensorboard", "tensorboardX", "vllm")
    monkeypatch.setattr(session, "find_spec", lambda name: None if name in gone else real(name))
    config = load_config(CONFIGS / "pebble-smoke.toml", ["save.report_to=['tensorboard']", "grpo.vllm=true"])
    lines = [how for what, how in describe_training(config, tmp_path / "a") if what == "missing"]
    needs = [line.split(":")[0] for line in lines]
    assert needs == ["save.report_to needs tensorboard", "grpo.vllm needs vllm"]
    with pytest.raises(MissingExtra, match="pip install tensorboard"):
        run.train(config, tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_the_learning_rate_rises_under_every_schedule(tmp_path: Path) -> None:
    """What transformers calls constant takes no notice of a warmup."""
    import torch
    from transformers.optimization import get_scheduler

    for schedule in ("constant", "linear", "cosine"):
        how = grpo_arguments(
            build_config({"grpo": {"schedule": schedule, "warmup": 4, "steps": 8}}), tmp_path
        )
        adam = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        rates = get_scheduler(
            how.lr_scheduler_type, adam, num_warmup_steps=how.warmup_steps, num_training_steps=8
        )
        seen = []
        for _ in range(5):
            seen.append(rates.get_last_lr()[0])
            adam.step()
            rates.step()
        assert seen == pytest.approx([0, 0.25, 0.5, 0.75, 1.0]), schedule


def test_a_run_has_one_name_for_trackers_and_another_run_another(tmp_path: Path) -> None:
    names = [grpo_arguments(GrpoConfig(), tmp_path / each).run_name for each in ("a", "a", "b")]
    assert names[0] == names[1] != names[2]
    assert names[0].startswith("grpo-seed-0-")
