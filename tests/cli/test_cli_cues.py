"""``unswayed cues`` and ``unswayed audit --cues``: written once, shown, asked with, refused when stale."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cli_in_process import invoke as run
from places import SAMPLE
from unswayed.cues import cue_file
from unswayed.errors import BadInput
from unswayed.store import load

ASK = ["audit", "scripted:caption-follower:p=1", "--conditions", "base,wrong-caption"]


def test_cues_are_written_shown_and_asked_with(tmp_path: Path) -> None:
    out = tmp_path / "cues.parquet"
    said = run("cues", "write", str(SAMPLE), "--out", str(out), "--seed", "3")
    assert "100%" in said
    assert "# Cues" in (tmp_path / "cues.md").read_text()
    made = cue_file.read(out)
    assert made.sheet["seed"] == 3
    assert made.rows[0]["text"] in " ".join(run("cues", "show", str(out), "--n", "5").split())

    folder = tmp_path / "run"
    run(*ASK, "--benchmark", str(SAMPLE), "--cues", str(out), "--out", str(folder))
    trials, manifest = load(folder)
    assert manifest["asks"]["about"]["cues"] == made.sha256
    assert manifest["asks"]["cues"] == made.name
    asked = {row["cue_text"] for row in trials.to_pylist() if row["condition"] == "wrong-caption"}
    assert asked == {row["text"] for row in made.rows if row["kind"] == "wrong_caption"}


def test_a_benchmark_shows_the_cues_that_it_would_get() -> None:
    said = " ".join(run("cues", "show", str(SAMPLE), "--n", "2").split())
    assert said.count("wrong caption") == 2


def test_stale_cues_and_wrong_options_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "cues.parquet"
    run("cues", "write", str(SAMPLE), "--out", str(out), "--limit", "2")
    with pytest.raises(BadInput, match="is not in it; write the cues again"):
        run(*ASK, "--benchmark", str(SAMPLE), "--cues", str(out), "--out", str(tmp_path / "a"))
    changed = tmp_path / SAMPLE.name
    shutil.copy(SAMPLE, changed)
    changed.write_text(changed.read_text().replace("Which caption", "What caption"))
    run("cues", "write", str(SAMPLE), "--out", str(out))
    with pytest.raises(BadInput, match="another text, options or right option"):
        run(*ASK, "--benchmark", str(changed), "--cues", str(out), "--out", str(tmp_path / "b"))
    run("cues", "write", str(SAMPLE), "--out", str(out), "--use", "train")
    with pytest.raises(BadInput, match="phrasings for training"):
        run(*ASK, "--benchmark", str(SAMPLE), "--cues", str(out), "--out", str(tmp_path / "c"))
    for arguments, why in ((["--use", "both"], "--use is"), (["--out", "cues.csv"], "ends in .parquet")):
        with pytest.raises(BadInput, match=why):
            run("cues", "write", str(SAMPLE), *arguments)
