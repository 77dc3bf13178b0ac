"""``unswayed benchmarks``, ``check`` and ``score``, and audits of what is read, as a user calls them."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmark_files import write_json, write_png
from places import SAMPLE
from published import published
from unswayed.benchmarks import BENCHMARKS
from unswayed.cli import app
from unswayed.errors import BadInput


def run(*words: object) -> str:
    """What the command prints. Raises the error that `main` turns into an exit code."""
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=True)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def test_all_are_listed_with_licence_and_source() -> None:
    lines = run("benchmarks").splitlines()
    for benchmark in BENCHMARKS.values():
        (at,) = (k for k, line in enumerate(lines) if line.startswith(f"{benchmark.name} "))
        assert benchmark.size in lines[at]
        assert benchmark.licence in lines[at + 1]
        assert benchmark.source in lines[at + 1]
        assert benchmark.needs in lines[at + 1]


def test_check_tells_what_is_there_and_what_was_left_out(tmp_path: Path) -> None:
    rows = [[7, "a dog on the left", "a dog on the right"]] * 2 + [[8, "a dog", "a dog"], [9, "x", "y"]]
    write_json(tmp_path / "coco_qa_one_obj.json", rows)
    for image in (7, 8):
        write_png(tmp_path / "val2017" / f"{image:012}.jpg")
    output = run("benchmarks", "check", "whatsup-coco-one", "--data", tmp_path, "--pictures")
    assert "2 in 1 groups" in output
    assert "left-right" in output
    assert "2 options: 2 questions" in output
    assert "left out  2 rows" in output
    assert "row 3 (index '2'): the option 'a dog' stands there twice" in output
    assert "row 4 (index '3'): its picture is not" in output
    assert "'0' and '1'" in output
    assert "2 read, 1 different, largest 40 x 30, 0 unreadable" in output


def test_the_same_sentence_about_another_picture_is_not_asked_twice(tmp_path: Path) -> None:
    rows = [
        {"identifier": f"1-{k}", "directory": "3", "sentence": "There is a box.", "label": "true"}
        for k in range(2)
    ]
    write_json(tmp_path / "dev.json", rows, lines=True)
    for k in range(2):
        write_png(tmp_path / "3" / f"dev-1-{k}-0.png", k)
    output = run("benchmarks", "check", "nlvr", "--data", tmp_path)
    assert "2 in 1 groups" in output
    assert "asked twice  0" in output


def test_a_part_of_a_benchmark_is_called_a_part(tmp_path: Path) -> None:
    rows = [[k, f"dog {k} on the left", f"dog {k} on the right"] for k in range(291)]
    for k in range(291):
        write_png(tmp_path / "vg_images" / f"{k}.jpg", k)
    for n, output in ((12, True), (291, False)):
        write_json(tmp_path / "vg_qa_two_obj.json", rows[:n])
        text = run("benchmarks", "check", "whatsup-vg-two", "--data", tmp_path)
        assert ("12 of the 291 rows of whatsup-vg-two are here" in text) == output


def test_one_data_set_in_two_forms_is_told_apart_with_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        run("benchmarks", "check", "sat", "--data", published("sat"))
    output = str(caught.value)
    for form in ("hub_schema/SAT_static.parquet (image_bytes", "static-00000-of-00001.parquet (images"):
        assert form in output
    assert "give one of them, or its folder, with --data" in output


def test_check_reads_a_file_by_path() -> None:
    assert "13 in 11 groups" in run("benchmarks", "check", SAMPLE)


def test_score_of_a_run_by_row_and_by_whole(tmp_path: Path) -> None:
    out = tmp_path / "run"
    run("audit", "scripted:oracle", "--benchmark", SAMPLE, "--out", out, "--conditions", "base")
    output = run("benchmarks", "score", out, "--data", SAMPLE)
    assert "rows" in output
    assert "circular" in output
    assert output.count("100.0%") >= 2
    with pytest.raises(BadInput, match="give the file with --data"):
        run("benchmarks", "score", out)
    other = tmp_path / "other.tsv"
    other.write_text(SAMPLE.read_text() + "\n")
    with pytest.raises(BadInput, match="asked other questions"):
        run("benchmarks", "score", out, "--data", other)


@pytest.mark.parametrize("name", ["whatsup", "whatsup-a=2+whatsup-b=1"])
def test_several_benchmarks_are_audited_and_scored_as_one(tmp_path: Path, name: str) -> None:
    out, data = tmp_path / "run", published("whatsup")
    run("audit", "scripted:oracle", "-b", name, "--data", data, "-c", "base", "--limit", 9, "--out", out)
    output = run("benchmarks", "score", out, "--data", data)
    assert "rows" in output
    assert "100.0%" in output


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("3dsrbench", "3dsrbench"),
        ("cvbench", "cvbench"),
        ("whatsup-a", "whatsup"),
        ("whatsup-b", "whatsup"),
        ("mmbench-en", "mmbench/mmbench_sample_en_circular.tsv"),
        ("mmbench-cn", "mmbench/mmbench_sample_cn.tsv"),
        ("sat", "sat/hub_schema"),
        ("geometry3k", "geometry3k/raw"),
        ("nlvr", "nlvr"),
    ],
)
def test_what_is_read_can_be_audited_to_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, data: str
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("UNSWAYED_CACHE", str(tmp_path / "cache"))
    path = published(*data.split("/"))
    out = tmp_path / "run"
    words = ["audit", "scripted:oracle", "--benchmark", name, "--data", path, "--limit", 3, "--out", out]
    if name in ("3dsrbench", "cvbench"):
        # Their images may not be passed on, so every trial fails, and the command says so.
        result = CliRunner().invoke(app, [str(word) for word in words])
        assert result.exit_code == 1
        assert "every trial that was asked failed" in result.output
    else:
        run(*words)
    assert (out / "report.html").stat().st_size > 10_000
