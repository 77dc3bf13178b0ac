"""The pages of a suite and of a leaderboard say what was planted, and run no text of anybody."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from browser import needs_chromium, open_page
from places import ROOT
from planted_suites import CONDITIONS
from report_trials import HOSTILE
from unswayed.cli import app
from unswayed.report.suite import tables
from unswayed.report.suite.leaderboard import build_leaderboard
from unswayed.report.suite.page import build
from unswayed.report.suite.published import PUBLISHED, published_table
from unswayed.suite.collect import Collected
from unswayed.suite.results import ModelEntry, Results
from unswayed.suite.results_file import FILE, write_results

CHECKS = """
const out = {};
const frame = document.querySelector("iframe");
frame.addEventListener("load", () => setTimeout(() => {
  try {
    const w = frame.contentWindow, d = w.document, by = (id) => d.getElementById(id);
    const wide = () => Math.max(d.documentElement.scrollWidth, d.body.scrollWidth);
    const set = (id, value) => { by(id).value = value; by(id).dispatchEvent(new w.Event("change")); };
    const tables = () => [...d.querySelectorAll("[data-measure]")]
      .filter((t) => !t.hidden).map((t) => t.getAttribute("aria-label"));
    out.ready = d.documentElement.dataset.ready;
    out.error = d.documentElement.dataset.error || "";
    out.widest = wide();
    out.first = tables();
    set("m-measure", "drop"); set("m-benchmark", "scenes-hard"); out.chosen = tables();
    out.start = by("count").textContent;
    d.body.dispatchEvent(new w.KeyboardEvent("keydown", { key: "j", bubbles: true }));
    out.next = by("count").textContent;
    set("f-condition", "wrong-caption"); set("f-wrong", "weak");
    out.filtered = by("count").textContent;
    out.weak = [...d.querySelectorAll(".answers > li")]
      .map((li) => li.textContent).find((t) => t.startsWith("weak"));
    out.condition = by("card").dataset.condition;
    for (const e of d.querySelectorAll("details")) e.open = true;
    out.widestOpen = wide();
    out.unnamed = [...d.querySelectorAll("button, select")]
      .filter((e) => !(e.textContent.trim() && (e.tagName === "BUTTON" || e.labels.length))).length;
    out.foreign = d.querySelectorAll("#card script, #card style, #card h1, #card a, #card svg, header b")
      .length;
  } catch (e) { out.failed = String(e); }
  document.body.dataset.out = JSON.stringify(out);
}, 300));
"""


@pytest.fixture(scope="module")
def page(collected: Collected) -> str:
    return build(collected)


def _hostile(results: Results) -> Results:
    """The same results as somebody might publish them who wants to run a script."""
    text = "".join(HOSTILE)[:1500]
    models = tuple(
        dataclasses.replace(m, model=text, revision=text, format=text[:100]) for m in results.models
    )
    benchmarks = tuple(dataclasses.replace(b, benchmark=text) for b in results.benchmarks)
    return dataclasses.replace(
        results, title=text, models=models, benchmarks=benchmarks, judges=(text,), date=text
    )


@needs_chromium
def test_the_page_works_on_a_phone(page: str, tmp_path: Path) -> None:
    seen = open_page(page, tmp_path, checks=CHECKS)
    assert "failed" not in seen, seen["failed"]
    assert (seen["ready"], seen["error"], seen["foreign"], seen["unnamed"]) == ("1", "", 0, 0)
    assert (seen["widest"], seen["widestOpen"]) == (360, 360)
    assert seen["first"] == ["Accuracy, mean over benchmarks"]
    assert seen["chosen"] == ["Drop, scenes-hard"]
    assert (seen["start"].split()[0], seen["next"].split()[0], seen["filtered"].split()[0]) == ("1", "2", "1")
    assert seen["condition"] == "wrong-caption"
    assert "wrong" in seen["weak"]


def test_the_page_names_every_model_and_escapes_the_title(page: str, collected: Collected) -> None:
    assert "<b>suite</b>" not in page
    assert "Planted &lt;b&gt;suite&lt;/b&gt;" in page
    for model in collected.results.models:
        assert f"<bdi>{model.name}</bdi>" in page
    assert "Finetuned against base" in page
    assert "C13" in page


def test_examples_show_one_question_for_all_models_disagreements_first(page: str) -> None:
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert data
    items = json.loads(data[1])["items"]
    assert items[0]["pattern"] == "split"
    for item in items:
        right = {a["correct"] for a in item["answers"]}
        assert item["pattern"] == ("split" if len(right) > 1 else "right" if True in right else "wrong")
        assert len({a["model"] for a in item["answers"]}) == len(item["answers"]) > 1
    assert {item["condition"] for item in items} == set(CONDITIONS)


def test_the_csv_holds_every_cell_at_full_precision(collected: Collected) -> None:
    results = collected.results
    lines = list(csv.DictReader(io.StringIO(tables.to_csv(results))))
    assert len(lines) == len(results.cells) + len(results.means)
    for cell, line in zip(results.cells, lines, strict=False):
        assert (line["model"], line["benchmark"], line["condition"]) == (
            cell.model,
            cell.benchmark,
            cell.condition,
        )
        assert float(line["accuracy"]) == cell.measures["accuracy"].value


def test_tables_are_ready_to_paste(collected: Collected) -> None:
    latex, markdown = tables.to_latex(collected.results), tables.to_markdown(collected.results)
    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{table}") == markdown.count("\n### ") + 1
    assert latex.count(r"\begin{table}") == 4 * 3 + 2  # measures x (mean + benchmarks), and two of pairs
    assert r"\toprule" in latex
    assert not re.search(r"(?<!\\)[%_]", latex.replace("\\%", "").replace("\\_", ""))


def test_a_leaderboard_reads_results_alone_and_escapes_them(collected: Collected) -> None:
    page = build_leaderboard([("ours", collected.results), ("theirs", _hostile(collected.results))])
    body = page[page.index("<body>") :]
    assert page.count("<script>") == 1
    assert "<img" not in body
    assert "onerror=" not in re.sub(r"&lt;.*?&gt;", "", body)
    assert body.count('<tr><th scope="row"><bdi>shut</bdi>') == 4


def test_published_numbers_stand_beside_measured_ones_and_enter_nothing(collected: Collected) -> None:
    results = collected.results
    assert published_table(results) is None
    hub_id = "RUBBISHLIKE/SpaceR"
    model = ModelEntry("strong", f"openai:{hub_id}")
    benchmark = dataclasses.replace(results.benchmarks[0], benchmark="cvbench")
    shown = published_table(dataclasses.replace(results, models=(model,), benchmarks=(benchmark,)))
    assert shown is not None
    ((name, cells),) = shown["lines"]
    assert (name, cells[1]["value"]) == ("strong", f"{PUBLISHED[hub_id][1]:.2f} %")


def _call(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)


def test_the_smoke_suite_runs_from_a_clone(tmp_path: Path) -> None:
    config, out = ROOT / "suites" / "smoke.toml", tmp_path / "smoke"
    only = [
        "--only",
        "planted-base",
        "--only",
        "planted-robust",
        "--only",
        "planted-closed",
        "--only",
        "mmbench",
    ]
    done = _call("suite", config, "--out", out, *only)
    assert done.exit_code == 0, done.output
    assert (out / "report.html").is_file()
    assert (out / FILE).is_file()
    assert sorted(p.parent.parent.name for p in out.rglob("trials.parquet")) == [
        "planted-base", "planted-closed", "planted-robust",
    ]  # fmt: skip
    table = _call("report", out, "--format", "markdown")
    assert "planted-robust" in table.output
    board = _call("leaderboard", out, "--out", tmp_path / "board.html")
    assert board.exit_code == 0
    assert "planted-robust" in (tmp_path / "board.html").read_text("utf-8")


def test_a_failed_run_ends_with_exit_code_1_and_its_reason(tmp_path: Path) -> None:
    config = tmp_path / "s.toml"
    config.write_text(
        'conditions = ["base"]\n[benchmarks.scenes]\nlimit = 3\n'
        '[models.a]\nmodel = "scripted:oracle"\n[models.b]\nmodel = "scripted:failer:p=1"\n'
    )
    done = _call("suite", config)
    assert done.exit_code == 1
    assert "planted failure" in done.output
    assert "1 of 2 runs failed" in done.output
    assert (tmp_path / "s" / "report.html").is_file()


def test_a_results_file_is_read_from_a_folder_or_a_path(collected: Collected, tmp_path: Path) -> None:
    write_results(collected.results, tmp_path / FILE)
    done = _call("leaderboard", tmp_path / FILE, "--out", tmp_path / "b.html", "--title", "Ours")
    assert done.exit_code == 0
    assert "Ours" in (tmp_path / "b.html").read_text("utf-8")
