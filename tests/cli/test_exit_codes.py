"""Exit codes of the command line: an audit without an answer, repeated options, signals, and full disks."""

from __future__ import annotations

import base64
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import cli_process
from cli_in_process import run
from places import SAMPLE
from unswayed.pipeline.audit import Run

AUDIT = ["audit", "scripted:guesser", "--limit", "4"]


def test_an_audit_that_could_ask_nothing_fails_with_the_reason(tmp_path: Path) -> None:
    out = tmp_path / "run"
    result = run("audit", "scripted:guesser", "-b", SAMPLE, "-c", "irrelevant-caption", "--out", out)
    assert result.returncode == 1
    assert "no trial could be asked" in result.stderr
    assert "no irrelevant caption was written" in result.stderr
    assert (out / "report.html").exists()
    assert set(Run.load(out).trials["state"].to_pylist()) == {"not-asked"}


def test_an_audit_in_which_every_trial_failed_fails_with_the_commonest_reason(tmp_path: Path) -> None:
    table = tmp_path / "broken.tsv"
    no_image = base64.b64encode(b"this is no image " * 10).decode()
    rows = ["index\tquestion\tA\tB\tanswer\timage"]
    rows += [f"{i}\tWhich colour?\tred\tblue\tA\t{no_image}" for i in range(3)]
    table.write_text("\n".join(rows) + "\n")
    result = run("audit", "scripted:guesser", "-b", table, "-c", "base", "--out", tmp_path / "run")
    assert result.returncode == 1, result.stderr
    assert "every trial that was asked failed: 3 trials" in result.stderr
    assert "cannot be read" in result.stderr


def test_not_asked_conditions_are_reported_beside_the_asked_ones(tmp_path: Path) -> None:
    out = tmp_path / "run"
    result = run("audit", "scripted:guesser", "-b", SAMPLE, "-c", "base,irrelevant-caption", "--out", out)
    assert result.returncode == 0
    assert "not asked" in result.stdout
    assert "no irrelevant caption was written" in " ".join(result.stdout.split())


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--benchmark", ["audit", "scripted:guesser", "-b", "scenes", "--benchmark", "mmbench"]),
        ("--seed", ["cues", "write", "scenes", "--seed", "1", "--seed", "2"]),
        ("--out", ["report", "runs/x", "--out", "a", "-o", "b"]),
    ],
)
def test_an_option_that_takes_one_value_is_refused_twice(option: str, words: list[str]) -> None:
    result = run(*words)
    assert result.returncode == 2
    assert f"{option} is given 2 times" in result.stderr


SLOW = """
import asyncio, sys
from unswayed.backends import scripted
from unswayed.cli import main

generate = scripted.Scripted.generate

async def slow(self, requests):
    await asyncio.sleep(0.02)
    return await generate(self, requests)

scripted.Scripted.generate = slow
sys.argv[0] = "unswayed"
main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_an_audit_that_can_be_resumed(tmp_path: Path, number: signal.Signals) -> None:
    out = tmp_path / "run"
    words = [
        "audit",
        "scripted:guesser:chunk=1,concurrency=1",
        "--limit",
        "100",
        "-c",
        "base",
        "--out",
        str(out),
    ]
    process = subprocess.Popen([sys.executable, "-c", SLOW, *words], stderr=subprocess.PIPE, text=True)
    while not list(out.glob("shards/*.jsonl")):
        time.sleep(0.01)
        assert process.poll() is None
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "To resume, run the same command again" in " ".join(err.split())
    stored = len(Run.load(out).trials)
    assert 0 < stored < 100
    assert run(*words).returncode == 0
    assert len(Run.load(out).trials) == 100


def test_an_ignored_hang_up_stays_ignored(tmp_path: Path) -> None:
    code = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" + SLOW
    words = ["audit", "scripted:guesser", "--limit", "8", "-c", "base", "--out", str(tmp_path / "run")]
    process = subprocess.Popen([sys.executable, "-c", code, *words], stdout=subprocess.DEVNULL)
    time.sleep(0.5)
    process.send_signal(signal.SIGHUP)
    assert process.wait(60) == 0


def small_files() -> None:
    """No file may become longer than 20 kB: a full disk, seen from one process."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


def test_a_report_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert run(*AUDIT, "-c", "base", "--out", out).returncode == 0
    (out / "report.html").unlink()
    before = sorted(os.listdir(out))
    for target in ([], ["--format", "csv", "--out", tmp_path / "file" / "x.csv"]):
        (tmp_path / "file").write_text("")
        result = cli_process.run("report", out, *target, preexec_fn=small_files)
        assert result.returncode == 2
        assert "Traceback" not in result.stderr
        assert result.stderr.startswith("error: cannot write")
        assert sorted(os.listdir(out)) == before


def test_damage_is_one_line_that_names_the_way_back(tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert run(*AUDIT, "-c", "base,wrong-caption", "--out", out).returncode == 0
    shard = out / "shards" / "000001.jsonl"
    shard.write_bytes(shard.read_bytes()[:-2000])
    result = run("report", out)
    assert result.returncode == 0
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("warning:")]
    assert "cut short" in line
    assert f"unswayed repair {out}" in line
    repaired = run("repair", out)
    assert repaired.returncode == 0
    assert "8 trials" in repaired.stdout
    assert "warning" not in run("report", out).stderr
