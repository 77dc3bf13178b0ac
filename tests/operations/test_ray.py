"""An audit in parts on a real Ray cluster of this machine: nothing is lost or doubled, whoever dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray")
import psutil
from ray.cluster_utils import Cluster

from unswayed.pipeline.audit import Run

AUDIT = ["scripted:slow:delay=0.05,chunk=4", "--limit", "40", "-c", "base,wrong-caption"]
TRIALS = 80


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("alone") / "run"
    subprocess.run([sys.executable, "-m", "unswayed", "audit", *AUDIT, "--out", folder], check=True)
    return Run.load(folder)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Two nodes of two CPUs, each with a raylet of its own."""
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    nodes.add_node(num_cpus=1)
    try:
        yield nodes
    finally:
        nodes.shutdown()


def start(folder: Path, cluster: Cluster) -> subprocess.Popen[str]:
    words = ["ray", "audit", *AUDIT, "--out", folder, "--parts", "4", "--cpus", "0.5"]
    words += ["--address", cluster.address]
    return subprocess.Popen([sys.executable, "-m", "unswayed", *words], stderr=subprocess.PIPE, text=True)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def answered(folder: Path) -> int:
    """Generations in the shards: one line each that has its place in the plan, also one that came twice."""
    return sum(file.read_text().count('"at":[') for file in folder.glob("shards/*.jsonl"))


def check(folder: Path, alone: Run) -> None:
    run = Run.load(folder)
    assert run.manifest["finished"]["trials"] == TRIALS
    columns = ["key", "uid", "condition", "state", "text", "answer", "letters"]
    assert run.trials.select(columns).equals(alone.trials.select(columns))


def workers() -> list[Any]:
    return [p for p in psutil.process_iter(["cmdline"]) if (p.info["cmdline"] or [""])[0] == "ray::run_words"]


def test_the_trials_are_those_of_one_process(cluster: Cluster, tmp_path: Path, alone: Run) -> None:
    process = start(tmp_path / "run", cluster)
    assert process.wait(200) == 0, process.stderr and process.stderr.read()
    check(tmp_path / "run", alone)
    assert answered(tmp_path / "run") == TRIALS
    assert (tmp_path / "run" / "report.html").exists()


def test_a_killed_worker_is_resumed(cluster: Cluster, tmp_path: Path, alone: Run) -> None:
    process = start(tmp_path / "run", cluster)
    for count in (8, 24):
        wait_for(lambda count=count: answered(tmp_path / "run") >= count and workers())  # type: ignore[misc]
        workers()[0].kill()
    assert process.wait(200) == 0, process.stderr and process.stderr.read()
    check(tmp_path / "run", alone)
    assert answered(tmp_path / "run") == TRIALS  # no stored answer was asked again


def test_a_killed_driver_is_resumed_by_the_same_command(cluster: Cluster, tmp_path: Path, alone: Run) -> None:
    process = start(tmp_path / "run", cluster)
    wait_for(lambda: answered(tmp_path / "run") >= 8)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    wait_for(lambda: not workers())
    again = start(tmp_path / "run", cluster)
    assert again.wait(200) == 0, again.stderr and again.stderr.read()
    check(tmp_path / "run", alone)
    assert answered(tmp_path / "run") == TRIALS


def test_a_removed_node_is_survived(cluster: Cluster, tmp_path: Path, alone: Run) -> None:
    process = start(tmp_path / "run", cluster)
    wait_for(lambda: answered(tmp_path / "run") >= 16)
    (node,) = cluster.worker_nodes
    cluster.remove_node(node, allow_graceful=False)
    assert process.wait(200) == 0, process.stderr and process.stderr.read()
    check(tmp_path / "run", alone)
    assert answered(tmp_path / "run") == TRIALS


def test_wrong_input_ends_all_parts_with_one_sentence(cluster: Cluster, tmp_path: Path) -> None:
    words = ["ray", "audit", "scripted:nobody", "--out", tmp_path / "run", "--address", cluster.address]
    done = subprocess.run([sys.executable, "-m", "unswayed", *words], capture_output=True, text=True)
    assert done.returncode == 2
    assert "no respondent 'nobody'" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
