"""The TOML file of a suite: what is wrong is named with its place and the remedy; a dry run needs no data."""

from __future__ import annotations

from pathlib import Path

import pytest

from places import ROOT
from planted_suites import suite_of
from unswayed.errors import BadInput
from unswayed.judges.panel import PAPER_JUDGES
from unswayed.suite.estimate import estimate
from unswayed.suite.loading import load_suite
from unswayed.suite.plan import plan_cells

GOOD = """
conditions = ["base", "wrong-caption"]
[benchmarks.scenes]
limit = 10
[models.a]
model = "scripted:oracle"
[models.b]
model = "openai:m"
base_url = ["http://localhost:1/v1"]
price = "in=1,out=2"
[estimate]
prompt_tokens = 1000
tokens = 100
tokens_per_second = 10.0
"""

WRONG = {
    "nothing": ("", "there are no models"),
    "unknown setting": (GOOD + "[sampling]\ntemprature = 1", "did you mean 'sampling.temperature'"),
    "wrong type": (GOOD.replace("limit = 10", 'limit = "ten"'), "limit is 'ten'; give a whole number"),
    "unknown condition": (
        GOOD.replace("wrong-caption", "wrong-hat"),
        "conditions: unknown condition 'wrong-hat'",
    ),
    "condition twice": (GOOD.replace("wrong-caption", "base"), "'base' is named twice"),
    "no model": (GOOD + "[models.c]\nsize = 7", "model 'c': model is missing"),
    "no such base": (
        GOOD + '[models.c]\nmodel = "pebble"\nfinetuned_from = "z"',
        "another model of this suite (a, b)",
    ),
    "itself": (GOOD + '[models.c]\nmodel = "pebble"\nfinetuned_from = "c"', "finetuned_from is 'c'"),
    "no address": (GOOD + '[models.c]\nmodel = "openai:x"', "give the address of its endpoint"),
    "price of local": (
        GOOD + '[models.c]\nmodel = "pebble"\nprice = "in=1,out=1"',
        "for models behind an endpoint",
    ),
    "weights": (GOOD + '[models.c]\nmodel = "pebble"\nweights = "ajar"', "one of open, closed"),
    "folder name": (GOOD + '[models."../up"]\nmodel = "pebble"', "a name has up to 80 letters"),
    "same folder": (GOOD + '[models.A]\nmodel = "pebble"', "would share a folder"),
    "dotted name": (GOOD + '[models.qwen2.5-vl]\nmodel = "pebble"', '[models."qwen2.5-vl"]'),
    "greedy samples": ("samples = 2\n" + GOOD, "set sampling.temperature"),
    "unknown judge": (GOOD + '[judges.x]\njudge = "someone"', "no judge called 'someone'"),
    "no table": ("models = 3\n", "models is 3; give a table"),
    "no TOML": ("models = [", "is not valid TOML"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_is_refused_with_place_and_remedy(case: str, tmp_path: Path) -> None:
    text, message = WRONG[case]
    with pytest.raises(BadInput) as error:
        suite_of(tmp_path, text)
    assert message in str(error.value)
    assert "planted.toml" in str(error.value) or case == "unknown judge"


def test_sampling_of_the_suite_holds_for_models_that_do_not_override_it(tmp_path: Path) -> None:
    more = "[sampling]\nmax_tokens = 7\ntemperature = 0.5\n[models.c]\nmodel = 'pebble'\n"
    more += "sampling.max_tokens = 9\n"
    models = suite_of(tmp_path, GOOD + more).models
    assert [(m.sampling.max_tokens, m.sampling.temperature) for m in models.values()] == [(7, 0.5)] * 2 + [
        (9, 0.5)
    ]


@pytest.mark.parametrize(
    ("only", "cells"),
    [
        ((), ["a/scenes", "b/scenes"]),
        (("a",), ["a/scenes"]),
        (("scenes",), ["a/scenes", "b/scenes"]),
        (("a", "scenes"), ["a/scenes"]),
        (("b/scenes",), ["b/scenes"]),
    ],
)
def test_only_selects_models_benchmarks_and_cells(
    only: tuple[str, ...], cells: list[str], tmp_path: Path
) -> None:
    assert [c.name for c in plan_cells(suite_of(tmp_path, GOOD), only)] == cells


def test_only_refuses_an_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there are a, b, and scenes"):
        plan_cells(suite_of(tmp_path, GOOD), ["c"])


def test_an_estimate_counts_trials_tokens_hours_and_money(tmp_path: Path) -> None:
    suite = suite_of(tmp_path, GOOD)
    found = estimate(suite, plan_cells(suite), tmp_path / "out")
    local, remote = found.cells
    assert (local.trials, remote.trials, found.trials) == (20, 20, 40)
    assert remote.prompt_tokens == 20 * 1000 + 20 * 1100  # the letter is asked behind prompt and thought
    assert remote.tokens == 20 * 100 + 20
    assert found.cost == {"USD": pytest.approx((42_000 * 1 + 2_020 * 2) / 1e6)}
    assert found.hours == pytest.approx(20 * 100 / 10 / 3600)
    assert local.cost is None


def test_an_estimate_needs_the_number_of_questions(tmp_path: Path) -> None:
    suite = suite_of(
        tmp_path, GOOD.replace("[benchmarks.scenes]\nlimit = 10", "[benchmarks.'x']\nbenchmark='x.tsv'")
    )
    with pytest.raises(BadInput, match="give limit or rows"):
        estimate(suite, plan_cells(suite), tmp_path / "out")


def test_the_suite_of_the_paper_has_its_design() -> None:
    suite = load_suite(ROOT / "suites" / "paper.toml")
    kinds = [model.weights for model in suite.models.values()]
    assert (kinds.count("open"), kinds.count("closed"), len(suite.benchmarks)) == (6, 4, 8)
    assert {j.judge.removeprefix("llm:openai:") for j in suite.judges.values()} == set(PAPER_JUDGES)
    base = [model.finetuned_from for model in suite.models.values() if model.weights == "open"]
    assert base == ["", *["qwen2.5-vl-7b"] * 5]
    found = estimate(suite, plan_cells(suite), ROOT / "nowhere")
    assert found.trials == sum(e.questions * len(e.cell.conditions) for e in found.cells) > 1_000_000
    assert set(found.cost) == {"USD"}
