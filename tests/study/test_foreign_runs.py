"""Runs of other trainers: every kind of log gives the same numbers; checkpoints are audited once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cli_in_process import run
from unswayed.errors import BadInput
from unswayed.pebble import weights
from unswayed.store.study_records import Records
from unswayed.study.foreign.checkpoints import find_checkpoints
from unswayed.study.foreign.logs import read_log
from unswayed.study.foreign.measures import rows_by_step

TRUE = {1: {"reward": 0.25, "entropy": 2.0}, 2: {"reward": 0.5, "entropy": 1.5}}
TRAINER = {
    "global_step": 2,
    "log_history": [
        {"step": 1, "epoch": 0.1, "reward": 0.25, "entropy": 2.0},
        {"step": 2, "epoch": 0.2, "reward": 0.5, "entropy": 1.5, "note": "text", "flag": True},
    ],
}
VERL = [
    {"step": 1, "data": {"critic/rewards/mean": 0.25, "actor/entropy": 2.0, "critic/rewards/max": 1.0}},
    {"step": 2, "data": {"critic/rewards/mean": 0.5, "actor/entropy": 1.5, "actor/pg_loss": float("nan")}},
]
EASYR1 = [
    {"step": 1, "reward": {"overall": 0.25, "format": 1}, "actor": {"entropy_loss": 2.0}},
    {"step": 2, "reward": {"overall": 0.5, "format": 1}, "actor": {"entropy_loss": 1.5}},
]
WANDB = [
    {"_step": 7, "train/global_step": 1, "train/reward": 0.25, "train/entropy": 2.0},
    {"_step": 9, "train/global_step": 2, "train/reward": 0.5, "train/entropy": 1.5},
]
CSV = '"Step","first - train/reward","first - train/reward__MIN","entropy"\n1,0.25,0,2.0\n2,0.5,0,1.5\n3,,,\n'


def lines(rows: list[dict[str, object]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("trainer_state.json", json.dumps(TRAINER)),
        ("verl.jsonl", lines(VERL)),
        ("verl_cut.jsonl", lines(VERL) + '{"step": 3, "da'),
        ("experiment_log.jsonl", lines(EASYR1)),
        ("history.jsonl", lines(WANDB).replace('"_step"', '"_other"')),
        ("export.csv", CSV),
        ("with_mark.csv", "\ufeff" + CSV),
    ],
)
def test_every_kind_of_log_gives_the_same_numbers(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    rows = {row["step"]: row for row in rows_by_step(read_log(tmp_path / name))}
    assert {step: {m: rows[step][m] for m in TRUE[step]} for step in rows} == TRUE


def test_tensorboard_gives_the_same_numbers(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(tmp_path) as writer:
        for step, values in TRUE.items():
            for name, value in values.items():
                writer.add_scalar(f"train/{name}", value, step)
    rows = {row.pop("step"): row for row in rows_by_step(read_log(tmp_path))}
    assert rows == TRUE


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.jsonl", "", "holds no number with a step"),
        ("a.jsonl", "[1]\n", "line 1: is list"),
        ("a.jsonl", '{"loss": 1}\n', "line 1: has no step"),
        ("a.jsonl", '{"step": -1, "loss": 1}\n', "has no step"),
        ("a.jsonl", '{"step": true, "loss": 1}\n', "has no step"),
        ("a.jsonl", '{"step": 1, "loss": 1}\n{"step": \n{"step": 3}\n', "line 2: is not JSON"),
        ("a.jsonl", "[" * 200_000 + "\n\n", "is not JSON"),
        ("trainer_state.json", "{}", "has no log_history"),
        ("a.csv", "loss\n1\n", "has no column Step"),
        ("a.csv", 'Step,loss\n1,"' + "x" * 200_000 + '"\n', "line"),
    ],
)
def test_what_is_no_log_is_one_clear_error(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(BadInput, match=words) as problem:
        read_log(tmp_path / name)
    assert str(tmp_path / name) in str(problem.value)


def test_checkpoints_are_found_where_trainers_put_them(tmp_path: Path) -> None:
    for inside in ("checkpoint-20", "global_step_3/actor/huggingface", "checkpoint-100"):
        model = tmp_path / inside
        model.mkdir(parents=True)
        (model / "config.json").write_text("{}")
        (model / "model.safetensors").write_text("")
    (tmp_path / "checkpoint-7").mkdir()  # not finished
    (tmp_path / "logs").mkdir()
    found = find_checkpoints(tmp_path)
    assert list(found) == [3, 20, 100]
    assert found[3] == tmp_path / "global_step_3" / "actor" / "huggingface"
    sharded = tmp_path / "sharded"
    (sharded / "global_step_3" / "actor").mkdir(parents=True)
    with pytest.raises(BadInput, match=r"no checkpoint holds a model.*hf_model"):
        find_checkpoints(sharded)
    with pytest.raises(BadInput, match="has no folder checkpoint-N"):
        find_checkpoints(tmp_path / "logs")


def test_two_runs_become_a_study_and_nothing_is_audited_twice(tmp_path: Path) -> None:
    log = tmp_path / "trainer_state.json"
    log.write_text(json.dumps(TRAINER))
    for step in (1, 2):
        shutil.copytree(weights(), tmp_path / "out" / f"checkpoint-{step}")
    study = tmp_path / "study"
    command = ["dynamics", "import", log, "--checkpoints", tmp_path / "out", "-o", study]
    command += ["-c", "base,wrong-caption", "--limit", 4]
    for seed in (0, 1):
        done = run(*command, "--run-seed", seed)
        assert done.returncode == 0, done.stderr
    assert "reward" in done.stdout
    records = Records(study)
    assert records.audits.num_rows == 2 * 2 * 2 * 4
    steps = {
        (r["seed"], r["step"], r["value"]) for r in records.metrics.to_pylist() if r["measure"] == "reward"
    }
    assert steps == {(seed, step, TRUE[step]["reward"]) for seed in (0, 1) for step in (1, 2)}
    page = (study / "report.html").read_text()
    assert "imported" in page
    audits = {path: path.stat().st_mtime_ns for path in study.rglob("trials.parquet")}
    assert run(*command).returncode == 0
    assert audits == {path: path.stat().st_mtime_ns for path in study.rglob("trials.parquet")}


def test_a_log_without_checkpoints_is_kept_and_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "verl.jsonl").write_text(lines(VERL))
    done = run("dynamics", "import", tmp_path / "verl.jsonl", "-o", tmp_path / "study")
    assert done.returncode == 0
    assert "--checkpoints" in done.stderr
    (file,) = tmp_path.rglob("metrics.jsonl")
    assert json.loads(file.read_text().splitlines()[0])["reward"] == 0.25
