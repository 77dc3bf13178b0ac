"""A stored run read again: what changes is said first, and the raw texts and earlier columns stay."""

from __future__ import annotations

import asyncio
import json
import shutil
from contextlib import nullcontext
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli_in_process import run as unswayed
from unswayed.answers.parser import GRAMMAR, read
from unswayed.errors import BadInput
from unswayed.judges.rules import RuleJudge
from unswayed.pipeline.audit import Run
from unswayed.pipeline.rejudge import judge_run
from unswayed.pipeline.reread import RereadResult, finish_of, reread_run, run_grammars, run_rules
from unswayed.store import verdicts

STORED = Path(__file__).parents[1] / "data" / "stored" / "v0.1"


@pytest.fixture(params=["judged-run", "interrupted-run"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    shutil.copytree(STORED / request.param, tmp_path / "run")
    return tmp_path / "run"


def reread(folder: Path, write: bool = True) -> RereadResult:
    return asyncio.run(reread_run(folder, write=write))


def files(folder: Path) -> dict[str, bytes]:
    found = (p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
    return {str(p.relative_to(folder)): p.read_bytes() for p in found}


def test_without_write_nothing_changes(folder: Path) -> None:
    before = files(folder)
    result = reread(folder, write=False)
    assert files(folder) == before
    assert result.before == ("1",)
    assert not result.written
    assert result.trials > 30
    assert result.changed == sum(result.moves.values())


def test_the_columns_are_what_the_present_grammar_reads(folder: Path) -> None:
    raw = Run.load(folder).trials
    result = reread(folder)
    run = Run.load(folder)
    assert run_grammars(run.manifest) == (GRAMMAR,)
    assert run.trials["text"].equals(raw["text"])
    assert run.trials["key"].equals(raw["key"])
    changed = 0
    for row, before in zip(run.trials.to_pylist(), raw.to_pylist(), strict=True):
        if row["text"] is None:
            assert row == before
            continue
        reading = read(row["text"], row["options"], prefill=row["prefill"], finish=finish_of(before, 10**9))
        assert (row["state"], row["thought"], row["answer"]) == (
            reading.state,
            reading.thought,
            reading.answer,
        )
        assert row["correct"] == (row["answer"] == row["gold"])
        assert (row["judged"] is None) == (row["state"] != "ok" or not row["thought"])
        changed += (row["state"], row["answer"]) != (before["state"], before["answer"])
    assert changed == result.changed


def test_earlier_columns_and_shards_are_kept_and_a_second_call_changes_nothing(folder: Path) -> None:
    raw, shards = Run.load(folder).trials, (folder / "shards" / "000001.jsonl").read_bytes()
    reread(folder)
    assert (folder / "shards" / "000001.jsonl").read_bytes() == shards
    kept = pq.read_table(folder / "readings" / f"before-grammar-{GRAMMAR}.parquet")
    for name in kept.column_names:
        assert kept[name].equals(raw[name]), name
    once = Run.load(folder).trials
    result = reread(folder)
    assert (result.before, result.changed, result.verdict_moves) == ((GRAMMAR,), 0, {})
    assert Run.load(folder).trials.equals(once)


def test_a_call_that_was_cut_after_the_readings_is_completed_by_the_next(
    folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(folder, tmp_path / "whole")
    reread(tmp_path / "whole")
    table = folder / "trials.parquet"
    old = table.read_bytes() if table.exists() else None
    reread(folder)
    if old is not None:  # the manifest was written, the table was not
        table.write_bytes(old)
    with nullcontext() if old is None else pytest.warns(UserWarning, match="is damaged"):
        assert Run.load(folder).trials.equals(Run.load(tmp_path / "whole").trials)
        reread(folder)
    assert Run.load(folder).trials.equals(Run.load(tmp_path / "whole").trials)


def test_the_rules_judge_again_where_they_judged(tmp_path: Path) -> None:
    shutil.copytree(STORED / "interrupted-run", tmp_path / "run")
    assert run_rules(Run.load(tmp_path / "run").manifest) == "rules-2"
    assert reread(tmp_path / "run").judges_rules
    assert run_rules(Run.load(tmp_path / "run").manifest) == RuleJudge.name
    assert set(verdicts.read_votes(tmp_path / "run")) == {"rules-2", RuleJudge.name}


def test_votes_on_thoughts_that_are_read_differently_are_asked_again(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(STORED / "judged-run", folder)
    planted(folder, "I must use <answer> </answer>. It is 2.</think><answer>A</answer>")
    result = reread(folder)
    assert result.thoughts_changed >= 1
    assert not result.judges_rules
    votes = verdicts.read_votes(folder)["planted:wrong=0.1,abstains=0,seed=0"]
    assert sum(vote.error is not None for vote in votes.values()) >= 1
    asyncio.run(judge_run(folder, [RuleJudge()]))
    assert run_rules(Run.load(folder).manifest) == RuleJudge.name


def planted(folder: Path, text: str) -> None:
    """Replace the text of the first judged trial, and remove the shards, as of a published run."""
    table = pq.read_table(folder / "trials.parquet")
    rows = table.to_pylist()
    row = next(row for row in rows if row["judged"] and not row["prefill"])
    row["text"], row["thought"] = text, "It is 2."
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), folder / "trials.parquet")
    shutil.rmtree(folder / "shards")


@pytest.mark.parametrize(
    ("row", "finish"),
    [
        ({"finish": "length", "state": "ok", "tokens": 3}, "length"),
        ({"finish": None, "state": "truncated", "tokens": 3}, "length"),
        ({"finish": None, "state": "ok", "tokens": 100}, "length"),
        ({"finish": None, "state": "ok", "tokens": 99}, "stop"),
        ({"finish": None, "state": "refused", "tokens": None}, "refused"),
        ({"finish": None, "state": "unparsable", "tokens": None}, "stop"),
    ],
)
def test_how_a_stored_generation_ended(row: dict[str, object], finish: str) -> None:
    assert finish_of(row, 100) == finish


def test_runs_that_were_begun_with_one_grammar_and_resumed_with_another_say_so() -> None:
    sessions = [{"versions": {"grammar": g}} for g in ("1", "2")]
    assert run_grammars({"sessions": sessions}) == ("1", "2")
    assert run_grammars({"sessions": [{"versions": {}}]}) == ("1",)
    read_again = {"sessions": sessions, "reading": {"grammar": "2", "sessions": 2}}
    assert run_grammars(read_again) == ("2",)


def test_lost_readings_name_the_file_and_the_remedy(folder: Path) -> None:
    reread(folder)
    (folder / "readings" / f"grammar-{GRAMMAR}.parquet").unlink()
    with pytest.raises(BadInput, match=r"readings.grammar-.*remove the entry 'reading'"):
        Run.load(folder)


def test_no_run_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not a run's manifest"):
        reread(tmp_path)


def test_the_command_says_what_moves(tmp_path: Path) -> None:
    shutil.copytree(STORED / "judged-run", tmp_path / "run")
    said = unswayed("reread", tmp_path / "run")
    assert said.returncode == 0, said.stderr
    assert f"grammar 1 before, {GRAMMAR} now" in said.stdout
    assert "nothing was changed" in said.stdout
    assert "reading" not in json.loads((tmp_path / "run" / "manifest.json").read_text())
    written = unswayed("reread", tmp_path / "run", "--write")
    assert written.returncode == 0, written.stderr
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["reading"]["grammar"] == GRAMMAR
    compared = unswayed("compare", STORED / "judged-run", tmp_path / "run")
    assert "different answer grammars (1; 2)" in " ".join(compared.stderr.split())
