"""Sequential stopping: intervals cover at all looks together, and a run stops once its drops are precise."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import planted_suites
from unswayed.benchmarks import registry
from unswayed.errors import BadInput
from unswayed.metrics.suite.sequential import FIRST_LOOK, drop_sequence, looks
from unswayed.suite.collect import collect
from unswayed.suite.stopping import batches, parse_until

TEXT = """
conditions = ["base", "wrong-caption"]
until = "drop:28"
[benchmarks.scenes]
limit = 130
[models.steady]
model = "scripted:caption-follower:p=0.1,acc=0.95"
"""


def _ever_missed(rng: np.random.Generator, lost: float, gained: float, size: int) -> bool:
    """Whether the sequence misses the true drop at any look; half of the groups share one answer."""
    groups = 900
    p = [1 - lost - gained, lost, gained]
    own = rng.choice([0, 1, -1], size=(groups, size), p=p)
    shared = rng.choice([0, 1, -1], size=(groups, 1), p=p)
    delta = np.where(rng.random((groups, 1)) < 0.5, shared, own)
    for look in looks(groups):
        e = drop_sequence(delta[:look].ravel(), np.repeat(np.arange(look), size), planned=300)
        assert e.low is not None
        assert e.high is not None
        if not e.low <= lost - gained <= e.high:
            return True
    return False


@pytest.mark.parametrize(("lost", "gained", "size"), [(0.3, 0.05, 1), (0.03, 0.01, 1), (0.2, 0.1, 4)])
def test_the_sequence_covers_at_all_looks_together(
    rng: np.random.Generator, lost: float, gained: float, size: int
) -> None:
    runs = 300
    missed = sum(_ever_missed(rng, lost, gained, size) for _ in range(runs))
    assert missed / runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)


def test_an_interval_for_fixed_n_would_not_cover(rng: np.random.Generator) -> None:
    """The reason for the sequence: 1.96 standard errors, looked at as often, miss the truth far too often."""
    missed, runs = 0, 300
    for _ in range(runs):
        delta = rng.choice([0, 1, -1], size=900, p=[0.6, 0.2, 0.2])
        for look in looks(900):
            half = 1.96 * delta[:look].std(ddof=1) / np.sqrt(look)
            if abs(delta[:look].mean()) > half:
                missed += 1
                break
    assert missed / runs > 0.12


def test_looks_grow_and_end_with_all() -> None:
    assert looks(10) == [10]
    found = looks(1000)
    assert (found[0], found[-1]) == (FIRST_LOOK, 1000)
    assert all(a < b for a, b in pairwise(found))


def test_batches_are_growing_beginnings_with_whole_groups() -> None:
    questions = registry.load("scenes", limit=110)
    found = batches(questions, seed=3)
    assert {q.uid for q in found[-1]} == {q.uid for q in questions}
    for small, large in pairwise(found):
        assert large[: len(small)] == small
        assert not {q.group for q in small} & {q.group for q in large[len(small) :]}
    assert [q.uid for q in batches(questions, seed=4)[0]] != [q.uid for q in found[0]]


@pytest.mark.parametrize("text", ["", "drop", "drop:0", "drop:200", "drop:-1", "accuracy:2", "drop:x"])
def test_a_wrong_target_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="give drop:POINTS"):
        parse_until(text)


def test_a_run_stops_once_its_drops_are_precise_and_the_results_say_what_was_saved(tmp_path: Path) -> None:
    states, _ = planted_suites.run(tmp_path, TEXT)
    assert states[0].stop is not None
    assert states[0].stop["asked"] < states[0].stop["questions"] == 130
    (run,) = collect(tmp_path / "out").results.runs
    assert run.stop is not None
    sequence = run.stop.drops["wrong-caption"]
    assert sequence.low is not None
    assert sequence.high is not None
    assert (sequence.high - sequence.low) / 2 <= 0.28
    assert run.trials == 2 * run.stop.asked
    again, watched = planted_suites.run(tmp_path, TEXT)
    assert not watched.asked
    assert again[0].stop == states[0].stop
