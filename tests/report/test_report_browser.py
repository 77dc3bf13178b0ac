"""The page in a real browser: no script error, working filters and keys, no sideways scroll."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from browser import dom, needs_chromium, open_page
from report_trials import HOSTILE, MANIFEST, PICTURES, data_of, trials
from unswayed.metrics import summarise
from unswayed.report import build

CHECKS = """
const out = {};
const frame = document.querySelector("iframe");
frame.addEventListener("load", () => setTimeout(() => {
  try {
    const w = frame.contentWindow, d = w.document, at = () => d.getElementById("count").textContent;
    const key = (k, on) => on.dispatchEvent(new w.KeyboardEvent("keydown", { key: k, bubbles: true }));
    out.ready = d.documentElement.dataset.ready;
    out.error = d.documentElement.dataset.error || "";
    out.inner = d.documentElement.clientWidth;
    out.widest = Math.max(d.documentElement.scrollWidth, d.body.scrollWidth);
    out.start = at();
    key("j", d.body); out.j = at();
    key("ArrowRight", d.body); out.right = at();
    key("k", d.body); out.k = at();
    const outcome = d.getElementById("f-outcome");
    key("j", outcome); out.inSelect = at();
    d.getElementById("next").click(); out.clicked = at();
    outcome.value = "flips"; outcome.dispatchEvent(new w.Event("change")); out.flips = at();
    out.chips = [...d.querySelectorAll("#card .chip")].map((e) => e.textContent);
    d.querySelector("#card .others button:not([aria-current])").click();
    out.other = d.getElementById("card").dataset.condition;
    d.getElementById("theme").click(); out.theme1 = d.documentElement.dataset.theme;
    const light = w.getComputedStyle(d.body).backgroundColor;
    d.getElementById("theme").click(); out.theme2 = d.documentElement.dataset.theme;
    out.repainted = light !== w.getComputedStyle(d.body).backgroundColor;
    out.unnamed = [...d.querySelectorAll("button, select")]
      .filter((e) => !(e.textContent.trim() && (e.tagName === "BUTTON" || e.labels.length))).length;
    for (const e of d.querySelectorAll("details")) e.open = true;
    out.widestOpen = Math.max(d.documentElement.scrollWidth, d.body.scrollWidth);
    out.handlers = [...d.querySelectorAll("*")]
      .filter((e) => [...e.attributes].some((a) => a.name.startsWith("on"))).length;
    out.foreign = d.querySelectorAll("#card script, #card style, #card h1, #card a, #card svg").length;
  } catch (e) { out.failed = String(e); }
  document.body.dataset.out = JSON.stringify(out);
}, 300));
"""


@pytest.fixture(scope="module")
def run() -> pa.Table:
    return trials(40)


@pytest.fixture(scope="module")
def page(run: pa.Table) -> str:
    return build(summarise(run), run, MANIFEST, PICTURES.get)


@needs_chromium
def test_keys_buttons_filters_and_theme_work_on_a_phone(page: str, tmp_path: Path) -> None:
    examples = data_of(page)["trials"]
    flips = [t for t in examples if "flips" in t["outcomes"]]
    seen = open_page(page, tmp_path, checks=CHECKS)
    assert "failed" not in seen, seen["failed"]
    assert (seen["ready"], seen["error"]) == ("1", "")
    assert seen["inner"] == 360
    assert seen["widest"] <= 360
    assert seen["widestOpen"] <= 360
    n = len(examples)
    assert [seen[k] for k in ("start", "j", "right", "k", "inSelect", "clicked")] == [
        f"{i} of {n}" for i in (1, 2, 3, 2, 2, 3)
    ]
    assert seen["flips"] == f"1 of {len(flips)}"
    assert "flips silently" in seen["chips"]
    assert seen["other"] in {t["condition"] for t in examples if t["uid"] == flips[0]["uid"]}
    assert (seen["theme1"], seen["theme2"], seen["repainted"]) == ("light", "dark", True)
    assert seen["unnamed"] == 0


@needs_chromium
def test_an_address_opens_the_page_at_its_filter(page: str, tmp_path: Path) -> None:
    examples = data_of(page)["trials"]
    wanted = [t for t in examples if t["condition"] == "wrong-caption" and "followed" in t["outcomes"]]
    assert len(wanted) > 1
    file = tmp_path / "page.html"
    file.write_text(page, "utf-8")
    seen = dom(f"{file.as_uri()}#condition=wrong-caption&outcome=followed&i=2", tmp_path / "profile")
    assert f">2 of {len(wanted)}</span>" in seen
    card = seen[seen.index('<article id="card"') :]
    assert f'data-uid="{wanted[1]["uid"]}"' in card[:300]
    assert 'data-condition="wrong-caption"' in card[:300]
    assert 'data-ready="1"' in seen
    assert "data-error" not in seen


@needs_chromium
def test_hostile_text_runs_nothing_and_widens_nothing(tmp_path: Path) -> None:
    everything = " ".join(HOSTILE) + "W" * 3000
    run = trials(
        6,
        text=everything,
        thought=everything,
        prompt=everything,
        prefill=everything,
        error=everything,
        cue_writer=everything,
        family=everything,
        model=everything,
        benchmark=everything,
        options=(everything,) * 4,
    )
    page = build(summarise(run), run, {everything: {everything: everything}}, PICTURES.get, title=everything)
    seen = open_page(page, tmp_path, checks=CHECKS)
    assert seen["ready"] == "1"
    assert seen["error"] == ""
    assert (seen["handlers"], seen["foreign"]) == (0, 0)
    assert seen["widest"] <= 360
    assert seen["widestOpen"] <= 360
