"""`unswayed probe`: the table, the page, exit code 2 with one sentence for bad input."""

import re

import pyarrow.parquet as pq
import pytest

from cli_in_process import run
from unswayed.interventions import INTERVENTIONS
from unswayed.metrics.thought_use import KINDS


@pytest.fixture(scope="module")
def probed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("probe") / "run"
    audit = run("audit", "scripted:oracle", "--limit", 24, "--conditions", "base", "--out", folder)
    assert audit.returncode == 0, audit.stderr
    return folder, run("probe", folder)


def test_the_terminal_shows_every_intervention_and_kind(probed):
    folder, done = probed
    assert done.returncode == 0, done.stderr
    for name in (*INTERVENTIONS, *KINDS):
        assert name in done.stdout
    assert f"trials: {folder / 'probe'}" in done.stdout
    assert pq.read_table(folder / "probe" / "trials.parquet").num_rows == 24 * len(INTERVENTIONS)


def test_an_oracle_needs_no_thought(probed):
    _, done = probed
    for name in ("think-truncated@0", "think-filler", "peer-think"):
        (line,) = re.findall(rf"^{name} .*$", done.stdout, re.MULTILINE)
        assert re.split(r"\s{2,}", line)[1:3] == ["24", "0 0–14"]
    assert re.search(r"area over the truncation curve +n 24 +0\.00", done.stdout)


def test_the_page_has_the_section(probed):
    folder, done = probed
    page = (folder / "report.html").read_text()
    assert f"report: {folder / 'report.html'}" in done.stdout
    assert 'id="thought-use"' in page
    assert "Area over the first curve: 0.000" in page
    assert page.count('class="q1"') + page.count('class="q4"') > 24
    again = run("report", folder, "--out", folder / "again.html")
    assert again.returncode == 0, again.stderr
    assert (folder / "again.html").read_text() == page


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--only", "think-filer"], "did you mean 'think-filler'"),
        (["--model", "scripted:guesser"], "another model"),
        (["--data", "somewhere"], "--data needs --benchmark"),
        (["--benchmark", "no-such"], "no benchmark is called"),
        (["--price", "in=1"], "--price is for models behind an endpoint"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(probed, arguments, words):
    folder, _ = probed
    done = run("probe", folder, *arguments)
    assert done.returncode == 2
    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_folder_that_is_no_run(tmp_path):
    done = run("probe", tmp_path)
    assert done.returncode == 2
    assert "not a run's manifest" in " ".join(done.stderr.split())


def test_an_audit_probes_pictures_and_shows_them(tmp_path):
    folder = tmp_path / "run"
    arguments = ("--limit", 8, "--conditions", "base", "--out", folder)
    done = run("audit", "scripted:oracle", *arguments, "--probe", "swapped-image,blank-image")
    assert done.returncode == 0, done.stderr
    for words in ("needs the picture", "needs its own picture", "same words to a swapped picture"):
        assert words in done.stdout
    page = (folder / "report.html").read_text()
    assert 'id="image-use"' in page
    assert 'class="triptych"' in page
    assert 'id="thought-use"' not in page
    trials = pq.read_table(folder / "probe" / "trials.parquet")
    assert set(trials["condition"].to_pylist()) == {"swapped-image", "blank-image"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--probe", "swaped-image"], "did you mean 'swapped-image'"), (["--probe", ""], "at least one")],
)
def test_a_wrong_probe_of_an_audit_asks_nothing(tmp_path, arguments, words):
    done = run("audit", "scripted:oracle", "--limit", 4, "--out", tmp_path / "run", *arguments)
    assert done.returncode == 2
    assert words in " ".join(done.stderr.split())
    assert not (tmp_path / "run").exists()
