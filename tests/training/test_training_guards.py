"""What stops a training before its last step, what is kept then, and how it goes on."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

pytest.importorskip("trl")

from test_training_run import SMOKE, folder, metrics, same, settings, weights  # noqa: F401 - a fixture

from unswayed.cli import main
from unswayed.errors import BadInput
from unswayed.report.study.records import load as load_report
from unswayed.store.study_records import FAILED
from unswayed.training.collapse import CollapseDetector
from unswayed.training.config.grpo import GuardSettings
from unswayed.training.grpo.run import train
from unswayed.training.grpo.trainer import ConditionedGRPOTrainer
from unswayed.training.guards import Collapsed, TrainingMonitor
from unswayed.training.run_dir import last_checkpoint

GOOD = {"reward": 0.5, "entropy": 0.1, "completions/mean_length": 40.0}
GOOD |= {"base/dead_groups": 0.25, "wrong-think/dead_groups": 1.0, "base/correct": 0.6}
POOR = GOOD | {"reward": 0.04}
ALIKE = GOOD | {"entropy": 1e-6, "base/dead_groups": 1.0}


def ended(steps: list[dict[str, float]], **guard: Any) -> tuple[int, str] | None:
    alarm = CollapseDetector(GuardSettings(**({"patience": 3} | guard)))
    for step, logs in enumerate(steps, 1):
        if reason := alarm.update(step, logs):
            return step, reason
    return None


def test_a_collapse_that_lasts_is_told_from_a_bad_step() -> None:
    assert ended([GOOD] * 50) is None
    assert ended([GOOD] * 3 + [POOR, POOR, GOOD] * 9) is None, "no three in a row"
    assert ended([POOR] * 50) is None, "what never was good cannot fall"
    said = "since step 6 the mean reward is below 0.05; its best was 0.5"
    assert ended([GOOD] * 5 + [POOR] * 9) == (8, said)
    found = ended([GOOD] * 3 + [ALIKE] * 3)
    assert found is not None
    assert "the entropy is below 0.0001 nats and every group has equal rewards" in found[1]
    assert ended([GOOD] * 3 + [POOR, ALIKE] * 9) is None, "each must last by itself"
    assert ended([GOOD] * 5 + [POOR] * 9, patience=0) is None
    assert ended([GOOD] * 5 + [POOR] * 9, reward=0.0) is None
    assert ended([GOOD] * 5 + [ALIKE] * 9, entropy=0.0) is None


def test_what_a_study_may_be_there_to_see_is_no_collapse() -> None:
    sure = ALIKE | {"base/dead_groups": 0.5}
    assert ended([GOOD] * 3 + [sure] * 50) is None, "there is something to learn from"
    learnt = ALIKE | {"base/correct": 0.95, "reward": 1.05}
    assert ended([GOOD] * 3 + [learnt] * 50) is None, "there was nothing left to learn"
    short = GOOD | {"completions/mean_length": 3.0}
    assert ended([GOOD] * 3 + [short] * 50) is None, "as long as it is paid"
    assert "rollouts have fewer than 4 tokens" in str(ended([GOOD] * 3 + [short] * 50, length=0.1))


def test_default_settings_stop_no_healthy_run() -> None:
    """Noisy pay that rises, stays or is rare, entropies down to a hundredth of a nat, shrinking thoughts."""
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    for kind in ("rises", "stays", "rare", "negative"):
        steps = []
        for step in range(600):
            rare = 0.1 * (rng.random() < 0.02 and step < 200)
            level = {"rises": 0.3 + step / 900, "stays": 0.35, "rare": rare, "negative": -0.1}[kind]
            reward = level + (rng.uniform(-0.25, 0.25) if kind != "rare" else 0.0)
            steps.append(
                {
                    "reward": reward,
                    "entropy": max(0.01, 0.3 - step / 1000) * rng.uniform(0.3, 1.5),
                    "completions/mean_length": 300 * 0.99**step + 4,
                    "base/dead_groups": float(rng.random() < 0.9),
                    "base/correct": max(0.0, reward),
                }
            )
        assert ended(steps, patience=GuardSettings().patience) is None, kind
    assert ended([*steps[:100], *[GOOD | {"reward": float("nan")}] * 100], patience=50) is None


class Control(SimpleNamespace):
    should_save = should_training_stop = False


def test_a_checkpoint_that_is_due_in_a_bad_row_waits_for_its_end(tmp_path: Path) -> None:
    watch = TrainingMonitor(
        tmp_path / "m.jsonl", detector=lambda: CollapseDetector(GuardSettings(patience=4)), patience=4
    )
    saved = []
    for step in range(1, 13):
        control, state = Control(should_save=step % 3 == 0), SimpleNamespace(global_step=step, max_steps=99)
        watch.on_step_end(None, state, control)
        watch.on_log(None, state, control, logs={"loss": 0.0} | (POOR if step in (5, 6, 7, 9) else GOOD))
        if control.should_save:
            saved.append(step)
    assert saved == [3, 8, 10, 12]


@pytest.fixture
def collapsing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pay that is gone from the fourth step on."""
    real = ConditionedGRPOTrainer.reward

    def paid(self: Any, *args: Any, **more: Any) -> list[float]:
        return [float(self.state.global_step < 3) + i / 100 for i in range(len(real(self, *args, **more)))]

    monkeypatch.setattr(ConditionedGRPOTrainer, "reward", paid)


def kept(out: Path) -> list[str]:
    return sorted(each.name for each in (out / "checkpoints").glob("checkpoint-*"))


@pytest.mark.usefixtures("collapsing")
def test_a_collapsed_run_keeps_the_checkpoint_before_it_and_may_go_on(
    folder: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    more = ("grpo.steps=7", "save.every=1", "save.keep=9", "audit.every=5", "guard.patience=3")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    words = [word for change in settings_of(folder, *more) for word in ("-s", change)]
    monkeypatch.setattr(sys, "argv", ["unswayed", "train", str(SMOKE), "-o", str(whole), *words])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    assert "step 6: since step 4 the mean reward" in " ".join(capsys.readouterr().err.split())
    assert kept(whole) == ["checkpoint-1", "checkpoint-2", "checkpoint-3"]
    assert len(metrics(whole)) == 6, "what was seen is there to be looked at"
    assert not (whole / "model").exists()
    assert "since step 4" in (whole / FAILED).read_text()
    (run,) = load_report(whole).runs
    assert run.state == "failed"
    assert "since step 4 the mean reward" in run.reason

    assert not train(settings(folder, *more), parts, until=2)
    assert not train(settings(folder, *more), parts, until=5)
    with pytest.raises(Collapsed, match="step 6: since step 4"):
        train(settings(folder, *more), parts)
    assert kept(parts)[-1] == "checkpoint-5", "saved because that was asked for"
    assert metrics(parts) == metrics(whole), "the alarm is as if the run had not been stopped"

    for out in (whole, parts):
        assert train(settings(folder, *more, "guard.patience=0"), out), "the guard alone may change"
        assert not (out / FAILED).exists()
    assert same(weights(whole), weights(parts))
    assert json.loads((whole / "config.json").read_text())["guard"]["patience"] == 0


def settings_of(folder: Path, *changes: str) -> list[str]:  # noqa: F811
    from test_training_run import TINY

    return [f"model.path={folder}", *TINY, *changes]


def test_a_memory_that_ran_out_says_which_setting_to_lower(
    folder: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = ConditionedGRPOTrainer.compute_loss

    def full(self: Any, *args: Any, **more: Any) -> Any:
        if self.state.global_step == 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return real(self, *args, **more)

    monkeypatch.setattr(ConditionedGRPOTrainer, "compute_loss", full)
    with pytest.raises(BadInput, match=r"lower grpo.micro_batch first \(now 8 rollouts at a time\)"):
        train(settings(folder, "audit.every=0", "save.every=1"), tmp_path / "a")
    assert "out of memory" in (tmp_path / "a" / FAILED).read_text()
    monkeypatch.undo()
    assert train(settings(folder, "audit.every=0", "save.every=1"), tmp_path / "a"), "and goes on"


def test_rollouts_used_twice_are_not_parted_by_a_stop(folder: Path, tmp_path: Path) -> None:  # noqa: F811
    more = ("grpo.iterations=2", "audit.every=0", "save.every=3", "grpo.steps=6")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert train(settings(folder, *more), whole)
    assert not train(settings(folder, *more), parts, until=1)
    assert kept(parts) == ["checkpoint-2"], "the rollouts were to be used once more"
    assert not train(settings(folder, *more), parts, until=4)
    assert last_checkpoint(parts / "checkpoints") == parts / "checkpoints" / "checkpoint-4"
    assert train(settings(folder, *more), parts)
    assert metrics(parts) == metrics(whole)
    assert same(weights(parts), weights(whole))
