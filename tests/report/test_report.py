"""The report says the summary's numbers, and nothing that a model says changes anything else."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from report_trials import EMPTY, HOSTILE, MANIFEST, PICTURES, Seen, data_of, trials
from trial_tables import table
from unswayed.errors import BadInput
from unswayed.formatting import format_interval, format_number, measure_info, visible
from unswayed.metrics import summarise
from unswayed.metrics.summary import Claim, ClaimPart, ConditionRow, CurvePoint, Estimate, Summary
from unswayed.report import build
from unswayed.report.charts.svg import svg_tag
from unswayed.report.claims import part_text
from unswayed.report.headline import headline
from unswayed.report.rendering import json_block


@pytest.fixture(scope="module")
def run() -> pa.Table:
    return trials()


@pytest.fixture(scope="module")
def page(run: pa.Table) -> str:
    return build(summarise(run), run, MANIFEST, PICTURES.get)


def test_every_condition_and_its_numbers_stand_on_the_page(run: pa.Table, page: str) -> None:
    summary = summarise(run)
    assert {row.condition for row in summary.rows} == set(run["condition"].to_pylist())
    text = " ".join(Seen(page).text)
    for row in summary.rows:
        assert row.condition in text
        for name in ("accuracy", "consistency", "drop", "p_correct", "letter_entropy", "brier"):
            if name in row.measures:
                e, form = row.measures[name], measure_info(name).format
                assert format_number(e.value, form) in text
                assert format_interval(e, form) in text
    for claim in summary.claims:
        assert claim.text in text
        assert claim.note in text
        for part in claim.parts:
            assert part.label in text
            assert part_text(part) in text
    for state, count in summary.rows[0].states.items():
        assert state == "ok" or not count or f"{count} {state}" in text
    for value in ("0.1.0", "</answer>", "continues", MANIFEST["strings"]["stop-think"]):
        assert value in text


def test_the_page_needs_nothing_else_and_allows_only_its_own_script(page: str) -> None:
    seen = Seen(page)
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in seen.links)
    assert not seen.tags.keys() & {"link", "iframe", "object", "embed", "base", "form", "audio", "video"}
    assert not any(name.startswith("on") for _, name in seen.attributes)
    assert "url(" not in page
    assert "@import" not in page
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    assert policy
    assert policy[1].startswith("default-src 'none'")
    digest = base64.b64encode(hashlib.sha256(seen.scripts[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy[1]
    assert len(seen.scripts) == 2


def test_the_script_never_writes_markup(page: str) -> None:
    for word in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "Function("):
        assert word not in Seen(page).scripts[1]


def strings(column: str, payload: str, kind: pa.DataType, n: int) -> pa.Array:
    """A column of `kind` that says `payload` in every row, still telling rows apart where that matters."""
    if pa.types.is_list(kind):
        return pa.array([[payload + str(i) for i in range(5)]] * n, kind)
    return pa.array(
        [payload + str(i) if column in ("key", "uid", "group") else payload for i in range(n)], kind
    )


@pytest.mark.parametrize("payload", HOSTILE)
def test_hostile_text_in_every_column_changes_no_tag_and_no_script(payload: str) -> None:
    run = trials(6)
    plain = Seen(build(summarise(run), run, {"a": "x", "b": {"c": ["x"]}}, PICTURES.get))
    for name in ("error", "text", "thought", "prompt", "prefill", "cue_text", "cue_writer", "question",
                 "options", "image_sha256", "revision", "model", "benchmark", "family", "uid"):  # fmt: skip
        at = run.schema.get_field_index(name)
        run = run.set_column(
            at, run.schema.field(at), strings(name, payload, run.schema.field(at).type, len(run))
        )
    condition_at = run.schema.get_field_index("condition")
    conditions = [c if c == "base" else c + payload for c in run["condition"].to_pylist()]
    run = run.set_column(condition_at, "condition", pa.array(conditions))
    summary = replace(
        summarise(run),
        claims=(Claim(payload, payload, "holds", (ClaimPart(payload, "points", Estimate(0.5)),), payload),),
        curves={payload: (CurvePoint(0, 1, 0.5, Estimate(0.5, 0.4, 0.6, 9)),)},
        health={payload: {payload: 1.0}},
        families={payload: {payload: Estimate(0.5, 0.4, 0.6, 9)}},
    )
    manifest = {payload: payload, "b": {payload: [payload]}}
    page = build(summary, run, manifest, lambda sha: payload.encode(), title=payload)
    seen = Seen(page)
    assert len(seen.scripts) == 2
    assert seen.scripts[1] == plain.scripts[1]
    assert seen.tags.keys() <= plain.tags.keys()
    assert seen.attributes <= plain.attributes
    assert seen.tags["style"] == seen.tags["h1"] == 1
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b\u2028\u2029\x00\x1b]", page)
    examples = data_of(page)["trials"]
    assert visible(payload) in {t["text"] for t in examples}


@pytest.mark.parametrize("payload", HOSTILE)
def test_drawings_escape_their_text_and_attributes(payload: str) -> None:
    drawn = Seen(str(svg_tag("svg", payload, svg_tag("title", payload), aria_label=payload)))
    assert drawn.tags == {"svg": 1, "title": 1}
    assert drawn.attributes == {("svg", "aria-label")}
    assert drawn.text == [visible(payload)] * 2


def test_example_data_survive_their_block() -> None:
    value = {"a": "</script><!-- & \u2028 \U0001f600 é", "b": [1.5, None, True]}
    block = json_block(value)
    assert not set("<>&\u2028") & set(block)
    assert json.loads(block) == value


def summary_of(**drops: tuple[float, float, float]) -> Summary:
    """A summary with a base of 78 % and the given drops (value, low, high) by condition."""
    rows = [
        ConditionRow("base", 9, {}, {"accuracy": Estimate(0.78, n=9), "consistency": Estimate(0.93, n=9)})
    ]
    rows += [
        ConditionRow(name.replace("_", "-"), 9, {}, {"drop": Estimate(*values, 9)})
        for name, values in drops.items()
    ]
    return replace(EMPTY, model="pebble", n_questions=1200, rows=tuple(rows))


@pytest.mark.parametrize(
    ("drops", "expected"),
    [
        (
            {"wrong_caption": (0.31, 0.2, 0.4), "wrong_think": (0.52, 0.4, 0.6)},
            "pebble is right on 78 % of 1,200 questions; a wrong caption takes 31 points away, a wrong "
            "thought 52; its thought and its answer agree in 93 %.",
        ),
        (
            {"wrong_caption": (0.01, -0.1, 0.1), "wrong_think": (0.01, 0.005, 0.02)},
            "pebble is right on 78 % of 1,200 questions; a wrong caption makes no measurable difference, a "
            "wrong thought takes 1 point away; its thought and its answer agree in 93 %.",
        ),
        (
            {"wrong_caption": (-0.05, -0.06, -0.04), "wrong_think": (-0.07, -0.08, -0.06)},
            "pebble is right on 78 % of 1,200 questions; a wrong caption adds 5 points, a wrong thought 7; "
            "its thought and its answer agree in 93 %.",
        ),
        ({}, "pebble is right on 78 % of 1,200 questions; its thought and its answer agree in 93 %."),
    ],
)
def test_the_headline_says_what_was_measured(drops: dict[str, Any], expected: str) -> None:
    assert headline(summary_of(**drops)) == expected


def test_a_run_without_anything_still_makes_a_page() -> None:
    page = build(EMPTY, table([]), {}, PICTURES.get)
    assert "m was asked 0 questions under 0 conditions, without base." in page
    assert "There are no trials to show." in page
    for name in ("base", "wrong-think"):
        only = trials(4)
        only = only.filter(pa.array([c == name for c in only["condition"].to_pylist()]))
        text = build(summarise(only), only, {}, lambda sha: None)
        assert {t["condition"] for t in data_of(text)["trials"]} == {name}


def test_a_table_without_a_column_is_refused_by_name(run: pa.Table) -> None:
    with pytest.raises(BadInput, match="under_cue"):
        build(summarise(run), run.drop_columns(["under_cue"]), {}, PICTURES.get)
