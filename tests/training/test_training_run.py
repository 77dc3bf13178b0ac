"""A whole training run in a folder: records, resuming, seeds, and what stops it."""

from __future__ import annotations

import asyncio
import json
import math
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch

pytest.importorskip("trl")

from safetensors.torch import load_file
from test_training_reader import Finder
from typer.testing import CliRunner

import tiny_models
from places import ROOT
from unswayed import pebble
from unswayed.backends import open_backend
from unswayed.benchmarks import registry
from unswayed.cli import app, main
from unswayed.errors import BadInput, RunChanged
from unswayed.metrics import MEASURES
from unswayed.metrics.catalogue import IN_TRAINING
from unswayed.pipeline.audit import Run, audit
from unswayed.store.atomic_files import Lock
from unswayed.store.study_records import DYNAMICS
from unswayed.training import evaluation
from unswayed.training.blind_reader import BlindReader
from unswayed.training.collapse import CollapseDetector
from unswayed.training.config.grpo import GrpoConfig, GuardSettings
from unswayed.training.config.loader import load_config
from unswayed.training.evaluation import DynamicsRow, DynamicsTable
from unswayed.training.grpo.run import train
from unswayed.training.guards import Diverged, TrainingMonitor
from unswayed.training.run_dir import last_checkpoint

SMOKE = ROOT / "configs" / "pebble-smoke.toml"
# A random model is never paid; the entropy bonus gives it something to follow.
TINY = ["grpo.max_tokens=6", "audit.max_tokens=6", "grpo.entropy_coef=0.1", "grpo.lr=1e-3", "audit.limit=3"]
TIMES = {"step_time", "train_runtime", "seconds"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return tiny_models.llava(tmp_path_factory.mktemp("tiny"))


def settings(folder: Path, *changes: str) -> GrpoConfig:
    return load_config(SMOKE, [f"model.path={folder}", *TINY, *changes])


def metrics(out: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in TIMES} for line in lines]


def weights(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "model" / "model.safetensors")


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.fixture(scope="module")
def whole(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smoke config by the command line."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    changes = [word for change in (f"model.path={folder}", *TINY) for word in ("--set", change)]
    result = CliRunner().invoke(app, ["train", str(SMOKE), "--out", str(out), *changes])
    assert result.exit_code == 0, result.output
    assert "step 4: base" in result.output
    return out


def test_records_checkpoint_and_audits_are_there(whole: Path, folder: Path) -> None:
    assert [line["step"] for line in metrics(whole)] == [1, 2, 3, 4]
    assert any(name.endswith("/correct") for name in metrics(whole)[0])
    assert last_checkpoint(whole / "checkpoints") == whole / "checkpoints" / "checkpoint-4"
    assert not same(weights(whole), load_file(folder / "model.safetensors")), "something was trained"
    table = pq.read_table(whole / "dynamics.parquet")
    assert table.schema.equals(DYNAMICS)
    rows = table.to_pylist()
    assert {row["step"] for row in rows} == {0, 2, 4}
    assert {row["condition"] for row in rows} >= {"base", "wrong-caption", "wrong-think"}
    names = {row["measure"] for row in rows}
    assert {n for n in names if not n.startswith(("state_", "health_"))} <= {*MEASURES, *IN_TRAINING}
    assert {"accuracy", "cue_following", "p_correct", "state_ok"} <= names
    assert {(row["arm"], row["seed"]) for row in rows} == {("grpo+aug", 0)}
    manifest = json.loads((whole / "manifest.json").read_text())
    assert sum(manifest["asked"].values()) == manifest["questions"]["n"] == 64


def test_the_distance_to_the_start_grows_from_nothing(whole: Path) -> None:
    values = {(r["step"], r["condition"], r["measure"]): r["value"] for r in DynamicsTable(whole).read()}
    for condition in ("base", "wrong-caption", "wrong-think"):
        assert values[0, condition, "kl_start"] == pytest.approx(0, abs=1e-9), "the first weights"
        assert values[4, condition, "kl_start"] > 1e-6
        assert values[4, condition, "thought_entropy" if "think" in condition else "answer_entropy"] > 0
    for line in metrics(whole):
        apart = [line[f"{part}_entropy"] for part in ("thought", "answer")]
        known = [value for value in apart if value is not None]
        assert min(known) - 1e-6 <= line["entropy"] <= max(known) + 1e-6


def test_the_table_says_what_the_kept_audits_say(whole: Path) -> None:
    for step in (0, 2, 4):
        summary = Run.load(whole / "audits" / f"step-{step:06d}").summary()
        values = {
            (r["condition"], r["measure"]): r["value"]
            for r in DynamicsTable(whole).read()
            if r["step"] == step
        }
        for row in summary.rows:
            assert values[row.condition, "accuracy"] == row.measures["accuracy"].value


def test_an_audit_of_the_saved_model_says_the_same(whole: Path, tmp_path: Path) -> None:
    """Offline, from the folder, with the command that anyone uses."""
    args = ["audit", str(whole / "model"), "--split", "dev", "--limit", "3", "--seed", "1000"]
    args += [
        "--conditions",
        "base,wrong-caption,wrong-think",
        "--max-tokens",
        "6",
        "--out",
        str(tmp_path / "a"),
    ]
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 0, result.output
    keep = ["uid", "condition", "text", "answer", "prompt", "prefill"]
    live, offline = (
        sorted(map(str, run.trials.select(keep).to_pylist()))
        for run in (Run.load(whole / "audits" / "step-000004"), Run.load(tmp_path / "a"))
    )
    assert live == offline


def test_one_seed_gives_one_run_and_audits_leave_no_trace(whole: Path, folder: Path, tmp_path: Path) -> None:
    again, silent, other = (tmp_path / name for name in ("again", "silent", "other"))
    assert train(settings(folder), again)
    assert train(settings(folder, "audit.every=0"), silent)
    assert train(settings(folder, "seed=1", "audit.every=0"), other)
    assert metrics(again) == metrics(whole)
    assert same(weights(again), weights(whole))
    assert DynamicsTable(again).read() == DynamicsTable(whole).read()
    assert metrics(silent) == metrics(whole)
    assert same(weights(silent), weights(whole))
    assert not same(weights(other), weights(whole))


def test_a_stopped_run_goes_on_as_if_it_had_not_been(whole: Path, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "parts"
    assert not train(settings(folder), out, until=1)
    assert not (out / "model").exists()
    asked = iter([False, True])
    assert not train(settings(folder), out, stop=lambda: next(asked))
    # A line and an audit of a step that will be made again, and a checkpoint cut off while written.
    with (out / "metrics.jsonl").open("a") as lines:
        lines.write(json.dumps({"step": 4, "loss": 1.0}) + "\n")
    (out / "checkpoints" / "checkpoint-9").mkdir()
    assert train(settings(folder), out)
    assert metrics(out) == metrics(whole)
    assert same(weights(out), weights(whole))
    assert DynamicsTable(out).read() == DynamicsTable(whole).read()
    before = (out / "metrics.jsonl").stat().st_mtime_ns
    assert train(settings(folder), out), "a finished run is left as it is"
    assert (out / "metrics.jsonl").stat().st_mtime_ns == before


def test_a_folder_of_other_settings_is_refused(whole: Path, folder: Path) -> None:
    with pytest.raises(RunChanged, match=r"grpo.lr: 0.001, now 0.5"):
        train(settings(folder, "grpo.lr=0.5"), whole)


def test_audit_questions_are_not_trained_on(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="are trained on"):
        train(settings(folder, "audit.split=train", "audit.seed=0"), tmp_path / "a")
    assert not (tmp_path / "a").exists(), "nothing is begun that cannot be run"


def test_too_few_questions_for_a_step(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="lower that, or raise"):
        train(settings(folder, "data.limit=1"), tmp_path / "a")


def test_the_smoke_config_as_it_is_shipped(tmp_path: Path) -> None:
    try:
        pebble.weights()
    except BadInput as missing:
        pytest.skip(str(missing))
    assert train(load_config(SMOKE), tmp_path / "a")
    assert any(line["reward"] > 0.1 for line in metrics(tmp_path / "a"))


def test_a_loss_that_is_no_number_stops_the_run(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from unswayed.training.grpo.trainer import ConditionedGRPOTrainer

    real = ConditionedGRPOTrainer.compute_loss

    def broken(self: Any, *args: Any, **more: Any) -> Any:
        loss = real(self, *args, **more)
        return loss * math.nan if self.state.global_step == 2 else loss

    monkeypatch.setattr(ConditionedGRPOTrainer, "compute_loss", broken)
    with pytest.raises(Diverged, match=r"step 3: the loss is nan"):
        train(settings(folder), tmp_path / "a")
    good = last_checkpoint(tmp_path / "a" / "checkpoints")
    assert good is not None
    assert good.name == "checkpoint-2"
    assert all(torch.isfinite(v).all() for v in load_file(good / "model.safetensors").values())


def test_trackers_get_steps_and_audits(folder: Path, tmp_path: Path) -> None:
    """The same numbers as the tables have; and what is logged of a step stays as it is."""
    from transformers import TrainerCallback

    class Tracker(TrainerCallback):  # type: ignore[misc]
        values: list[tuple[int, dict[str, Any]]] = []  # noqa: RUF012

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            self.values.append((state.global_step, dict(logs)))

    from unswayed.training.grpo import trainer as grpo

    real = grpo.ConditionedGRPOTrainer.__init__

    def tracked(self: Any, *args: Any, **more: Any) -> None:
        real(self, *args, **more)
        self.add_callback(Tracker)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grpo.ConditionedGRPOTrainer, "__init__", tracked)
        assert train(settings(folder), tmp_path / "a")
    audits = {step: logs for step, logs in Tracker.values if "audit/base/accuracy" in logs}
    assert set(audits) == {0, 2, 4}
    for row in DynamicsTable(tmp_path / "a").read():
        name = f"audit/{row['condition']}/{row['measure']}"
        assert audits[row["step"]].get(name) == row["value"], name
    steps = {
        step: logs for step, logs in Tracker.values if any(name.endswith("/dead_groups") for name in logs)
    }
    assert list(steps) == [1, 2, 3, 4]
    for line in metrics(tmp_path / "a"):
        assert {name: steps[line["step"]][name] for name in line if "/" in name} == {
            name: value for name, value in line.items() if "/" in name
        }
    assert {name.split("/")[0] for logs in steps.values() for name in logs} >= {"base", "wrong-think"}


def test_tensorboard_has_every_number(folder: Path, tmp_path: Path) -> None:
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    assert train(settings(folder, 'save.report_to=["tensorboard"]'), tmp_path / "a")
    (file,) = (tmp_path / "a").rglob("events.out.tfevents.*")
    found = events.EventAccumulator(str(file.parent), {"scalars": 0})
    found.Reload()
    seen = {(tag, s.step): s.value for tag in found.Tags()["scalars"] for s in found.Scalars(tag)}
    for row in DynamicsTable(tmp_path / "a").read():
        if row["value"] is not None:
            name = f"train/audit/{row['condition']}/{row['measure']}"
            assert seen[name, row["step"]] == pytest.approx(row["value"], rel=1e-6, abs=1e-9), name
    for line in metrics(tmp_path / "a"):
        for name in (name for name in line if "/" in name):
            assert seen[f"train/{name}", line["step"]] == pytest.approx(line[name], rel=1e-6), name


def test_the_ledger_survives_a_line_cut_off(tmp_path: Path) -> None:
    ledger = DynamicsTable(tmp_path)
    row = DynamicsRow(1, "a", 0, "base", "accuracy", 0.5, None, None, 2)
    ledger.add([row])
    with ledger.lines.open("a") as out:
        out.write('{"step": 2, "arm"')
    assert len(ledger.read()) == 1
    ledger.add([DynamicsRow(1, "a", 0, "base", "accuracy", 0.75, 0.1, 0.9, 2)])
    assert [r["value"] for r in ledger.read()] == [0.75]
    assert pq.read_table(ledger.table)["value"].to_pylist() == [0.75]


def test_an_audit_leaves_randomness_as_it_was() -> None:
    import random

    import numpy as np

    torch.manual_seed(3)
    random.seed(3)
    np.random.seed(3)
    expected = (torch.rand(2).tolist(), random.random(), np.random.rand())
    torch.manual_seed(3)
    random.seed(3)
    np.random.seed(3)
    with evaluation.preserve_rng_state():
        torch.rand(9), random.random(), np.random.rand()
    assert (torch.rand(2).tolist(), random.random(), np.random.rand()) == expected


def test_wrong_input_costs_one_sentence_and_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.toml"
    file.write_text("[grpo]\nlrr = 1e-3\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["unswayed", "train", str(file)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "did you mean 'grpo.lr'" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "runs").exists()


def test_ctrl_c_ends_the_step_and_saves_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real SIGINT in the middle of the third step."""
    from unswayed.training.grpo.trainer import ConditionedGRPOTrainer

    real, before = ConditionedGRPOTrainer.compute_loss, signal.getsignal(signal.SIGINT)

    def interrupted(self: Any, *args: Any, **more: Any) -> Any:
        if self.state.global_step == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return real(self, *args, **more)

    monkeypatch.setattr(ConditionedGRPOTrainer, "compute_loss", interrupted)
    out = tmp_path / "run"
    changes = [f"model.path={folder}", *TINY, "grpo.steps=50", "audit.every=0", "save.every=50"]
    words = [word for change in changes for word in ("-s", change)]
    result = CliRunner().invoke(app, ["train", str(SMOKE), "--out", str(out), *words])
    assert result.exit_code == 130, result.output
    assert "the same command again" in " ".join(result.output.split())
    kept = last_checkpoint(out / "checkpoints")
    assert kept is not None
    assert kept.name == "checkpoint-3"
    assert [line["step"] for line in metrics(out)] == [1, 2, 3]
    assert signal.getsignal(signal.SIGINT) == before


def test_a_folder_in_use_is_refused(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    lock = Lock(out)
    with pytest.raises(BadInput, match="another process"):
        train(settings(folder, "audit.every=0"), out)
    lock.close()


def test_the_blind_reader_measures_every_readable_thought(tmp_path: Path) -> None:
    """Honest respondents' thoughts, read by one who finds an option by its words."""
    questions = registry.load("scenes", split="dev", limit=9)
    backend = open_backend("scripted:oracle", questions)
    run = asyncio.run(audit(backend, questions, ["base", "wrong-caption"]))
    auditor = evaluation.AuditCallback(None, questions, GrpoConfig(), tmp_path, print, BlindReader(Finder()))  # type: ignore[arg-type]
    found = {(c, name): e for c, name, e in asyncio.run(auditor._reader_measures(run))}
    assert {c for c, _ in found} == {"base", "wrong-caption"}
    for c in ("base", "wrong-caption"):
        assert found[c, "reader_agreement"] == found[c, "reader_correct"], "an oracle's answers are right"
        assert found[c, "reader_agreement"].n == found[c, "masked_gain"].n == 9


def test_a_run_with_adapters_and_a_reader_for_a_judge(folder: Path, tmp_path: Path) -> None:
    """The model at the end is a whole one, which the audit can load."""
    more = ["reward.combine=multiplicative", "reward.judge=reader", "audit.reader=true", "grpo.steps=2"]
    out = tmp_path / "a"
    assert not train(settings(folder, "grpo.peft_rank=2", *more), out, until=1)
    assert train(settings(folder, "grpo.peft_rank=2", *more), out)
    assert [line["step"] for line in metrics(out)] == [1, 2]
    values = {(r["step"], r["condition"], r["measure"]): r["value"] for r in DynamicsTable(out).read()}
    assert values[0, "base", "kl_start"] == pytest.approx(0, abs=1e-9), "adapters are off for the start"
    assert values[2, "base", "kl_start"] > 1e-9
    trained = weights(out)
    assert trained.keys() == load_file(folder / "model.safetensors").keys()
    assert not same(trained, load_file(folder / "model.safetensors"))


def test_watch_is_quiet_without_a_loss(tmp_path: Path) -> None:
    TrainingMonitor(
        tmp_path / "m.jsonl", detector=lambda: CollapseDetector(GuardSettings()), patience=50
    ).on_log(None, None, None, logs={"train_runtime": 1.0})
    assert not (tmp_path / "m.jsonl").exists()
