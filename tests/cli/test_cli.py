"""The command line: what it prints and leaves behind; exit code 2 with one sentence for bad input."""

import csv
import io
import signal
import subprocess
import sys
import time
from importlib.util import find_spec

import pyarrow.parquet as pq
import pytest

from cli_in_process import run
from unswayed.conditions import CONDITIONS

ASKED = [name for name, condition in CONDITIONS.items() if condition.in_all]
"""The conditions that an audit asks without `--conditions`."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("cli") / "run"
    done = run("audit", "scripted:caption-follower:p=0.5", "--limit", 40, "--out", out)
    assert done.returncode == 0, done.stderr
    return out, done


def test_the_commonest_error_is_told_under_the_table(tmp_path):
    done = run(
        "audit", "scripted:failer:p=1", "--limit", 5, "--conditions", "base", "--out", tmp_path / "run"
    )
    assert done.returncode == 1, "an audit in which every trial failed"
    texts = pq.read_table(tmp_path / "run" / "trials.parquet")["error"].to_pylist()
    assert "errors  5 trials" in done.stdout
    assert texts[0] in done.stdout


def test_an_audit_prints_the_table_and_says_where_the_report_is(folder):
    out, done = folder
    for name in ASKED:
        assert name in done.stdout
    assert f"report: {out / 'report.html'}" in done.stdout
    assert (out / "report.html").read_text().startswith("<!doctype html>")
    assert pq.read_table(out / "trials.parquet").num_rows == 40 * len(ASKED)


def test_the_same_command_again_asks_nothing_and_changes_nothing(folder):
    out, _ = folder
    before = (out / "trials.parquet").read_bytes()
    again = run("audit", "scripted:caption-follower:p=0.5", "--limit", 40, "--out", out)
    assert again.returncode == 0, again.stderr
    assert (out / "trials.parquet").read_bytes() == before


def test_another_question_set_in_the_same_folder_is_refused_with_the_difference(folder):
    out, _ = folder
    other = run("audit", "scripted:caption-follower:p=0.5", "--limit", 41, "--out", out)
    assert other.returncode == 2
    assert "limit" in other.stderr
    assert "Traceback" not in other.stderr


def test_the_report_is_rebuilt_from_the_trials(folder, tmp_path):
    out, _ = folder
    done = run("report", out, "--out", tmp_path / "again.html")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "again.html").read_text() == (out / "report.html").read_text()


def test_tables_for_papers(folder):
    out, _ = folder
    rows = list(csv.DictReader(io.StringIO(run("report", out, "--format", "csv").stdout)))
    assert {row["condition"] for row in rows} == set(ASKED)
    assert "\\begin{tabular}" in run("report", out, "--format", "latex").stdout
    assert run("report", out, "--format", "markdown").stdout.lstrip().startswith("|")


def test_two_runs_are_compared_on_the_same_questions(folder, tmp_path):
    out, _ = folder
    other = tmp_path / "oracle"
    assert run("audit", "scripted:oracle", "--limit", 40, "--out", other).returncode == 0
    done = run("compare", out, other)
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith("wrong-caption "))
    assert " 40 " in line
    assert "100.0" in line


def test_lists_have_one_line_each():
    listed = run("conditions").stdout
    assert all(name in listed for name in CONDITIONS)
    shown = run("conditions", "--show").stdout
    assert "<think>Okay let's see. This should be the final answer.</think>" in shown
    assert "scenes" in run("benchmarks").stdout
    assert "pebble" in run("models").stdout


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("audit", "pebbl"), "no model called 'pebbl'"),
        (("audit", "scripted:nobody"), "nobody"),
        (("audit", "opneai:org/model"), "'opneai:' is no kind of model; there are vllm:MODEL, openai:MODEL,"),
        (("audit", "scripted:oracle", "--token-budget", "9"), "--token-budget is for models behind"),
        (("audit", "inspect:a/b", "--key-env", "KEY"), "--key-env is for openai:MODEL"),
        (("cues", "write", "scenes", "--base-url", "http://127.0.0.1:9/v1"), "--base-url is for models"),
        (("audit", "scripted:oracle", "--conditions", "wrong-captoin"), "unknown condition 'wrong-captoin'"),
        (("audit", "scripted:oracle", "--benchmark", "scnes"), "did you mean 'scenes'"),
        (("audit", "scripted:oracle", "--benchmark", "/nowhere/x.tsv"), "/nowhere/x.tsv"),
        (("audit", "scripted:oracle", "--samples", "2"), "set a temperature"),
        (("audit", "scripted:oracle", "--split", "val"), "there are: train, dev, test"),
        (("audit", "scripted:oracle", "--limit", "0"), "limit"),
        (("report", "/nowhere"), "/nowhere"),
        (("compare", "/nowhere", "/nowhere"), "/nowhere"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(args, says, tmp_path):
    done = run(*args, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("package", "model"), [("inspect_ai", "inspect:openai/gpt-4o"), ("vllm", "vllm:org/model")]
)
def test_a_model_whose_package_is_not_installed_is_told_before_anything_is_asked(package, model, folder):
    if find_spec(package) is not None:
        pytest.skip(f"{package} is installed")
    out, _ = folder
    for args in (
        ("audit", model, "--limit", 2),
        ("judge", out, "--judge", f"llm:{model}"),
        ("cues", "write", "scenes", "--limit", 2, "--llm", model),
    ):
        done = run(*args)
        said = done.stderr.replace("\n", " ")
        assert (done.returncode, f"unswayed[{package.partition('_')[0]}]" in said) == (2, True), said
        assert "Traceback" not in said


def test_help_shows_every_kind_of_model():
    shown = run("audit", "--help").stdout
    for example in ("audit vllm:Qwen/", "audit openai:Qwen/", "audit inspect:anthropic/", "audit scripted:"):
        assert example in shown


def test_ctrl_c_keeps_what_was_answered_and_says_how_to_go_on(tmp_path):
    out = tmp_path / "run"
    args = [
        "audit",
        "scripted:slow:delay=0.02,chunk=4",
        "--limit",
        "60",
        "--conditions",
        "base",
        "--out",
        str(out),
    ]
    command = [sys.executable, "-m", "unswayed", *args]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not any(f.stat().st_size for f in out.glob("shards/*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "run the same command again" in stderr.replace("\n", " ")
    assert "Traceback" not in stderr
    done = run(*args)
    assert done.returncode == 0, done.stderr
    assert pq.read_table(out / "trials.parquet").num_rows == 60
