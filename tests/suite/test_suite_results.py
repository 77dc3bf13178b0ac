"""Numbers of a suite: planted rates are recovered, models paired by question, orders compared; and a results
file that contradicts itself is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unswayed.errors import BadInput
from unswayed.metrics.stats import holm
from unswayed.metrics.suite.means import mean_over_benchmarks, weighted_sum
from unswayed.metrics.suite.ranks import kendall_tau
from unswayed.metrics.summary import Estimate
from unswayed.suite.collect import Collected
from unswayed.suite.results_file import FILE, parse_results, read_results, write_results


def test_means_over_benchmarks_are_means_of_the_cells(collected: Collected) -> None:
    results = collected.results
    cells = {(c.model, c.benchmark, c.condition): c.measures for c in results.cells}
    for mean in results.means:
        parts = [cells[mean.model, b.name, mean.condition]["accuracy"].value for b in results.benchmarks]
        assert mean.measures["accuracy"].value == pytest.approx(np.mean(parts))
        assert mean.benchmarks == 2


def test_planted_rates_of_following_lie_in_the_intervals(collected: Collected) -> None:
    by = {(m.model, m.condition): m.measures for m in collected.results.means}
    for model, rate in (("weak", 0.8), ("strong", 0.2), ("shut", 0.05)):
        e = by[model, "wrong-caption"]["cue_following_base_right"]
        assert (e.low or 0) <= rate <= (e.high or 0)


def test_a_finetuned_model_is_paired_with_its_base_and_corrected_over_all_tests(collected: Collected) -> None:
    pairs = [p for p in collected.results.pairs if p.measure == "accuracy"]
    assert {(p.base, p.finetuned, p.same_size) for p in pairs} == {
        ("weak", "strong", True),
        ("weak", "thinker", False),
    }
    pooled = [p for p in pairs if not p.benchmark]
    single = [p for p in pairs if p.benchmark]
    assert (len(pooled), len(single)) == (2 * 4, 2 * 2 * 4)
    for tests in (pooled, single):
        assert [p.p_holm for p in tests] == pytest.approx(holm([p.p_value for p in tests]))
    caption = next(p for p in pooled if p.finetuned == "strong" and p.condition == "wrong-caption")
    assert (caption.difference.low or 0) > 0.3
    assert caption.difference.n == 70


def test_c13_holds_for_planted_open_and_closed_models_and_names_what_was_not_compared(
    collected: Collected,
) -> None:
    (claim,) = collected.results.claims
    labels = {part.label: part.estimate for part in claim.parts}
    gap = labels["drop of open models - drop of closed models, under wrong-caption"]
    assert (gap.low or 0) > 0
    assert "not compared: wrong-think, " in claim.note
    assert "no effect of openness" in claim.note


def test_ranks_order_the_planted_models(collected: Collected) -> None:
    ranks = {r.model: r for r in collected.results.ranks if r.condition == "wrong-caption"}
    assert (ranks["shut"].rank, ranks["weak"].rank) == (1, 4)
    assert (ranks["weak"].best, ranks["weak"].worst) == (4, 4)
    assert all(r.best <= r.rank <= r.worst for r in collected.results.ranks)


def test_the_rules_order_models_as_the_panel_does(collected: Collected) -> None:
    orders = [o for o in collected.results.orders if o.kind == "judge"]
    assert {o.measure for o in orders} == {"consistency", "faithful_accuracy"}
    assert len({o.second for o in orders}) == 3
    rules = [o for o in orders if o.second.startswith("rules") and o.measure == "faithful_accuracy"]
    assert all(o.tau is not None and o.tau > 0.6 for o in rules)


@pytest.mark.parametrize(
    ("first", "second", "tau"),
    [([1, 2, 3, 4], [1, 2, 3, 4], 1), ([1, 2, 3], [1, 3, 2], 1 / 3), ([1, 1, 1], [1, 2, 3], None)],
)
def test_kendalls_tau(first: list[float], second: list[float], tau: float | None) -> None:
    assert kendall_tau(first, second) == (None if tau is None else pytest.approx(tau))


def test_a_weighted_sum_of_equal_normal_intervals_is_the_normal_one() -> None:
    parts = [(Estimate(0.5, 0.4, 0.6, 10), 0.5), (Estimate(0.7, 0.6, 0.8, 10), 0.5)]
    total = weighted_sum(parts)
    assert total.value == pytest.approx(0.6)
    assert total.low == pytest.approx(0.6 - 0.1 / np.sqrt(2))
    assert total.n == 20
    assert weighted_sum([(Estimate(None), 1.0)]).value is None
    assert mean_over_benchmarks([Estimate(0.5, None, None, 3)]) == Estimate(0.5, None, None, 3)


def test_results_read_back_as_written(collected: Collected, tmp_path: Path) -> None:
    write_results(collected.results, tmp_path / FILE)
    assert read_results(tmp_path) == read_results(tmp_path / FILE) == collected.results


def _changed(results: Any, path: str, value: Any) -> bytes:
    content = json.loads(json.dumps(results, default=lambda o: vars(o)))
    place = content
    *parts, last = [int(p) if p.isdigit() else p for p in path.split(".")]
    for part in parts:
        place = place[part]
    place[last] = value
    return json.dumps(content).encode()


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("schema", "other", "not a results file"),
        ("version", 99, "version '99'"),
        ("version", "<script>", "version '<script>'"),
        ("models", [], "need names"),
        ("models.0.size", "big", "Expected `float`"),
        ("models.0.weights", "ajar", "Invalid enum"),
        ("models.0.name", "x" * 3000, "not listed"),
        ("title", "x" * 3000, "more than 2,000 characters"),
        ("cells.0.model", "nobody", "are not listed"),
        ("cells.0.asked", -1, "negative"),
        ("cells.0.measures.accuracy.value", 7, "outside its interval"),
        ("cells.0.measures.accuracy.n", -7, "outside its interval, or its count"),
        ("cells.0.measures", {"accuracy": {"value": 1.5}}, "shares are 0 to 1"),
        ("cells.0.states", {"ok": "many"}, "Expected `int`"),
    ],
)
def test_a_results_file_that_contradicts_itself_is_refused(
    collected: Collected, path: str, value: Any, message: str
) -> None:
    with pytest.raises(BadInput) as error:
        parse_results(_changed(collected.results, path, value), "theirs.json")
    assert message in str(error.value)
    assert str(error.value).startswith("theirs.json: ")


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{", b'{"schema": "unswayed-results"}', b"\xff", b"[" * 100_000, b'{"a": NaN}']
)
def test_what_is_no_results_file_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput, match=r"theirs\.json: "):
        parse_results(data, "theirs.json")
