"""A damaged run folder: the fuller source is read, with a warning, and `repair` restores what is left."""

from __future__ import annotations

import asyncio
import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from synthetic import cues, questions
from unswayed.backends import scripted
from unswayed.errors import BadInput
from unswayed.pipeline.audit import Run, audit
from unswayed.store.repair import repair

CONDITIONS = ["base", "wrong-think"]
N = 60


def ask(folder: Path) -> Run:
    backend = scripted.make("scripted:caption-follower:p=0.5,chunk=4").bind(questions(N // 2))
    return asyncio.run(audit(backend, questions(N // 2), CONDITIONS, cues=cues, store=folder))


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("damage") / "run"
    ask(folder)
    return folder


@pytest.fixture
def run(intact: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(intact, tmp_path / "run"))


def cut_shard(run: Path, share: float = 0.5) -> None:
    shard = run / "shards" / "000001.jsonl"
    data = shard.read_bytes()
    shard.write_bytes(data[: int(len(data) * share)])


def cut_table(run: Path, rows: int) -> None:
    table = pq.read_table(run / "trials.parquet")
    pq.write_table(table.slice(0, rows), run / "trials.parquet")


def remove_table(run: Path) -> None:
    (run / "trials.parquet").unlink()


def tear_table(run: Path) -> None:
    data = (run / "trials.parquet").read_bytes()
    (run / "trials.parquet").write_bytes(data[:-20])


def test_an_intact_run_is_read_without_a_warning(run: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(Run.load(run).trials) == N
        shutil.rmtree(run / "shards")  # as it may be published
        assert len(Run.load(run).trials) == N


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (cut_shard, r"shards/000001.jsonl is cut short .*trials.parquet holds 60 of 60"),
        (
            lambda run: cut_table(run, 10),
            r"trials.parquet holds 10 trials, the manifest counts 60.*hold 60 of 60",
        ),
        (remove_table, r"trials.parquet is missing.*the shards hold 60 of 60"),
        (tear_table, r"trials.parquet cannot be read.*the shards hold 60 of 60"),
        (
            lambda run: (run / "shards/000001.jsonl").rename(run / "shards/000002.jsonl"),
            r"000001.jsonl is missing",
        ),
    ],
)
def test_the_fuller_source_is_read_with_a_warning(
    run: Path, intact: Path, damage: Callable[[Path], Any], words: str
) -> None:
    damage(run)
    with pytest.warns(UserWarning, match=f"{words}.*unswayed repair"):
        trials = Run.load(run).trials
    assert trials.equals(Run.load(intact).trials)


def test_a_table_with_other_values_is_noticed(run: Path, intact: Path) -> None:
    table = pq.read_table(run / "trials.parquet")
    index = table.schema.get_field_index("correct")
    table = table.set_column(index, table.schema.field(index), pa.array([True] * N))
    pq.write_table(table, run / "trials.parquet")
    with pytest.warns(UserWarning, match="not the one that the manifest describes"):
        Run.load(run)
    assert repair(run).missing == 0
    assert Run.load(run).trials.equals(Run.load(intact).trials)


def test_damage_on_both_sides_is_read_as_far_as_it_goes_and_the_rest_is_asked_again(
    run: Path, intact: Path
) -> None:
    cut_shard(run, 0.5)
    cut_table(run, 40)
    with pytest.warns(UserWarning, match="holds 40 of 60"):
        assert len(Run.load(run).trials) == 40
    with pytest.raises(BadInput, match=r"cut short.*unswayed repair"):
        ask(run)
    result = repair(run)
    assert (result.trials, result.missing, result.manifest_restored) == (40, 20, False)
    assert result.recovered > 0
    assert "finished" not in json.loads((run / "manifest.json").read_text())
    assert len(Run.load(run).trials) == 40
    cost = ["seconds", "attempts"]
    assert ask(run).trials.drop_columns(cost).equals(Run.load(intact).trials.drop_columns(cost))


def test_a_repaired_run_is_as_good_as_the_intact_one(run: Path, intact: Path) -> None:
    cut_shard(run, 0.3)
    result = repair(run)
    assert (result.trials, result.missing, result.damaged_lines) == (N, 0, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Run.load(run).trials.equals(Run.load(intact).trials)
        (run / "trials.parquet").unlink()
        (run / "manifest.json").write_text(
            json.dumps({k: v for k, v in Run.load(intact).manifest.items() if k != "finished"})
        )
        assert Run.load(run).trials.equals(Run.load(intact).trials)
    assert repair(run).recovered == 0


@pytest.mark.parametrize("content", [None, b"", b'{"format": 2, "asks": {"mod', b"[" * 100_000])
def test_a_manifest_is_restored_from_a_shard(run: Path, intact: Path, content: bytes | None) -> None:
    before = json.loads((run / "manifest.json").read_text())
    if content is None:
        (run / "manifest.json").unlink()
    else:
        (run / "manifest.json").write_bytes(content)
    with pytest.raises(BadInput, match="unswayed repair"):
        Run.load(run)
    assert repair(run).manifest_restored
    manifest = Run.load(run).manifest
    assert (manifest["asks"], manifest["sessions"]) == (before["asks"], before["sessions"])
    assert Run.load(run).trials.equals(Run.load(intact).trials)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sessions": []}, "no 'sessions'"),
        ({"sessions": [{}]}, "'started'"),
        ({"sessions": [{"started": "x"}]}, "'versions'"),
        ({"sessions": [{"started": "x", "versions": None}]}, "'versions'"),
        ({"asks": {}}, "does not name the model"),
        ({"asks": None}, "does not name the model"),
        ({"asks": {"model": 1}}, "does not name the model"),
        ({"finished": {}}, "does not count the trials"),
        ({"finished": {"trials": 1, "shards": []}}, "does not count the trials"),
    ],
)
def test_a_manifest_that_lacks_something_is_refused_in_one_sentence(
    run: Path, change: dict[str, Any], words: str
) -> None:
    manifest = json.loads((run / "manifest.json").read_text()) | change
    (run / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BadInput, match=words):
        Run.load(run)
    with pytest.raises(BadInput, match=words):
        ask(run)


def test_a_folder_that_is_no_run_is_not_repaired(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(BadInput, match="not a run folder"):
        repair(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_run_of_an_earlier_version_without_its_manifest_names_the_way_back(tmp_path: Path) -> None:
    stored = Path(__file__).parents[1] / "data/stored/v0.1/judged-run"
    run = Path(shutil.copytree(stored, tmp_path / "run"))
    (run / "manifest.json").write_text("{")
    with pytest.raises(BadInput, match=r"bring back a copy.*None of the run's shards"):
        repair(run)
