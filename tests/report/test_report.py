"""The report says the summary's numbers, and nothing that a model says changes anything else."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import random
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pyarrow as pa
import pytest
from PIL import Image

from trial_tables import table
from unswayed.conditions import CONDITIONS, Prompt, build_prompt, condition
from unswayed.errors import BadInput
from unswayed.formatting import (
    MAX_CHARACTERS,
    format_interval,
    format_number,
    measure_info,
    visible,
)
from unswayed.metrics import compare, summarise
from unswayed.metrics.summary import (
    Claim,
    ConditionRow,
    CurvePoint,
    Estimate,
    Summary,
)
from unswayed.question import Cue, Cues, Question
from unswayed.report import (
    build,
    compare_csv,
    compare_json,
    compare_latex,
    compare_markdown,
    to_csv,
    to_latex,
    to_markdown,
)
from unswayed.report.example_selection import choose_trials, outcome_masks
from unswayed.report.examples import collect_examples, data_uri, mark_cue
from unswayed.report.headline import headline
from unswayed.report.rendering import json_block
from unswayed.report.svg import svg_tag
from unswayed.report.tables import escape_latex
from unswayed.trial import Trial

NAMES = (
    "base", "stop-think", "wrong-think", "wrong-think-but", "wrong-caption", "wrong-caption-disclaimer",
    "correct-think", "correct-caption", "irrelevant-caption", "blank-image", "base+abstain",
    "wrong-think-quoted",
)  # fmt: skip
RIGHT = {"base": 0.8, "wrong-think": 0.3, "wrong-think-but": 0.4, "wrong-caption": 0.5, "blank-image": 0.3}
COLOURS = ("red", "green", "blue", "grey")


def png(i: int) -> bytes:
    """A tiny picture, another for each `i`."""
    rng = random.Random(i)
    picture = Image.new("RGB", (48, 48), (235, 235, 230))
    for _ in range(4):
        x, y, r = rng.randrange(40), rng.randrange(40), rng.randrange(4, 9)
        picture.paste(tuple(rng.randrange(256) for _ in range(3)), (x, y, min(48, x + r), min(48, y + r)))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def trials(n: int = 40, seed: int = 7, **over: Any) -> pa.Table:
    """A made-up run: `n` questions under all of `NAMES`; `over` replaces fields of every trial."""
    rng = random.Random(seed)
    rows = []
    for i in range(n):
        gold, cue = random.Random(i).sample(range(4), 2)  # the same questions for every seed
        question = Question(f"q{i:04}", "scenes", "What colour is the largest thing?", COLOURS, gold)
        cues = Cues(
            Cue("caption", cue, f"The picture shows a large {COLOURS[cue]} thing."),
            Cue("thought", cue, f"The largest thing looks {COLOURS[cue]}, so the answer is {COLOURS[cue]}."),
            Cue("caption", gold, f"The picture shows a large {COLOURS[gold]} thing."),
            Cue("thought", gold, f"The largest thing looks {COLOURS[gold]}."),
            Cue("caption", None, "The background is light."),
        )
        for name in NAMES:
            prompt = build_prompt(question, cues, condition(name), (png(i),))
            assert isinstance(prompt, Prompt)
            rows.append(_trial(rng, i, name, question, prompt, over))
    return table(rows)


def _trial(rng: random.Random, i: int, name: str, q: Question, prompt: Prompt, over: dict[str, Any]) -> Trial:
    state = rng.choices(("ok", "truncated", "unparsable", "error"), (94, 3, 2, 1))[0]
    ok, cue = state == "ok", prompt.cue.option if prompt.cue else None
    if rng.random() < RIGHT.get(name, 0.75):
        answer = q.gold
    else:
        answer = cue if cue is not None and rng.random() < 0.8 else rng.randrange(4)
    concluded = answer if rng.random() < 0.85 else rng.randrange(4)
    sure = rng.betavariate(5, 1.2) if answer == q.gold else rng.betavariate(1.2, 4)
    letters = tuple(sure if j == q.gold else (1 - sure) / 3 for j in range(4))
    if len(prompt.options) == 5:
        letters = (*(p * 0.9 for p in letters), 0.1)
    fate = "follows" if answer == cue else "revises" if answer == concluded else "flips"
    wrong_think = ok and name.startswith("wrong-think")
    thought = f" Looking again, the largest thing is {COLOURS[concluded]}."
    said, broken = f"{thought}</think><answer>({'ABCD'[answer]})</answer>", state == "error"
    fields: dict[str, Any] = {
        "key": f"{name}-{i}", "benchmark": "scenes", "family": ("colour", "count", "relation")[i % 3],
        "uid": q.uid, "group": q.uid, "condition": name, "sample": 0, "model": "pebble", "revision": "c0ffee",
        "n_options": len(prompt.options), "gold": q.gold, "options": prompt.options, "question": q.text,
        "state": state, "cue": cue, "cue_text": prompt.cue.text if prompt.cue else None,
        "cue_writer": "template: a" if prompt.cue else None, "prompt": prompt.text, "prefill": prompt.prefill,
        "image_sha256": tuple(hashlib.sha256(d).hexdigest() for d in prompt.images),
        "text": None if broken else said, "error": "the server hung up" if broken else None,
        "thought": thought if ok else None, "answer": answer if ok else None,
        "correct": None if broken else ok and answer == q.gold,
        "followed_cue": answer == cue if ok and cue is not None else None,
        "concluded": concluded if ok else None, "judged": True if ok else None,
        "consistent": concluded == answer if ok else None, "under_cue": fate if wrong_think else None,
        "acknowledges": rng.random() < 0.2 if ok and cue is not None else None,
        "letters": letters, "letters_outside": 0.01, "p_correct": letters[q.gold],
        "letter_entropy": rng.uniform(0.1, 1.2), "tokens": 40, "prompt_tokens": 120,
        "seconds": 0.5, "attempts": 1,
    }  # fmt: skip
    return Trial(**{**fields, **over})


PICTURES = {hashlib.sha256(png(i)).hexdigest(): png(i) for i in range(200)}
MANIFEST = {
    "unswayed": "0.1.0",
    "seed": 0,
    "sampling": {"temperature": 0.0, "max_tokens": 1024, "stop": ["</answer>"]},
    "capabilities": {"prefill": "continues", "letters": "exact"},
    "strings": {"stop-think": "<think>Okay let's see. This should be the final answer.</think>"},
    "conditions": list(NAMES),
}


@pytest.fixture(scope="module")
def run() -> pa.Table:
    return trials()


@pytest.fixture(scope="module")
def page(run: pa.Table) -> str:
    return build(summarise(run), run, MANIFEST, PICTURES.get)


EMPTY = Summary("m", "", (), 0, 0, 0, ())


class Seen(HTMLParser):
    """Everything a browser would act on: tags with their attributes, and the text of scripts."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: Counter[str] = Counter()
        self.attributes: set[tuple[str, str]] = set()
        self.links: list[str] = []
        self.scripts: list[str] = []
        self.text: list[str] = []
        self._inside = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self._inside = tag
        self.attributes |= {(tag, name) for name, _ in attrs}
        self.links += [
            value or "" for name, value in attrs if name in ("src", "href", "action", "xlink:href")
        ]
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        else:
            self.text.append(data)


def data_of(page: str) -> dict[str, Any]:
    """The examples as the page's script will read them."""
    found = json.loads(Seen(page).scripts[0])
    assert isinstance(found, dict)
    return found


def test_every_condition_and_its_numbers_stand_on_the_page(run: pa.Table, page: str) -> None:
    summary = summarise(run)
    assert {row.condition for row in summary.rows} == set(NAMES) >= set(CONDITIONS)
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
        assert claim.evidence in text
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


HOSTILE = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "</style><style>*{display:none}</style>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "<!--<script>",
    "--></noscript></details><h1>owned</h1>",
    "{{ 7 * 7 }} {% raw %}",
    "\u202egnorw\u202c \u2066x\u2069 \u200b\u2028\u2029\x00\x1b[31m",
    "]]></svg><a href='javascript:alert(1)'>x</a>",
]


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
        claims=(Claim(payload, payload, "holds", payload),),
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
    told = data_of(page)["trials"]
    assert visible(payload) in {t["text"] for t in told}


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


def test_examples_are_few_cover_what_occurs_and_stay_the_same(run: pa.Table) -> None:
    limit = 180
    rows = choose_trials(run, limit)
    assert len(rows) == len(set(rows)) == limit
    everything, shown = (
        {
            (c, name)
            for name, mask in outcome_masks(t).items()
            for c in t["condition"].filter(pa.array(mask)).to_pylist()
        }
        for t in (run, run.take(pa.array(rows)))
    )
    assert shown == everything
    shuffled = run.take(pa.array(random.Random(1).sample(range(len(run)), len(run))))
    assert set(shuffled.take(pa.array(choose_trials(shuffled, limit)))["key"].to_pylist()) == set(
        run.take(pa.array(rows))["key"].to_pylist()
    )
    whole = Counter(run.take(pa.array(rows))["uid"].to_pylist())
    assert max(whole.values()) == len(NAMES), "some question is seen under all conditions"


def test_pictures_are_stored_once_and_only_if_they_are_pictures() -> None:
    run = trials(5)
    asked: list[str] = []

    def picture(sha: str) -> bytes | None:
        asked.append(sha)
        return PICTURES.get(sha)

    told = collect_examples(run, picture)
    assert len(asked) == len(set(asked))
    assert set(told.images) == {s for t in told.trials for s in t["images"]} & set(PICTURES)
    for bad in (
        None,
        b"",
        b"<svg onload=alert(1)>",
        b"<html>",
        b"RIFF0000WAVE",
        b"\x89PNG\r\n\x1a\n" + b"0" * 10**5,
    ):
        assert data_uri(bad) is None
    noise = Image.effect_noise((1500, 1000), 90)
    out = io.BytesIO()
    noise.save(out, "PNG")
    small = data_uri(out.getvalue())
    assert small is not None
    with Image.open(io.BytesIO(base64.b64decode(small.split(",")[1]))) as opened:
        assert opened.size == (640, 427)


def test_the_page_stays_small_whatever_the_texts() -> None:
    run = trials(60, text="é" * 50_000, thought="y" * 50_000, prompt="z" * 50_000)
    page = build(summarise(run), run, MANIFEST, lambda sha: png(1) * 40)
    assert len(page.encode()) < 6_500_000
    text = data_of(page)["trials"][0]["text"]
    assert text.startswith("é" * MAX_CHARACTERS)
    assert "46,000 more characters" in text


def test_the_cue_is_marked_where_it_stands() -> None:
    assert mark_cue("It is red. What?", "It is red.") == [("It is red.", True), (" What?", False)]
    assert mark_cue("It is red but I could be wrong. What?", "It is red.")[0] == ("It is red", True)
    assert mark_cue("What?", None) == [("What?", False)]
    assert mark_cue("", "x") == []


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
