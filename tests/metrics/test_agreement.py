"""Agreement coefficients against textbook values and statsmodels; the correction against simulation."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from statsmodels.stats import inter_rater

from unswayed.metrics.judges.agreement import (
    NO_VOTE,
    fleiss_kappa,
    krippendorff_alpha,
    pairwise_agreement,
)
from unswayed.metrics.judges.judge_error import ShareEstimate, corrected_share, share_estimate
from unswayed.metrics.stats import wilson
from unswayed.metrics.summary import Estimate

RNG = np.random.default_rng


def single(n: int) -> np.ndarray:
    return np.arange(n)


def votes_of(seed: int, n: int = 120, judges: int = 4, categories: int = 4, noise: float = 0.3) -> np.ndarray:
    print("seed", seed)
    rng = RNG(seed)
    true = rng.integers(categories, size=(n, 1))
    return np.where(rng.random((n, judges)) < noise, rng.integers(categories, size=(n, judges)), true)


@pytest.mark.parametrize("seed", range(5))
def test_fleiss_kappa_is_that_of_statsmodels(seed: int) -> None:
    votes = votes_of(seed, categories=2 + seed)
    counts, _ = inter_rater.aggregate_raters(votes)
    result = fleiss_kappa(votes, single(len(votes)), 50, RNG(0))
    assert result.value == pytest.approx(inter_rater.fleiss_kappa(counts, method="fleiss"), abs=1e-12)
    assert result.n == len(votes)


# Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", section C: four observers, twelve units.
EXAMPLE = """
1 2 3 3 2 1 4 1 2 . . .
1 2 3 3 2 2 4 1 2 5 . 3
. 3 3 3 2 3 4 2 2 5 1 .
1 2 3 3 2 4 4 1 2 5 1 .
"""


def test_krippendorffs_own_example() -> None:
    lines = [
        [NO_VOTE if x == "." else int(x) - 1 for x in line.split()] for line in EXAMPLE.split("\n") if line
    ]
    votes = np.array(lines).T
    result = krippendorff_alpha(votes, single(12), 200, RNG(0))
    assert result.value == pytest.approx(0.743, abs=5e-4)
    assert result.n == 11
    assert result.low is not None
    assert result.high is not None
    assert result.low < 0.743 < result.high


def test_two_judges_two_categories_by_hand() -> None:
    # Ten units; agree on 6 (all "0" but one), ratings 0: 14, 1: 6.  D_o = 0.4, D_e = 2*14*6 / (20*19).
    a = np.array([0, 1, 0, 0, 0, 0, 0, 0, 1, 0])
    b = np.array([1, 1, 1, 0, 0, 1, 0, 0, 0, 0])
    result = krippendorff_alpha(np.stack([a, b], 1), single(10), 50, RNG(0))
    assert result.value == pytest.approx(1 - 0.4 / (2 * 14 * 6 / (20 * 19)))
    # Fleiss with two judges is Scott's pi: (0.6 - (0.7^2 + 0.3^2)) / (1 - ...)
    kappa = fleiss_kappa(np.stack([a, b], 1), single(10), 50, RNG(0))
    assert kappa.value == pytest.approx((0.6 - 0.58) / 0.42)


def test_abstentions_are_no_votes() -> None:
    votes = votes_of(7, judges=3)
    more = np.concatenate([votes, np.full((9, 3), NO_VOTE), np.array([[0, NO_VOTE, NO_VOTE]] * 5)])
    for coefficient in (fleiss_kappa, krippendorff_alpha):
        plain = coefficient(votes, single(120), 50, RNG(0))
        assert coefficient(more, single(134), 50, RNG(0)).value == pytest.approx(plain.value, abs=1e-12)
    pairs = pairwise_agreement(more, single(134))
    assert {pair: e.n for pair, e in pairs.items()} == {(0, 1): 120, (0, 2): 120, (1, 2): 120}
    assert pairs[0, 1].value == pytest.approx(np.mean(votes[:, 0] == votes[:, 1]))


def test_undefined_coefficients_are_none_without_warnings() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for coefficient in (fleiss_kappa, krippendorff_alpha):
            nobody = coefficient(np.full((5, 2), NO_VOTE), single(5), 20, RNG(0))
            assert (nobody.value, nobody.n) == (None, 0)
            one_category = coefficient(np.zeros((5, 2), int), single(5), 20, RNG(0))
            assert (one_category.value, one_category.n) == (None, 5)
            empty = coefficient(np.zeros((0, 3), int), single(0), 20, RNG(0))
            assert empty.value is None


def test_complete_agreement_has_an_interval_that_shrinks_with_groups() -> None:
    votes = np.repeat(RNG(1).integers(3, size=(60, 1)), 3, axis=1)
    many = krippendorff_alpha(votes, single(60), 50, RNG(0))
    few = krippendorff_alpha(votes, np.arange(60) // 10, 50, RNG(0))
    assert (many.value, many.high) == (1.0, 1.0)
    assert many.low is not None
    assert few.low is not None
    assert few.low < many.low < 1


def test_groups_widen_the_interval() -> None:
    votes = np.repeat(votes_of(3, n=40, judges=3), 5, axis=0)  # each thought five times over
    for coefficient in (fleiss_kappa, krippendorff_alpha):
        alone = coefficient(votes, single(200), 500, RNG(0))
        grouped = coefficient(votes, np.arange(200) // 5, 500, RNG(0))
        assert grouped.value == pytest.approx(alone.value)
        assert width(grouped) > 1.7 * width(alone)


def test_the_bootstrap_covers() -> None:
    """Judges who guess at rate 0.3 among even categories agree beyond chance at 0.7 squared."""
    covered = 0
    for seed in range(150):
        rng = RNG((5, seed))
        true = rng.integers(3, size=(80, 1))
        votes = np.where(rng.random((80, 3)) < 0.3, rng.integers(3, size=(80, 3)), true)
        e = krippendorff_alpha(votes, single(80), 200, rng)
        assert e.low is not None
        assert e.high is not None
        covered += e.low <= 0.7**2 <= e.high
    print("seed (5, 0..149), covered", covered / 150)
    assert covered / 150 > 0.88


def width(e: Estimate) -> float:
    assert e.low is not None
    assert e.high is not None
    return e.high - e.low


def known(p: float, n: int) -> ShareEstimate:
    return ShareEstimate(p, n, n, Estimate(p, *wilson(p, n, 1.96), n))


def test_the_correction_by_hand() -> None:
    # Rogan & Gladen: (0.7 + 0.8 - 1) / (0.9 + 0.8 - 1)
    result = corrected_share(known(0.7, 1000), known(0.9, 200), known(0.8, 100))
    assert result.value == pytest.approx(0.5 / 0.7)
    # Lang & Reiczigel's formulas, written out with z = 1.959964.
    z2 = 1.959963984540054**2
    p, se, sp = (700 + z2 / 2) / (1000 + z2), 181 / 202, 81 / 102
    j = se + sp - 1
    t = (p + sp - 1) / j
    spread = (
        p * (1 - p) / (1000 + z2) + t**2 * se * (1 - se) / 202 + (1 - t) ** 2 * sp * (1 - sp) / 102
    ) ** 0.5 / j
    shift = 2 * z2 * (t * se * (1 - se) / 202 - (1 - t) * sp * (1 - sp) / 102)
    assert result.low == pytest.approx(t + shift - z2**0.5 * spread)
    assert result.high == pytest.approx(t + shift + z2**0.5 * spread)


def test_a_judge_no_better_than_chance_corrects_nothing() -> None:
    assert corrected_share(known(0.5, 100), known(0.4, 50), known(0.6, 50)).value is None


def test_the_corrected_interval_covers_the_truth() -> None:
    covered, n = 0, 2000
    rng = RNG(11)
    for _ in range(n):
        seen = rng.binomial(300, 0.9 * 0.85 + 0.1 * 0.2) / 300  # 0.9 is true; Se 0.85, Sp 0.8
        e = corrected_share(
            known(seen, 300), known(rng.binomial(60, 0.85) / 60, 60), known(rng.binomial(40, 0.8) / 40, 40)
        )
        covered += e.low is not None and e.high is not None and e.low <= 0.9 <= e.high
    print("seed 11, covered", covered / n)
    assert 0.93 <= covered / n <= 0.99


def test_weights_stand_for_unlabelled_thoughts() -> None:
    # 90 thoughts of one stratum (10 looked at, all hits), 10 of another (10 looked at, none a hit).
    covered = np.array([True] * 10 + [False] * 10)
    weights = np.array([9.0] * 10 + [1.0] * 10)
    result = share_estimate(covered, single(20), weights)
    assert result is not None
    assert result.p == pytest.approx(0.9)
    assert result.n == pytest.approx(100**2 / (10 * 81 + 10))
    plain = share_estimate(covered, single(20))
    assert plain is not None
    assert (plain.p, plain.n) == (0.5, 20)
