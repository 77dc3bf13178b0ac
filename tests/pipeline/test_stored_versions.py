"""What earlier versions stored stays readable: runs, verdicts, cues, studies; an interrupted run resumes.

``tests/data/stored/VERSION`` was written by that version and is never made again:

* ``judged-run``: ``unswayed audit pebble --limit 4`` under all conditions and three of them with
  ``+abstain``, then judged by a panel of two planted judges and the rules;
* ``interrupted-run``: ``unswayed audit scripted:caption-follower:p=0.5 --limit 10``, cut within a line;
* ``study``: ``unswayed study studies/smoke.toml``, without weights and checkpoints;
* ``cues.parquet``: ``unswayed cues write tests/data/sample.tsv``.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import unswayed
from unswayed.backends import scripted
from unswayed.cues import cue_file
from unswayed.cues import write as write_cues
from unswayed.errors import RunChanged
from unswayed.judges.rules import RuleJudge
from unswayed.model_io import Generation, Request, Sampling
from unswayed.pipeline import panel_columns
from unswayed.question import Cues, Question
from unswayed.store import verdicts
from unswayed.store.study_records import Records
from unswayed.trial import SCHEMA

DATA = Path(__file__).parents[1] / "data"
ROOT = Path(__file__).parents[2]
VERSIONS = sorted(path.name for path in (DATA / "stored").iterdir())


@pytest.fixture(params=VERSIONS)
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of what a version stored."""
    return Path(shutil.copytree(DATA / "stored" / request.param, tmp_path / "stored"))


@pytest.fixture
def judged(stored: Path) -> Path:
    return stored / "judged-run"


def test_a_finished_run_is_read_from_its_table_and_from_its_shards(judged: Path) -> None:
    run = unswayed.Run.load(judged)
    assert run.trials.schema.names == SCHEMA.names
    assert len(run.trials) == run.manifest["finished"]["trials"] == 56
    (judged / "trials.parquet").unlink()
    with pytest.warns(UserWarning, match="trials.parquet is missing; the shards hold 56 of 56 trials"):
        assert unswayed.Run.load(judged).trials.equals(run.trials)


def test_a_stored_run_is_summarised(judged: Path) -> None:
    run = unswayed.Run.load(judged)
    rows = {row.condition: row for row in run.summary().rows}
    assert sorted(rows) == sorted(run.manifest["asks"]["conditions"])
    base = run.trials.to_pylist()[::14]
    assert {row["condition"] for row in base} == {"base"}
    assert rows["base"].measures["accuracy"].value == sum(row["correct"] for row in base) / 4
    assert rows["wrong-think"].measures["drop"].value is not None


def test_the_report_page_of_a_stored_run_is_built(judged: Path) -> None:
    from unswayed.cli.evaluate.report import write_report

    run = unswayed.Run.load(judged)
    page = write_report(run, run.summary()).read_text("utf-8")
    for name in ("pebble", "wrong-think-but", "rules-2", "planted:wrong=0.1"):
        assert name in page


def test_stored_verdicts_are_read_from_lines_and_from_their_table(judged: Path) -> None:
    votes = verdicts.read_votes(judged)
    names = ["planted:wrong=0.1,abstains=0,seed=0", "planted:wrong=0.2,abstains=0,seed=0", "rules-2"]
    assert list(votes) == names
    assert {len(by_key) for by_key in votes.values()} == {56}
    run = unswayed.Run.load(judged)
    assert set(panel_columns.panel_names(run.manifest)) == set(names)
    majority = panel_columns.apply_majority(run.trials, [votes[name] for name in names])
    assert majority.equals(run.trials)
    report = run.judges()
    assert report is not None
    assert [judge.name for judge in report.judges] == names
    shutil.rmtree(judged / "verdicts")
    assert verdicts.read_votes(judged) == votes


class Counting(scripted.Scripted):
    """Remembers what it is asked."""

    asked: list[Request]

    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        self.asked += requests
        return await super().generate(requests)


class EarlierSampling(Sampling):
    """Settings as the run's version stored them; planted respondents end their texts by themselves."""

    def as_dict(self) -> dict[str, Any]:
        return {"temperature": 0.0, "top_p": 1.0, "max_tokens": 1024, "stop": ("</answer>",)}


def test_an_interrupted_run_asks_only_the_rest(stored: Path) -> None:
    """With the settings, and the names of cue writer and judge, that the run was begun with."""
    folder = stored / "interrupted-run"
    before = unswayed.Run.load(folder)
    asks: dict[str, Any] = before.manifest["asks"]
    assert 0 < len(before.trials) < 110

    def cues(question: Question, seed: int) -> Cues:
        return write_cues(question, seed)

    cues.name = asks["cues"]  # type: ignore[attr-defined]
    judge = RuleJudge()
    judge.name = asks["judge"]
    backend, questions = counting_backend(asks["model"])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*other versions", UserWarning)
        run = asyncio.run(
            unswayed.audit(
                backend,
                questions,
                asks["conditions"],
                cues=cues,
                judge=judge,
                sampling=EarlierSampling(),
                store=folder,
                about=asks["about"],
            )
        )
    assert len(run.trials) == 110
    assert len(backend.asked) == 110 - len(before.trials)
    keys = run.trials["key"].to_pylist()
    assert set(before.trials["key"].to_pylist()) < set(keys)
    assert len(set(keys)) == 110


def test_a_run_that_would_be_asked_otherwise_today_is_refused_with_the_difference(stored: Path) -> None:
    folder = stored / "interrupted-run"
    asks = unswayed.Run.load(folder).manifest["asks"]
    backend, questions = counting_backend(asks["model"])
    with pytest.raises(RunChanged, match=r"sampling\.stop_rule: absent then, \"after the thought\" now"):
        asyncio.run(unswayed.audit(backend, questions, asks["conditions"], store=folder, about=asks["about"]))
    assert backend.asked == []
    assert len(unswayed.Run.load(folder).trials) == 40


def counting_backend(name: str) -> tuple[Counting, Any]:
    questions = unswayed.load_questions("scenes", limit=10)
    plain = scripted.make(name)
    backend = Counting(plain.kind, plain.behaviour, plain.name).bind(questions)
    backend.asked = []
    return backend, questions


def test_stored_cues_are_used_in_an_audit(stored: Path) -> None:
    book = cue_file.read_for_audit(stored / "cues.parquet")
    questions = unswayed.load_questions(str(DATA / "sample.tsv"))
    model = unswayed.open_backend("scripted:caption-follower:p=1", questions)
    run = asyncio.run(unswayed.audit(model, questions, ["base", "wrong-caption"], cues=book))
    shown = run.trials.to_pylist()[1::2]
    written = {row["uid"]: row["text"] for row in book.rows if row["kind"] == "wrong_caption"}
    assert {row["uid"]: row["cue_text"] for row in shown} == written
    assert all(row["followed_cue"] for row in shown)


STUDIES = [
    *(DATA / "stored" / version / "study" for version in VERSIONS),
    ROOT / "studies/mini",
    ROOT / "studies/ablation",
]


@pytest.mark.parametrize("folder", STUDIES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_stored_study_is_read_and_its_page_is_built(folder: Path, tmp_path: Path) -> None:
    from unswayed.report.study.page import write_study_report

    records = Records(folder)
    assert records.study.runs
    assert all(len(table) for table in (records.dynamics, records.metrics, records.audits, records.rollouts))
    assert set(records.dynamics["arm"].to_pylist()) == set(records.study.arms)
    page = write_study_report(folder, tmp_path / "page.html").read_text("utf-8")
    assert all(json.dumps(arm)[1:-1] in page for arm in records.study.arms)
