"""Benchmarks by name and by path: what is found, drawn, and refused."""

from __future__ import annotations

import gzip
import hashlib
import shutil
from pathlib import Path

import pytest

from places import SAMPLE
from unswayed.benchmarks import BENCHMARKS, Questions, load
from unswayed.errors import BadInput
from unswayed.question import Question


def uids(questions: Questions) -> list[str]:
    return [q.uid for q in questions]


def test_a_path_is_a_benchmark_named_after_its_file() -> None:
    for given in (SAMPLE, str(SAMPLE)):
        questions = load(given)
        assert questions.name == "sample"
        assert questions.version == hashlib.sha256(SAMPLE.read_bytes()).hexdigest()
        assert len(questions) == len(list(questions)) == 13
        assert questions[0].uid == "1"
        assert questions.skipped == ()


def test_a_gzipped_copy_is_the_same_benchmark(tmp_path: Path) -> None:
    packed = tmp_path / "sample.tsv.gz"
    packed.write_bytes(gzip.compress(SAMPLE.read_bytes()))
    unpacked, plain = load(packed), load(SAMPLE)
    assert (unpacked.name, unpacked.version) == (plain.name, plain.version)
    for one, other in zip(unpacked, plain, strict=True):
        assert (one.uid, one.options, one.gold) == (other.uid, other.options, other.gold)
        assert one.images[0].read() == other.images[0].read()


@pytest.mark.parametrize("folder", [True, False])
def test_a_named_benchmark_is_read_from_its_file_or_the_folder_of_it(tmp_path: Path, folder: bool) -> None:
    file = shutil.copy(SAMPLE, tmp_path / BENCHMARKS["mmbench-en"].needs)
    questions = load("mmbench-en", data=tmp_path if folder else file, split="dev")
    assert questions.name == "mmbench-en"
    assert {q.benchmark for q in questions} == {"mmbench-en"}
    assert len(questions) == 10


def test_a_named_benchmark_without_its_file_says_what_to_fetch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(BadInput, match=r"hf download lmms-lab/MMBench .*en/dev-\*\.parquet.*--data"):
        load("mmbench-en")
    with pytest.raises(BadInput, match=r"controlled_images_dataset\.json.*whatsup_vlms; fetch it"):
        load("whatsup-a")
    with pytest.raises(BadInput, match=r"cannot read .*MMBench_DEV_EN\.tsv"):
        load("mmbench-en", data=tmp_path)
    with pytest.raises(BadInput, match=r"cannot read .*nowhere: no such file"):
        load("mmbench-en", data=tmp_path / "nowhere")


def test_a_limit_draws_with_the_seed_and_a_larger_one_only_adds() -> None:
    everything = uids(load(SAMPLE))
    before: set[str] = set()
    for limit in range(1, 14):
        drawn = uids(load(SAMPLE, limit=limit, seed=3))
        assert len(drawn) == limit
        assert drawn == [uid for uid in everything if uid in drawn]
        assert before < set(drawn)
        before = set(drawn)
    assert uids(load(SAMPLE, limit=99)) == everything
    assert len({tuple(uids(load(SAMPLE, limit=4, seed=seed))) for seed in range(9)}) > 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mmbench-e", "did you mean 'mmbench-en'"),
        ("Scenes", "did you mean 'scenes'"),
        ("qqqq", "there are: scenes, scenes-easy"),
        ("questions.csv", "give the path of a .tsv"),
        ("nowhere/missing.tsv", "cannot read nowhere/missing.tsv"),
    ],
)
def test_what_is_not_there_is_refused(name: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        load(name)


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(limit: int) -> None:
    with pytest.raises(BadInput, match="at least 1"):
        load(SAMPLE, limit=limit)


def test_a_file_without_a_usable_row_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "none.tsv"
    path.write_text("index\tquestion\tA\tB\tanswer\timage\n1\tq\ta\tb\tA\t\n")
    with pytest.raises(BadInput, match=r"none: no question can be asked.*no picture"):
        load(path)


def test_rows_left_out_are_kept_beside_the_questions(tmp_path: Path) -> None:
    path = tmp_path / "some.tsv"
    path.write_text(f"index\tquestion\tA\tB\tanswer\timage\n1\tq\ta\tb\tA\t\n2\tq\ta\tb\tA\t{'A' * 80}\n")
    questions = load(path)
    assert uids(questions) == ["2"]
    assert [(s.uid, s.line) for s in questions.skipped] == [("1", 2)]


def test_uids_are_unique() -> None:
    question = Question("x", "made", "?", ("a", "b"), 0)
    with pytest.raises(BadInput, match="2 questions have the uid 'x'"):
        Questions("made", "1", (question, question))


def test_scenes_are_drawn_anew_the_same() -> None:
    first, again = load("scenes", limit=6, seed=1), load("scenes", limit=6, seed=1)
    assert first.name == "scenes"
    assert first.version == again.version
    assert uids(first) == uids(again)
    assert len(first) == 6
    assert load("scenes", limit=6, seed=2).version != first.version
    assert load("scenes", limit=6, seed=1, split="train").version != first.version


def test_a_home_folder_is_found_by_its_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    shutil.copy(SAMPLE, tmp_path / "sample.tsv")
    assert len(load("~/sample.tsv")) == 13
    assert len(load("mmbench-en", data="~/sample.tsv", split="dev")) == 10
