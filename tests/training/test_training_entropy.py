"""A floor under entropy: the bonus that it asks for is in the loss as written, condition by condition."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("trl")

from test_training_grpo import HALF, NEW, Length, build, folder  # noqa: F401 - a fixture

from unswayed.errors import BadInput
from unswayed.training.config.grpo import GrpoConfig
from unswayed.training.config.loader import build_config
from unswayed.training.grpo.multipliers import FloorSettings, Multipliers
from unswayed.training.grpo.run import train
from unswayed.training.grpo.trainer import CONDITIONS


def config(floors: dict[str, float] | None = None, **grpo: Any) -> GrpoConfig:
    grpo = {"steps": 2, "prompts": 8, "num_generations": 4, "max_tokens": NEW, "lr": 1e-3} | grpo
    return build_config({"grpo": grpo, "augment": HALF, "floors": floors or {}, "audit": {"every": 0}})


def gradients(trainer: Any, parts: list[dict[str, Any]]) -> tuple[float, dict[str, torch.Tensor]]:
    """Loss and gradient of a step in some micro-batches."""
    trainer.model.zero_grad()
    trainer.current_gradient_accumulation_steps = len(parts)
    total = 0.0
    for place, part in enumerate(parts):
        trainer.accelerator.gradient_state._set_sync_gradients(place == len(parts) - 1)
        loss = trainer._compute_loss(trainer.model, part)
        loss.backward()
        total += loss.item()
    return total, {n: p.grad.clone() for n, p in trainer.model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("parts", [1, 2])
def test_the_bonus_is_as_written(folder: Path, tmp_path: Path, parts: int) -> None:  # noqa: F811
    """L - Σ_c λ_c mean_i∈c mean_t H: value and gradient, in one batch or in micro-batches."""
    trainer = build(folder, tmp_path, config({"entropy": 5.0, "rate": 0.1}), Length)
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = 1
    inputs = trainer._generate_and_score_completions(trainer.data_collator([{"place": i} for i in range(32)]))
    names = [CONDITIONS[i] for i in inputs["condition"].tolist()]
    assert len(set(names)) >= 3
    assert inputs["condition_weight"].sum().item() == pytest.approx(len(set(names))), (
        "each condition's add up to 1"
    )
    half = len(names) // parts
    batches = [
        {k: v[i : i + half] if getattr(v, "shape", [len(names)]) else v for k, v in inputs.items()}
        for i in range(0, len(names), half)
    ]
    trainer._multipliers.values = {}
    plain, without = gradients(trainer, batches)
    means = {c: trainer._multipliers.means[f"{c}/entropy"] for c in set(names)}
    raised = trainer._multipliers.values
    assert raised == {f"{c}/entropy": pytest.approx(0.1 * (5.0 - means[c])) for c in set(names)}

    weights = {c: 0.3 + 0.2 * place for place, c in enumerate(sorted(set(names)))}
    trainer._multipliers.values = {f"{c}/entropy": weight for c, weight in weights.items()}
    value, found = gradients(trainer, batches)
    assert value == pytest.approx(plain - sum(weights[c] * means[c] for c in weights), rel=1e-4)

    model = trainer.model
    model.zero_grad()
    ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], 1)
    mask = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], 1)
    logits = model(input_ids=ids, attention_mask=mask, pixel_values=inputs["pixel_values"]).logits
    logp = logits[:, inputs["prompt_ids"].shape[1] - 1 : -1].float().log_softmax(-1)
    entropy, kept = -(logp.exp() * logp).sum(-1), inputs["completion_mask"]
    each = (entropy * kept).sum(1) / kept.sum(1)
    bonus = torch.tensor(0.0)
    for condition, weight in weights.items():
        rows = torch.tensor([name == condition for name in names])
        assert each[rows].mean().item() == pytest.approx(means[condition], rel=1e-4)
        bonus = bonus + weight * each[rows].mean()
    (-bonus).backward()
    largest = 0.0
    for name, p in model.named_parameters():
        if p.grad is not None:
            torch.testing.assert_close(found[name] - without[name], p.grad, rtol=1e-3, atol=1e-5, msg=name)
            largest = max(largest, p.grad.abs().max().item())
    assert largest > 1e-3


def test_credit_stays_trls_own_under_a_floor_that_is_met_otherwise() -> None:
    floors = FloorSettings(entropy=0.2)
    assert (floors.active, floors.in_advantages, floors.needs_frozen_model) == ({"entropy": 0.2}, (), False)
    assert FloorSettings(entropy=0.2, words=6).in_advantages == ("words",)
    assert build_config({"floors": {"entropy": 0.1}, "reward": {"segments": True}}).floors.entropy == 0.1
    with pytest.raises(BadInput, match=r"floors\.entropy is -1"):
        FloorSettings(entropy=-1.0)
    duals = Multipliers(FloorSettings(entropy=0.2, words=6, rate=0.5))
    duals.update({"entropy": [0.1]}, ["base"])
    assert duals.values == {"base/entropy": pytest.approx(0.05)}, "the other floor has no signal"


def test_entropy_is_higher_with_a_floor_and_a_stopped_run_goes_on_with_it(
    folder: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    """A random model's entropy, under a floor above it."""

    def how(floor: float) -> GrpoConfig:
        return build_config(
            {
                "model": {"path": str(folder)},
                "data": {"limit": 16},
                "augment": HALF,
                "grpo": {"steps": 8, "prompts": 2, "num_generations": 4, "max_tokens": 4, "lr": 1e-3},
                "floors": {"entropy": floor, "rate": 1.0},
                "audit": {"every": 0},
            }
        )

    def metrics(out: Path) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
        return [{k: v for k, v in line.items() if k not in ("step_time", "train_runtime")} for line in lines]

    assert train(how(9.0), tmp_path / "floor")
    assert train(how(0.0), tmp_path / "none")
    with_it, without = (metrics(tmp_path / name)[-1]["entropy"] for name in ("floor", "none"))
    assert with_it > without + 0.01
    assert any(name.endswith("/dual_entropy") for name in metrics(tmp_path / "floor")[-1])
    assert not train(how(9.0), tmp_path / "parts", until=3)
    assert train(how(9.0), tmp_path / "parts")
    assert metrics(tmp_path / "parts") == metrics(tmp_path / "floor")
