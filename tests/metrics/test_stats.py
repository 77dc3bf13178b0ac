"""Intervals and tests against closed forms and other people's implementations."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats as scipy_stats
from statsmodels.stats.contingency_tables import mcnemar as their_mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from unswayed.metrics.auroc import auroc, auroc_difference
from unswayed.metrics.stats import (
    bins,
    difference,
    holm,
    mcnemar,
    mean,
    mean_p_value,
    rate,
    rng_for,
    split_difference,
)

SEED = 20240607


def alone(n: int) -> np.ndarray:
    return np.arange(n)


@pytest.mark.parametrize(("hits", "n"), [(0, 5), (5, 5), (1, 1), (3, 10), (497, 1000), (999, 1000)])
def test_one_row_a_group_gives_wilson(hits: int, n: int) -> None:
    result = rate(np.arange(n) < hits, alone(n))
    assert (result.value, result.n) == (hits / n, n)
    theirs = proportion_confint(hits, n, method="wilson")
    assert (result.low, result.high) == pytest.approx(theirs, abs=1e-12)
    scipys = scipy_stats.binomtest(hits, n).proportion_ci(method="wilson")
    assert (result.low, result.high) == pytest.approx((scipys.low, scipys.high), abs=1e-12)


def test_copies_of_a_row_add_no_certainty() -> None:
    hits = np.arange(40) < 28
    once = rate(hits, alone(40))
    copied = rate(np.repeat(hits, 5), np.repeat(alone(40), 5))
    assert copied.value == once.value
    assert copied.n == 200
    assert copied.low is not None
    assert copied.low < once.low + 1e-9 < once.high - 1e-9 < copied.high  # Student's t instead of z
    assert copied.high - copied.low < 1.1 * (once.high - once.low)


def test_group_numbers_do_not_matter(rng: np.random.Generator) -> None:
    hits, cluster = rng.random(60) < 0.6, rng.integers(0, 20, 60)
    assert rate(hits, cluster) == rate(hits, cluster * 7 + 3)
    delta = rng.integers(-1, 2, 60)
    assert difference(delta, cluster, 200, rng_for(1)) == difference(delta, cluster * 7 + 3, 200, rng_for(1))
    assert mcnemar(delta, cluster) == mcnemar(delta, cluster * 7 + 3)


def test_all_alike_in_few_groups_stays_unsure() -> None:
    result = rate(np.ones(50, bool), np.repeat(alone(5), 10))
    theirs = proportion_confint(
        5, 5, alpha=2 * scipy_stats.norm.sf(scipy_stats.t.ppf(0.975, 4)), method="wilson"
    )
    assert (result.low, result.high) == pytest.approx(theirs, abs=1e-12)
    assert rate(np.ones(50, bool), np.zeros(50, int)).low < 0.3


def test_nothing_counted_is_no_number() -> None:
    none = np.zeros(0, int)
    for result in (
        rate(none.astype(bool), none),
        mean(none.astype(float), none),
        difference(none, none, 10, rng_for(0)),
    ):
        assert (result.value, result.low, result.high, result.n) == (None, None, None, 0)
    assert mcnemar(none, none) == 1.0


def test_mean_of_single_rows_has_the_t_interval(rng: np.random.Generator) -> None:
    values = rng.normal(3, 2, 25)
    result = mean(values, alone(25))
    theirs = scipy_stats.t.interval(0.95, 24, values.mean(), scipy_stats.sem(values))
    assert result.value == pytest.approx(values.mean())
    assert (result.low, result.high) == pytest.approx(theirs)


def test_mean_keeps_its_bounds_and_needs_two_groups() -> None:
    result = mean(np.array([0.0, 0.0, 0.01, 1.0]), alone(4), (0.0, 1.0))
    assert result.low == 0.0
    assert mean(np.array([0.2, 0.4]), np.zeros(2, int)).low is None


def test_the_p_value_of_a_mean_is_that_of_the_t_test(rng: np.random.Generator) -> None:
    values = rng.normal(0.2, 1.0, 40)
    expected = scipy_stats.ttest_1samp(values, 0.0).pvalue
    assert mean_p_value(values, alone(40)) == pytest.approx(expected)
    repeated = mean_p_value(np.repeat(values, 3), np.repeat(alone(40), 3))
    assert repeated == pytest.approx(expected)  # copies of a row add no certainty
    assert mean_p_value(np.zeros(5), alone(5)) == 1.0
    assert mean_p_value(values, np.zeros(40, int)) is None
    assert mean_p_value(np.zeros(0), alone(0)) is None


def test_the_difference_of_two_shares_is_that_of_agresti_and_caffo() -> None:
    split = np.arange(60) < 20
    hits = np.arange(60) % 20 < np.where(split, 12, 5)  # 12 of 20, 10 of 40
    e = split_difference(hits, split, alone(60))
    assert (e.value, e.n) == (pytest.approx(12 / 20 - 10 / 40), 60)
    assert e.low is not None
    assert e.high is not None
    # The smoothed variances 13 * 9 / 22^3 and 11 * 31 / 42^3, or the plain ones where these are larger.
    variance = 60 / 59 * (0.6 * 0.4 / 20 + 0.25 * 0.75 / 40)
    variance += max(0.0, 13 * 9 / 22**3 - 0.6 * 0.4 / 20) + max(0.0, 11 * 31 / 42**3 - 0.25 * 0.75 / 40)
    half = float(scipy_stats.t.ppf(0.975, 59)) * np.sqrt(variance)
    assert (e.low, e.high) == pytest.approx((e.value - half, e.value + half))
    certain = split_difference(split, split, alone(60))
    assert (certain.value, certain.high) == (1.0, 1.0)
    assert certain.low is not None
    assert certain.low > 0.75
    assert split_difference(hits, np.zeros(60, bool), alone(60)).value is None


@pytest.mark.parametrize(("b", "c"), [(0, 1), (10, 0), (7, 3), (40, 61), (5, 5), (300, 200)])
def test_single_pairs_give_the_exact_mcnemar_test(b: int, c: int) -> None:
    delta = np.array([1] * b + [-1] * c + [0] * 17)
    theirs = their_mcnemar([[9, b], [c, 8]], exact=True).pvalue
    assert mcnemar(delta, alone(len(delta))) == pytest.approx(theirs, rel=1e-9)


def test_clustered_mcnemar_is_the_share_of_sign_flips(rng: np.random.Generator) -> None:
    for _ in range(20):
        delta, cluster = rng.integers(-1, 2, 30), rng.integers(0, 9, 30)
        sums = np.array([delta[cluster == g].sum() for g in range(9)])
        flips = [abs(np.dot(signs, sums)) for signs in itertools.product([-1, 1], repeat=9)]
        expected = np.mean(np.array(flips) >= abs(sums.sum()))
        assert mcnemar(delta, cluster) == pytest.approx(expected)


def test_counting_flips_and_its_large_sample_form_meet(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = np.repeat(np.arange(1500), 3)
    delta = rng.choice([-1, 0, 1], len(cluster), p=[0.185, 0.6, 0.215])
    counted = mcnemar(delta, cluster)
    monkeypatch.setattr("unswayed.metrics.stats._EXACT_UP_TO", 0)
    # As z: far out in the tail p-values of the two forms differ by more than any fixed ratio, for every draw.
    z_counted, z_large = (scipy_stats.norm.isf(p / 2) for p in (counted, mcnemar(delta, cluster)))
    assert z_counted == pytest.approx(z_large, abs=0.08)
    sums = np.bincount(cluster, weights=delta)
    yang = 2 * scipy_stats.norm.sf((abs(sums.sum()) - 1) / np.sqrt((sums**2).sum()))
    assert mcnemar(delta, cluster) == pytest.approx(yang, rel=1e-9)


def test_holm_agrees_with_statsmodels(rng: np.random.Generator) -> None:
    for size in (1, 2, 9):
        p = rng.random(size) ** 3
        assert holm(p.tolist()) == pytest.approx(multipletests(p, method="holm")[1])
    assert holm([0.01, None, 0.04]) == [0.02, None, 0.04]
    assert holm([]) == []


def test_difference_is_the_plain_group_bootstrap(rng: np.random.Generator) -> None:
    cluster = rng.integers(0, 80, 300)
    delta = rng.choice([-1, 0, 1], 300, p=[0.1, 0.6, 0.3])
    result = difference(delta, cluster, 20_000, rng_for(SEED))
    size, total = np.bincount(cluster), np.bincount(cluster, weights=delta)
    swing = np.sqrt(np.mean(total[total != 0] ** 2))
    total, size = np.append(total, [swing, -swing]), np.append(size, [300 / 80] * 2)
    picks = rng.integers(0, len(size), (20_000, len(size)))
    slow = np.quantile(total[picks].sum(axis=1) / size[picks].sum(axis=1), [0.025, 0.975])
    assert result.value == delta.mean()
    assert (result.low, result.high) == pytest.approx(slow, abs=0.004)


def test_no_difference_anywhere_is_not_certainty() -> None:
    result = difference(np.zeros(30, int), alone(30), 2000, rng_for(3))
    assert result.value == 0
    assert result.low < -0.03
    assert result.high > 0.03


def brute_auroc(score: np.ndarray, label: np.ndarray) -> float:
    pairs = [(a > b) + (a == b) / 2 for a in score[label] for b in score[~label]]
    return float(np.mean(pairs))


def test_auroc_counts_pairs_with_ties_as_half(rng: np.random.Generator) -> None:
    for _ in range(10):
        score, label = rng.integers(0, 6, 40).astype(float), rng.random(40) < 0.4
        result = auroc(score, label, alone(40))
        assert result.value == pytest.approx(brute_auroc(score, label))
        u = scipy_stats.mannwhitneyu(score[label], score[~label]).statistic
        assert result.value == pytest.approx(u / (label.sum() * (~label).sum()))
        assert 0 <= result.low < result.value < result.high <= 1


def test_auroc_variance_is_delongs(rng: np.random.Generator) -> None:
    label = np.arange(60) < 25
    first, second = rng.normal(size=60) + label, rng.normal(size=60) + label
    result = auroc_difference(first, second, label, alone(60))
    v10, v01 = [], []
    for s in (first, second):
        wins = (s[label][:, None] > s[~label]) + (s[label][:, None] == s[~label]) / 2
        v10.append(wins.mean(axis=1))
        v01.append(wins.mean(axis=0))
    delong = np.cov(v10) / 25 + np.cov(v01) / 35
    se = np.sqrt(delong[0, 0] + delong[1, 1] - 2 * delong[0, 1])
    half = scipy_stats.t.ppf(0.975, 59) * se
    assert result.value == pytest.approx(brute_auroc(first, label) - brute_auroc(second, label))
    assert result.high - result.low == pytest.approx(2 * half, rel=0.03)  # small-sample factors differ


def test_auroc_at_its_ends() -> None:
    label = np.arange(20) < 8
    assert auroc(np.ones(20), label, alone(20)).value == 0.5
    perfect = auroc(label.astype(float), label, alone(20))
    assert perfect.value == perfect.high == 1.0
    assert perfect.low < 0.75
    assert auroc(np.ones(20), np.ones(20, bool), alone(20)).value is None


def test_bins_have_equal_mass_and_never_part_ties(rng: np.random.Generator) -> None:
    sizes = np.bincount(bins(rng.random(1000), 10))
    assert len(sizes) == 10
    assert abs(sizes - 100).max() <= 1
    tied = np.array([0.1] * 3 + [0.5] * 90 + [0.9] * 7)
    result = bins(tied, 10)
    assert [len(set(result[tied == v])) for v in (0.1, 0.5, 0.9)] == [1, 1, 1]
    assert result[0] <= result[50] <= result[99]
    assert bins(np.ones(5), 8).tolist() == [0] * 5
