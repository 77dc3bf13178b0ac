"""The page of a study says what was planted, in a file that needs nothing else and runs no model's text."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from browser import dom, needs_chromium, open_page
from planted_study import CONDITIONS, PAPER, STEPS, flat, write
from report_trials import HOSTILE, png
from unswayed.cli import app
from unswayed.errors import BadInput
from unswayed.metrics.training.alarms import find_alarms
from unswayed.report.charts import scales
from unswayed.report.study.page import write_study_report, write_training_figure
from unswayed.report.study.records import load
from unswayed.report.study.rollouts import collect_rollouts
from unswayed.report.study.sections import headline
from unswayed.report.study.tables import reference_arm

MEASURES = (
    *("accuracy", "robust_accuracy", "consistency", "letter_entropy", "p_correct", "thought_length"),
    *("template_share", "empty_thoughts", "cue_following", "dead_groups", "kl_start", "correct"),
)

CHECKS = """
const out = {};
const frame = document.querySelector("iframe");
frame.addEventListener("load", () => setTimeout(() => {
  try {
    const w = frame.contentWindow, d = w.document, by = (id) => d.getElementById(id);
    const shown = () => [by("card").dataset.uid, by("card").dataset.condition];
    const wide = () => Math.max(d.documentElement.scrollWidth, d.body.scrollWidth);
    out.ready = d.documentElement.dataset.ready;
    out.error = d.documentElement.dataset.error || "";
    out.widest = wide();
    out.start = shown();
    d.body.dispatchEvent(new w.KeyboardEvent("keydown", { key: "j", bubbles: true })); out.j = shown();
    by("previous").click(); out.back = shown();
    by("r-condition").selectedIndex = 1; by("r-condition").dispatchEvent(new w.Event("change"));
    out.condition = shown();
    by("r-arm").selectedIndex = 1; by("r-arm").dispatchEvent(new w.Event("change"));
    out.turns = d.querySelectorAll(".through > li").length;
    const light = w.getComputedStyle(d.body).backgroundColor;
    by("theme").click(); by("theme").click();
    out.dark = [d.documentElement.dataset.theme, light !== w.getComputedStyle(d.body).backgroundColor];
    for (const e of d.querySelectorAll("details")) e.open = true;
    out.widestOpen = wide();
    out.unnamed = [...d.querySelectorAll("button, select")]
      .filter((e) => !(e.textContent.trim() && (e.tagName === "BUTTON" || e.labels.length))).length;
    out.handlers = [...d.querySelectorAll("*")]
      .filter((e) => [...e.attributes].some((a) => a.name.startsWith("on"))).length;
    out.foreign = d.querySelectorAll("#card script, #card style, #card h1, #card a, #card svg").length;
  } catch (e) { out.failed = String(e); }
  document.body.dataset.out = JSON.stringify(out);
}, 300));
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    at = write(tmp_path_factory.mktemp("study") / "mini", PAPER, steps=(0, 50, 100), questions=80)
    (at / "images").mkdir()
    (at / "images" / ("0" * 64)).write_bytes(png(1))
    return at


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return write_study_report(folder).read_text("utf-8")


def data_of(page: str) -> dict[str, Any]:
    result = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert result
    data = json.loads(result[1])
    assert isinstance(data, dict)
    return data


def test_the_page_has_every_part(page: str) -> None:
    for part in ("figure-trajectories", "arms", "claims", "alarms", "measures", "rollouts", "runs"):
        assert f'id="{part}"' in page
    for name in MEASURES:
        assert f'id="figure-{name}"' in page
    for claim in ("C7", "C8", "C9", "C10", "C11", "C12"):
        assert f"<b>{claim}</b>" in page
    assert "Some arm has" not in page
    assert "short thoughts" in page
    assert "grpo+aug minus grpo" in page
    assert "None rang" not in page


def test_the_page_needs_nothing_else_and_runs_only_its_own_script(page: str) -> None:
    script = page[page.rindex("<script>") + 8 : page.rindex("</script>")]
    examples = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{examples}'" in page
    assert not re.search(r"""(src|href)=["'](?!#|data:)""", page)
    assert "http" not in re.sub(r"http-equiv", "", page)
    assert len(page) < 1_000_000


def test_the_headline_names_changes_and_alarms(folder: Path) -> None:
    result = load(folder).series()
    text = headline(result, find_alarms(result))
    assert text.startswith("grpo: accuracy up")
    assert "consistency of thought and answer down" in text
    assert "alarms in 3 of 12 runs" in text
    assert "no alarm in 12 runs" in headline(result, ())


def test_flat_arms_raise_no_alarm_and_the_first_arm_is_the_reference(tmp_path: Path) -> None:
    at = write(tmp_path / "flat", {"mine": flat, "other": flat}, (0,), steps=(0, 100), questions=40)
    result = load(at)
    assert reference_arm(result.series()) == "mine"
    page = write_study_report(at).read_text("utf-8")
    assert "No alarm was raised" in page
    assert "An arm has one seed" in page
    assert "other minus mine" in page
    assert '<span class="badge v-holds">' not in page


def test_rollouts_are_ordered_and_within_their_budget(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = load(folder)
    text = collect_rollouts(result.rollouts, result.load_image, list(PAPER), ["base", "wrong-think"])
    assert [(a["uid"], a["condition"]) for a in text.items[:2]] == [("q0", "base"), ("q0", "wrong-think")]
    first = text.items[0]["answers"]
    assert [s["step"] for s in first[: len(STEPS)]] == list(STEPS)
    assert list(dict.fromkeys(s["arm"] for s in first)) == list(PAPER)
    assert list(text.images) == ["0" * 64]
    assert ["It looks green.", True] in [list(piece) for a in text.items for piece in a["prefill"]]
    monkeypatch.setattr("unswayed.report.study.rollouts.TEXT_BYTES", 1000)
    less = collect_rollouts(result.rollouts, result.load_image, list(PAPER), ["base"])
    assert ({a["uid"] for a in less.items}, less.left_out) == ({"q0"}, 1)


def test_the_figure_is_a_file_of_its_own(folder: Path, tmp_path: Path) -> None:
    at = write_training_figure(folder, tmp_path / "docs" / "training.svg")
    drawn = ET.fromstring(at.read_text("utf-8"))
    assert drawn.tag == "{http://www.w3.org/2000/svg}svg"
    text = "".join(drawn.itertext())
    for arm in PAPER:
        assert arm in text
    assert "prefers-color-scheme:dark" in text
    at = write_training_figure(folder, tmp_path / "accuracy.svg", "accuracy")
    text = "".join(ET.fromstring(at.read_text("utf-8")).itertext())
    assert all(arm in text for arm in PAPER)
    assert all(condition in text for condition in CONDITIONS)
    with pytest.raises(BadInput, match=r"no measure 'acuracy'; there are: .*accuracy"):
        write_training_figure(folder, tmp_path / "none.svg", "acuracy")
    assert not (tmp_path / "none.svg").exists()


@pytest.mark.parametrize(("low", "up"), [(0.0, 1.0), (0.31, 0.34), (-3.0, 120.0), (0.0, 1e-4)])
def test_ticks_are_few_round_and_hold_the_range(low: float, up: float) -> None:
    ticks = scales.round_ticks(low, up)
    assert 3 <= len(ticks) <= 8
    assert ticks[0] <= low + 1e-9
    assert ticks[-1] >= up - 1e-9
    labels = [scales.tick_label(t, "percent", ticks) for t in ticks]
    assert len(set(labels)) == len(labels)


def test_the_command_recognises_a_study_and_refuses_tables(tmp_path: Path) -> None:
    run = CliRunner().invoke
    folder = write(tmp_path / "small", {"grpo": flat}, (0,), steps=(0, 100), questions=20)
    done = run(app, ["report", str(folder), "--out", str(tmp_path / "page.html")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "page.html").stat().st_size > 10_000
    drawn = run(app, ["report", str(folder), "--format", "svg", "--out", str(tmp_path / "f.svg")])
    assert drawn.exit_code == 0, drawn.output
    refused = run(app, ["report", str(folder), "--format", "csv"])
    assert isinstance(refused.exception, BadInput)
    assert "dynamics.parquet" in str(refused.exception)


def test_folders_without_study_or_audits_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no study and no training run"):
        load(tmp_path)
    (tmp_path / "dynamics.jsonl").write_text("")
    with pytest.raises(BadInput, match=r"config\.json"):
        load(tmp_path)
    (tmp_path / "config.json").write_text('{"arm": "grpo", "seed": 0}')
    with pytest.raises(BadInput, match="no audit"):
        write_study_report(tmp_path)


@needs_chromium
def test_hostile_text_runs_nothing_and_widens_nothing(tmp_path: Path) -> None:
    everything = " ".join(HOSTILE) + "W" * 3000
    over = dict.fromkeys(("question", "prompt", "prefill", "benchmark", "cue_text", "state"), everything)
    at = write(
        tmp_path / "bad",
        {everything: flat, "b": flat},
        (0, 1),
        text=everything,
        over={**over, "options": [everything] * 4},
        steps=(0, 100),
        questions=10,
    )
    page = write_study_report(at).read_text("utf-8")
    assert everything not in page
    seen = open_page(page, tmp_path, checks=CHECKS)
    assert "failed" not in seen, seen["failed"]
    assert (seen["ready"], seen["error"]) == ("1", "")
    assert (seen["handlers"], seen["foreign"], seen["unnamed"]) == (0, 0, 0)
    assert seen["widest"] <= 360
    assert seen["widestOpen"] <= 360


@needs_chromium
def test_keys_buttons_selects_and_theme_work_on_a_phone(page: str, tmp_path: Path) -> None:
    seen = open_page(page, tmp_path, checks=CHECKS)
    assert "failed" not in seen, seen["failed"]
    assert (seen["ready"], seen["error"]) == ("1", "")
    assert [seen[k] for k in ("start", "j", "back", "condition")] == [
        ["q0", "base"], ["q1", "base"], ["q0", "base"], ["q0", "stop-think"]
    ]  # fmt: skip
    assert (seen["turns"], seen["dark"]) == (len(STEPS), ["dark", True])
    assert seen["widestOpen"] <= 360


@needs_chromium
def test_an_address_opens_the_rollouts_of_an_arm(page: str, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(page, "utf-8")
    seen = dom(f"{file.as_uri()}#condition=wrong-think&arm=grpo%2Bfaith&seed=1", tmp_path / "profile")
    assert 'data-ready="1"' in seen
    assert "data-error" not in seen
    card = seen[seen.index('<article id="card"') :]
    assert 'data-condition="wrong-think"' in card[:300]
    assert card.count("<b>step ") == len(STEPS)
    assert '<span class="prefill">' in card
