"""`unswayed report` and `unswayed compare` on stored runs: formats, thresholds, warnings, bad targets."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from places import ROOT
from unswayed.cli import app
from unswayed.cli.evaluate.compare import reading_differences
from unswayed.errors import BadInput

STORED = ROOT / "tests" / "data" / "stored" / "v0.1"
JUDGED, INTERRUPTED = STORED / "judged-run", STORED / "interrupted-run"


def run(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.stdout


def test_comparisons_come_in_every_format(tmp_path: Path) -> None:
    table = run("compare", JUDGED, INTERRUPTED)
    assert "Faithful accuracy" in table
    assert "Drop (points)" in table
    lines = list(csv.DictReader(io.StringIO(run("compare", JUDGED, INTERRUPTED, "--format", "csv"))))
    assert {"accuracy", "drop", "faithful_accuracy", "p_correct", "letter_entropy"} <= {
        line["measure"] for line in lines
    }
    comparison = json.loads(run("compare", JUDGED, INTERRUPTED, "-f", "json"))
    assert [row["condition"] for row in comparison["rows"]][:2] == ["base", "stop-think"]
    assert run("compare", JUDGED, INTERRUPTED, "-f", "markdown").startswith("| condition |")
    run("compare", JUDGED, INTERRUPTED, "-f", "latex", "--out", tmp_path / "new" / "table.tex")
    assert r"\toprule" in (tmp_path / "new" / "table.tex").read_text("utf-8")
    with pytest.raises(BadInput, match="--out needs --format"):
        run("compare", JUDGED, INTERRUPTED, "--out", tmp_path / "table.txt")


def manifest(grammar: str, judge: str) -> dict[str, object]:
    return {"asks": {"judge": judge}, "sessions": [{"versions": {"grammar": grammar}}]}


def test_other_grammars_and_judges_are_named() -> None:
    same = manifest("1", "rules-2")
    assert list(reading_differences(same, same)) == []
    grammar, judge = reading_differences(same, manifest("2", "rules-3"))
    assert "different answer grammars (1; 2)" in grammar
    assert "different judges (rules-2; rules-3)" in judge
    panel = {**same, "judging": {"panel": [{"judge": "llm", "version": "x"}]}}
    assert "different judges (rules-2; llm x)" in next(reading_differences(same, panel))


def test_the_smallest_effect_changes_claims_not_measures(tmp_path: Path) -> None:
    pages = []
    for effect in (1, 30):
        run("report", JUDGED, "--smallest-effect", effect, "--out", tmp_path / f"{effect}.html")
        pages.append((tmp_path / f"{effect}.html").read_text("utf-8"))
    assert ["threshold −1.0" in page for page in pages] == [True, False]
    assert ["threshold −30.0" in page for page in pages] == [False, True]
    for bad in (0, 100, -3):
        with pytest.raises(BadInput, match="--smallest-effect is"):
            run("report", JUDGED, f"--smallest-effect={bad}")
    with pytest.raises(BadInput, match="for the claims of one run"):
        run("report", STORED / "study", "--smallest-effect", 1)


def test_a_report_that_cannot_be_written_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot write"):
        run("report", JUDGED, "--out", tmp_path / "file" / "page.html")
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]
