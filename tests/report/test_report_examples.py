"""Which examples the page shows, and within which size."""

from __future__ import annotations

import base64
import io
import random
from collections import Counter

import pyarrow as pa
import pytest
from PIL import Image

from report_trials import MANIFEST, PICTURES, data_of, png, trials
from unswayed.formatting import MAX_CHARACTERS
from unswayed.metrics import summarise
from unswayed.report import build
from unswayed.report.example_selection import choose_trials, outcome_masks
from unswayed.report.examples import collect_examples, data_uri, mark_cue


@pytest.fixture(scope="module")
def run() -> pa.Table:
    return trials()


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
    assert max(whole.values()) == len(set(run["condition"].to_pylist())), (
        "some question is seen under all conditions"
    )


def test_pictures_are_stored_once_and_only_if_they_are_pictures() -> None:
    run = trials(5)
    asked: list[str] = []

    def picture(sha: str) -> bytes | None:
        asked.append(sha)
        return PICTURES.get(sha)

    examples = collect_examples(run, picture)
    assert len(asked) == len(set(asked))
    assert set(examples.images) == {s for t in examples.trials for s in t["images"]} & set(PICTURES)
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


def test_long_thoughts_do_not_empty_the_browser() -> None:
    """What counts against the size is the text that is shown, not the text that was written."""
    run = trials(15, thought="y" * 130_000)
    assert len(collect_examples(run, lambda sha: None).trials) == len(run)
