"""Tables as CSV, Markdown, LaTeX and JSON: the numbers of the summary and of comparisons, markup escaped."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

import pyarrow as pa
import pytest

from report_trials import EMPTY, trials
from unswayed.formatting import format_number, measure_info
from unswayed.metrics import compare, summarise
from unswayed.metrics.summary import ConditionRow, Estimate
from unswayed.report import (
    compare_csv,
    compare_json,
    compare_latex,
    compare_markdown,
    to_csv,
    to_latex,
    to_markdown,
)
from unswayed.report.tables import escape_latex


@pytest.fixture(scope="module")
def run() -> pa.Table:
    return trials()


def test_csv_reads_back_to_the_same_numbers(run: pa.Table) -> None:
    summary = summarise(run)
    lines = list(csv.DictReader(io.StringIO(to_csv(summary))))
    assert [line["condition"] for line in lines] == [row.condition for row in summary.rows]
    for line, row in zip(lines, summary.rows, strict=True):
        assert int(line["asked"]) == row.asked
        assert {state: int(line[state]) for state in row.states} == row.states
        for name, e in row.measures.items():
            cells = [line[name + part] for part in ("", "_low", "_high")]
            assert [float(c) if c else None for c in cells] == [e.value, e.low, e.high]
            assert int(line[name + "_n"]) == e.n
        assert (float(line["p_holm"]) if line["p_holm"] else None) == row.p_holm


@pytest.mark.parametrize("form", ["markdown", "latex"])
def test_paper_tables_hold_the_rounded_numbers(run: pa.Table, form: str) -> None:
    summary = summarise(run)
    if form == "markdown":
        lines = [line.strip("| ").split(" | ") for line in to_markdown(summary).splitlines()][2:]
    else:
        body = to_latex(summary).replace("$-$", "−").replace("\\%", "%")
        lines = [
            line.removesuffix(r" \\").split(" & ") for line in body.splitlines() if line.endswith(r"\\")
        ][1:]
    assert len(lines) == len(summary.rows)
    for line, row in zip(lines, summary.rows, strict=True):
        assert line[0] == row.condition
        assert int(line[1]) == row.asked
        value, low, high = (float(x) for x in re.findall(r"[\d.]+", line[2]))
        e = row.measures["accuracy"]
        assert (value, low, high) == tuple(round(100 * (v or 0), 1) for v in (e.value, e.low, e.high))


def test_table_markup_is_escaped() -> None:
    assert escape_latex("a_b & 5% $x$ #1 {y} \\z ~^") == (
        r"a\_b \& 5\% \$x\$ \#1 \{y\} \textbackslash{}z \textasciitilde{}\textasciicircum{}"
    )
    assert escape_latex("[x]") == "{}[x]"
    row = ConditionRow("a|b <i> `c` [d](e)", 1, {}, {"accuracy": Estimate(0.5, 0.4, 0.6, 1)})
    line = to_markdown(replace(EMPTY, rows=(row,))).splitlines()[2]
    assert line.startswith(r"| a\|b \<i\> \`c\` \[d\](e) | 1 | 50.0 % (40.0 to 60.0) |")
    assert ",'=1+1," in to_csv(replace(EMPTY, rows=(replace(row, condition="=1+1"),)))


def test_two_runs_stand_side_by_side(run: pa.Table) -> None:
    comparison = compare(run, trials(seed=8, model="peb_ble"))
    lines = [line.strip("| ").split(" | ") for line in compare_markdown(comparison).splitlines()]
    assert lines[0][3:5] == ["pebble", r"peb\_ble"]
    expected = [(row.condition, name, m) for row in comparison.rows for name, m in row.measures.items()]
    for line, (under, name, m) in zip(lines[2:], expected, strict=True):
        info = measure_info(name)
        form = "points" if info.format == "percent" else info.format
        assert line[0] == under
        assert line[1].startswith(info.title)
        assert line[2] == str(m.difference.n)
        assert line[3].startswith(format_number(m.first.value, info.format))
        assert line[5].startswith(format_number(m.difference.value, form))
    assert r"peb\_ble & difference" in compare_latex(comparison)


def test_comparisons_read_back_from_csv_and_json(run: pa.Table) -> None:
    comparison = compare(run, trials(seed=8, model="other"))
    lines = list(csv.DictReader(io.StringIO(compare_csv(comparison))))
    rows = json.loads(compare_json(comparison))["rows"]
    expected = [(row.condition, name, m) for row in comparison.rows for name, m in row.measures.items()]
    assert len(lines) == len(expected) > 12
    by_condition = {row["condition"]: row["measures"] for row in rows}
    for line, (under, name, m) in zip(lines, expected, strict=True):
        assert (line["condition"], line["measure"], int(line["n"])) == (under, name, m.difference.n)
        assert (
            float(line["difference"])
            == m.difference.value
            == by_condition[under][name]["difference"]["value"]
        )
        assert float(line["p_holm"]) == m.p_holm
