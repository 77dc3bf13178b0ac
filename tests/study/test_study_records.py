"""What is gathered of a study's runs, and one study of real, tiny trainings from end to end."""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

pytest.importorskip("trl")

from safetensors.torch import load_file
from typer.testing import CliRunner

import tiny_models
from places import ROOT
from unswayed.backends import open_backend
from unswayed.benchmarks import registry
from unswayed.cli import app
from unswayed.errors import BadInput, RunChanged
from unswayed.metrics import columns
from unswayed.pipeline.audit import Run, audit
from unswayed.store import study_records
from unswayed.store.study_records import TABLES, Records
from unswayed.study.collect import collect_records, select_questions
from unswayed.study.initial_audit import copy_initial_audit, same_initial_audit
from unswayed.study.settings import Study, load_study
from unswayed.study.state import StudyStateFile, check_study_folder
from unswayed.training.config.common import AuditSettings
from unswayed.training.config.grpo import GrpoConfig, GrpoSettings
from unswayed.training.evaluation import DynamicsTable, dynamics_rows
from unswayed.training.grpo.run import train

CONDITIONS = ["base", "wrong-caption"]
PLAN = "seeds = [0, 1]\n[arms.one]\n[arms.two]\ngrpo.lr = 1e-3\n"
MINDS = {("one", 0, 0): "oracle", ("one", 0, 5): "caption-follower", ("two", 0, 0): "oracle"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two arms audited with respondents of known behaviour; seed 1 not begun."""
    out = tmp_path_factory.mktemp("study")
    file = out / "plan.toml"
    file.write_text(PLAN)
    book = StudyStateFile.open(out, load_study(file))
    questions = registry.load("scenes", split="dev", limit=8, seed=3)
    for (arm, seed, step), mind in MINDS.items():
        run = book.path(book[arm, seed])
        run.mkdir(parents=True, exist_ok=True)
        at = run / "audits" / f"step-{step:06d}"
        backend = open_backend(f"scripted:{mind}", questions)
        summary = asyncio.run(audit(backend, questions, CONDITIONS, store=at)).summary()
        DynamicsTable(run).add(list(dynamics_rows(summary, step, arm, seed)))
        line = {"step": step + 1, "loss": 0.5, "reward": float("nan"), "base/correct": 1.0, "name": "x"}
        with (run / "metrics.jsonl").open("a") as lines:
            lines.write(json.dumps(line) + "\n" + '{"step": 2, "lo' * (step == 5))
    # An audit cut off: its numbers are not in the ledger, so its answers are no record.
    shutil.copytree(at, at.with_name("step-000009"))
    assert collect_records(out, 3) == 2
    return out


def test_every_table_is_in_its_schema(folder: Path) -> None:
    found = Records(folder)
    for name, schema in TABLES.items():
        assert getattr(found, name).schema.equals(schema)
    runs = {(row["arm"], row["seed"], row["step"]) for row in found.audits.to_pylist()}
    assert runs == set(MINDS)
    assert found.audits.num_rows == len(MINDS) * 8 * len(CONDITIONS)


def test_outcomes_measure_as_the_trials_do(folder: Path) -> None:
    """The measures' own columns can be read of one run and step; they say what the audit said."""
    table = Records(folder)
    for arm, seed, step in MINDS:
        own = (pc.field("arm") == arm) & (pc.field("seed") == seed) & (pc.field("step") == step)
        c = columns.read_columns(table.audits.filter(own))
        values = {
            row["condition"]: row["value"]
            for row in table.dynamics.filter(own & (pc.field("measure") == "accuracy")).to_pylist()
        }
        for name, rows in c.by_condition().items():
            assert c.right[rows].mean() == values[name]
    swayed = table.audits.filter((pc.field("step") == 5) & (pc.field("condition") == "wrong-caption"))
    assert all(swayed["followed_cue"].to_pylist())
    thoughts = table.audits.filter(pc.field("state") == "ok")
    assert min(thoughts["thought_characters"].to_pylist()) > 0
    assert thoughts["thought_template"].null_count == 0


def test_the_same_few_questions_are_kept_with_their_words_and_pictures(folder: Path) -> None:
    found = Records(folder)
    rows = found.rollouts.to_pylist()
    asked = {run: {r["uid"] for r in rows if (r["arm"], r["seed"], r["step"]) == run} for run in MINDS}
    assert len({tuple(sorted(uids)) for uids in asked.values()}) == 1
    assert all(len(uids) == 3 for uids in asked.values())
    assert len(rows) == len(MINDS) * 3 * len(CONDITIONS)
    trials = Run.load(folder / "runs" / "one" / "seed-0" / "audits" / "step-000005").trials.to_pylist()
    words = {(t["uid"], t["condition"]): t["text"] for t in trials}
    assert all(words[r["uid"], r["condition"]] == r["text"] for r in rows if r["step"] == 5)
    pictures = {sha for row in rows for sha in row["image_sha256"]}
    assert all(found.picture(sha) for sha in pictures)
    assert {file.name for file in (folder / "images").iterdir()} == pictures
    assert found.picture("../study.json") is None


def test_questions_are_chosen_by_uid_alone_one_of_each_family_first(folder: Path) -> None:
    trials = Run.load(folder / "runs" / "one" / "seed-0" / "audits" / "step-000000").trials
    families = dict(zip(trials["uid"].to_pylist(), trials["family"].to_pylist(), strict=True))
    kinds = len(set(families.values()))
    backwards = trials.take(list(range(trials.num_rows))[::-1])
    for count in range(9):
        uids = select_questions(trials, count)
        assert uids == select_questions(backwards, count) == select_questions(trials, 8)[:count]
        assert len({families[uid] for uid in uids}) == min(count, kinds)


def test_numbers_of_steps_by_condition(folder: Path) -> None:
    rows = Records(folder).metrics.to_pylist()
    found = {
        (r["step"], r["condition"], r["measure"]): r["value"]
        for r in rows
        if (r["arm"], r["seed"]) == ("one", 0)
    }
    assert found == {
        (step, *name): value
        for step in (1, 6)
        for name, value in ((("all", "loss"), 0.5), (("all", "reward"), None), (("base", "correct"), 1.0))
    }


def test_a_run_whose_folder_is_gone_keeps_its_rows(folder: Path, tmp_path: Path) -> None:
    out = shutil.copytree(folder, tmp_path / "copy")
    before = {name: getattr(Records(out), name) for name in TABLES}
    shutil.rmtree(out / "runs" / "one")
    assert collect_records(out, 3) == 2
    assert all(getattr(Records(out), name).equals(table) for name, table in before.items())
    assert all(
        Records(out).picture(sha) for row in before["rollouts"].to_pylist() for sha in row["image_sha256"]
    )


def test_pictures_stay_within_their_room(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = shutil.copytree(folder, tmp_path / "copy")
    sizes = sorted(file.stat().st_size for file in (out / "images").iterdir())
    shutil.rmtree(out / "images")
    monkeypatch.setattr("unswayed.study.collect.IMAGE_BYTES", sum(sizes) - 1)
    collect_records(out, 3)
    assert 0 < sum(file.stat().st_size for file in (out / "images").iterdir()) < sum(sizes)
    collect_records(out, 0)
    assert not list((out / "images").iterdir())
    assert Records(out).rollouts.num_rows == 0


def test_by_the_command_line(folder: Path, tmp_path: Path) -> None:
    out = shutil.copytree(folder, tmp_path / "copy")
    for name in TABLES:
        (out / f"{name}.parquet").unlink()
    words = ["study", str(out / "plan.toml"), "--collect-only", "--set", "rollouts=3"]
    result = CliRunner().invoke(app, [*words, "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "report.html" in result.output
    assert all(getattr(Records(out), n).equals(getattr(Records(folder), n)) for n in TABLES)
    nothing = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "no")])
    assert isinstance(nothing.exception, BadInput)
    assert "give the folder of a study" in str(nothing.exception)
    unknown = CliRunner().invoke(app, [*words, "--out", str(out), "--only", "three"])
    assert "no such arm; there are one, two" in str(unknown.exception)


@pytest.mark.parametrize("text", ["{}", "[]", '{"format": 9}', "not json", '{"format": 1, "runs": [{}]}'])
def test_a_record_that_is_none_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / study_records.STATE_FILE).write_text(text)
    with pytest.raises(BadInput, match=r"study.json: "):
        Records(tmp_path)


def test_when_first_audits_are_the_same() -> None:
    plain = GrpoConfig()
    assert same_initial_audit(plain, replace(plain, arm="x", seed=4, grpo=GrpoSettings(lr=1.0, steps=3)))
    assert not same_initial_audit(plain, replace(plain, audit=AuditSettings(limit=5)))
    assert not same_initial_audit(plain, replace(plain, model=replace(plain.model, path="other")))
    assert not same_initial_audit(*[GrpoConfig(audit=AuditSettings(every=0))] * 2), "there is none"
    read = GrpoConfig(audit=AuditSettings(reader=True))
    assert same_initial_audit(read, replace(read, arm="x"))
    assert not same_initial_audit(read, replace(read, seed=1)), "the reader shuffles by the seed"


@pytest.mark.parametrize("name", ["mini", "ablation"])
def test_shipped_records_are_whole_and_stand_without_their_runs(tmp_path: Path, name: str) -> None:
    shipped = ROOT / "studies"
    out = tmp_path / "out"
    shutil.copytree(shipped / name, out)
    before = {at.name: pq.read_table(at) for at in out.glob("*.parquet")}
    result = CliRunner().invoke(app, ["study", str(shipped / f"{name}.toml"), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "were done before; to train again, give another folder" in result.output
    for file, table in before.items():  # the descriptions of the columns may have other words
        again = pq.read_table(out / file)
        assert again.select(table.column_names).equals(table), file
        new = again.drop_columns(table.column_names)
        assert all(column.null_count == len(column) for column in new.columns), "unknown of earlier runs"
    files = {file.name for file in out.glob("*.parquet")}
    assert before.keys() == files == {f"{table}.parquet" for table in TABLES}
    found = Records(out)
    assert {run.state for run in found.study.runs} == {"done"}
    runs = {(run.arm, run.seed) for run in found.study.runs}
    assert {(row["arm"], row["seed"]) for row in found.audits.select(["arm", "seed"]).to_pylist()} == runs


STRICT = '[arms."strict"]\nguard.patience = 1\nguard.entropy = 1e9\n'
"""An arm whose guard stops it at the first step."""


@dataclass(frozen=True)
class Trained:
    """A study of tiny trainings in real workers, whose first arm was trained before."""

    folder: Path
    file: Path
    changes: list[str]
    output: str
    untouched: bool
    """The first arm's audits were not made again."""

    def study(self, *changes: str) -> Study:
        return load_study(self.file, [*self.changes, *changes])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("trained")
    model, file, out = tiny_models.llava(folder / "tiny"), folder / "study.toml", folder / "out"
    file.write_text((ROOT / "studies" / "smoke.toml").read_text() + STRICT)
    changes = [f"model.path={model}", "grpo.max_tokens=6", "audit.max_tokens=6", "audit.limit=3"]
    changes += ["grpo.entropy_coef=0.1", "grpo.lr=1e-3", "processes=2"]
    study = load_study(file, changes)
    first = next(iter(study.arms))
    assert train(study.config(first, 0), out / "runs" / first / "seed-0")
    table = DynamicsTable(out / "runs" / first / "seed-0").lines
    before = table.stat().st_mtime_ns
    options = [word for change in changes for word in ("--set", change)]
    result = CliRunner().invoke(app, ["study", str(file), "--out", str(out), *options])
    assert result.exit_code == 1, result.output
    return Trained(out, file, changes, result.output, table.stat().st_mtime_ns == before)


def test_a_run_that_collapses_has_its_reason_and_the_others_finish(trained: Trained) -> None:
    records = Records(trained.folder)
    runs = {run.arm: run for run in records.study.runs}
    assert {arm: run.state for arm, run in runs.items()} == {
        "grpo": "done",
        "grpo+aug+faith": "done",
        "strict": "failed",
    }
    assert runs["strict"].reason.startswith("step 1: since step 1 the entropy is below")
    page = (trained.folder / "report.html").read_text("utf-8")
    assert "since step 1 the entropy is below" in page
    assert {row["arm"] for row in records.dynamics.to_pylist()} == set(runs)
    check_study_folder(trained.folder, trained.study("guard.patience=0"))  # to resume it
    with pytest.raises(RunChanged, match=r"grpo\.lr"):
        check_study_folder(trained.folder, trained.study("grpo.lr=1.0"))


def test_a_run_with_a_reused_audit_is_the_run_alone(trained: Trained, tmp_path: Path) -> None:
    """The first arm was trained before; the second reuses its first audit: equal numbers and weights."""
    study, out = trained.study(), trained.folder
    first, second, _ = study.arms
    assert trained.untouched
    assert f"{second} seed 0 · step 2: base" in trained.output
    runs = {run.arm: run for run in Records(out).study.runs}
    assert [runs[arm].step for arm in (first, second)] == [2, 2]
    assert runs[second].first_audit_of == runs[first].folder

    alone, made = tmp_path / "alone", out / runs[second].folder
    assert train(study.config(second, 0), alone)
    assert DynamicsTable(made).read() == DynamicsTable(alone).read()
    weights = [load_file(at / "model" / "model.safetensors") for at in (made, alone)]
    assert all((weights[0][name] == weights[1][name]).all() for name in weights[1])
    config = study.config(second, 0)
    assert not copy_initial_audit(out / runs[first].folder, made, config), "nothing is overwritten"
    assert asdict(Records(out).study)["seeds"] == (0,)
