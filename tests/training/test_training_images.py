"""GRPO with several images per prompt, whose tensors each family of models lays out differently."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("trl")

from test_training_grpo import HALF, Length, config

import tiny_models
from unswayed.backends.transformers import loading
from unswayed.benchmarks import registry
from unswayed.question import Question

KINDS = {"llava": tiny_models.llava, "qwen": tiny_models.qwen, "idefics": tiny_models.idefics}
SHARES = {"qwen"}
"""Families whose inputs can be split by row with any number of images."""


def questions(counts: list[int]) -> list[Question]:
    """Scenes with so many images each; further images are those of the next questions."""
    scenes = registry.load("scenes", split="train", limit=len(counts) + 2).items
    return [
        replace(scenes[i], images=sum((scenes[i + k].images for k in range(n)), ()))
        for i, n in enumerate(counts)
    ]


def trainer(folder: Path, out: Path, counts: list[int], lines: list[str], **grpo: Any) -> Any:
    path = str(folder)
    torch.manual_seed(0)
    model = loading.load_model(
        path, loading.load_config(path), dtype=torch.float32, revision=None, trust_remote_code=False
    )
    how = config(augment=HALF, prompts=len(counts) // 2, num_generations=4, **grpo)
    return Length(model, loading.load_processor(path), questions(counts), how, out, on_message=lines.append)


@pytest.fixture(scope="module", params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folder(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return KINDS[kind](tmp_path_factory.mktemp("tiny"))


@pytest.mark.parametrize("counts", [[2, 2, 2, 2], [1, 2, 2, 1]], ids=["two", "mixed"])
def test_prompts_with_several_images_are_trained(
    kind: str, folder: Path, tmp_path: Path, counts: list[int]
) -> None:
    """As TRL trains them, unshared where the layout does not allow it, and that is said once."""
    logs = []
    for share in (True, False):
        lines: list[str] = []
        made = trainer(folder, tmp_path / str(share), counts, lines, share_prompts=share, micro_batch=4)
        torch.manual_seed(5)
        made.train()
        logs.append([line for line in made.state.log_history if "loss" in line])
        assert len(lines) == int(share and kind not in SHARES), lines
        assert all("are not shared between rollouts" in line for line in lines)
    assert len(logs[0]) == 2
    for a, b in zip(*logs, strict=True):
        for name in ("loss", "grad_norm", "entropy", "reward"):
            assert a[name] == pytest.approx(b[name], rel=2e-3, abs=1e-6), name
        assert a["grad_norm"] > 0


def test_several_images_may_come_at_a_later_step_and_when_resuming(
    kind: str, folder: Path, tmp_path: Path
) -> None:
    counts = [1, 1, 1, 2, 2, 1, 2, 2]
    lines: list[str] = []
    whole = trainer(folder, tmp_path / "whole", counts, lines, steps=4)
    whole.args.save_steps, whole.args.save_total_limit = 1, None
    whole.train()
    logs = {line["step"]: line for line in whole.state.log_history if "loss" in line}
    assert set(logs) == {1, 2, 3, 4}
    assert len(lines) <= 1
    again = trainer(folder, tmp_path / "whole", counts, lines, steps=4)
    again.train(resume_from_checkpoint=str(tmp_path / "whole" / "checkpoint-2"))  # the end of a pass
    for line in again.state.log_history:
        if "loss" in line:
            same = {k: v for k, v in line.items() if k in ("loss", "reward", "entropy", "grad_norm")}
            assert same == {k: logs[line["step"]][k] for k in same}, json.dumps(line)
