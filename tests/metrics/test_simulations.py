"""Do the intervals cover, and does the test keep its level, when the truth is known?

Every case draws many data sets from a model of questions in groups: a picture's difficulty is shared
by its questions, a question's by the conditions. 95 % intervals should cover in 93 to 97 of 100.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import norm

from unswayed.metrics.auroc import auroc, auroc_difference
from unswayed.metrics.calibration import calibration_error
from unswayed.metrics.stats import (
    difference,
    mcnemar,
    mean,
    rate,
)
from unswayed.metrics.summary import Estimate

SEED = 71
DRAWS = 1200  # Monte-Carlo standard error of a coverage of 0.95: 0.006
LOW, HIGH = 0.93, 0.975
"""What the true coverage may be."""
SIGMAS = 5.0
"""A binomial count lies further below or above its mean than this in less than one in a million draws."""

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]


def clusters(rng: np.random.Generator, kind: str, groups: int) -> np.ndarray:
    """Group of each row: one row a group, four rows, or one to seven."""
    sizes = {"single": np.ones(groups, int), "four": np.full(groups, 4), "varied": rng.integers(1, 8, groups)}
    return np.repeat(np.arange(groups), sizes[kind])


def answers(rng: np.random.Generator, cluster: np.ndarray, rho: float, p: float, q: float) -> tuple:
    """Right or not under two conditions with accuracies p and q; rho: how much of it the group decides."""
    shared = np.sqrt(rho) * rng.normal(size=cluster.max() + 1)[cluster]
    shared = shared + np.sqrt((1 - rho) / 2) * rng.normal(size=len(cluster))
    noise = np.sqrt((1 - rho) / 2) * rng.normal(size=(2, len(cluster)))
    return shared + noise[0] < norm.ppf(p), shared + noise[1] < norm.ppf(q)


def assert_covers(draw: Callable[[], Estimate], truth: float, draws: int = DRAWS) -> None:
    """The share of intervals that hold `truth` is that of a true coverage from `LOW` to `HIGH`, by chance at
    worst `SIGMAS` standard errors outside."""
    slack = [SIGMAS * np.sqrt(share * (1 - share) / draws) for share in (LOW, HIGH)]
    assert LOW - slack[0] <= coverage(draw, truth, draws) <= HIGH + slack[1]


def coverage(draw: Callable[[], Estimate], truth: float, draws: int = DRAWS) -> float:
    inside = 0
    for _ in range(draws):
        result = draw()
        assert result.low is not None
        assert result.high is not None
        inside += result.low <= truth <= result.high
    print("coverage", inside / draws, "of", truth)
    return inside / draws


@pytest.mark.parametrize(
    ("kind", "groups", "rho", "p"),
    [("single", 100, 0, 0.8), ("four", 40, 0.4, 0.6), ("varied", 60, 0.4, 0.8), ("four", 150, 0.7, 0.9)],
)
def test_rate_covers(rng: np.random.Generator, kind: str, groups: int, rho: float, p: float) -> None:
    def draw() -> Estimate:
        cluster = clusters(rng, kind, groups)
        return rate(answers(rng, cluster, rho, p, p)[0], cluster)

    assert_covers(draw, p, 2 * DRAWS)


def test_ignoring_groups_would_not_cover(rng: np.random.Generator) -> None:
    def draw() -> Estimate:
        cluster = clusters(rng, "four", 100)
        return rate(answers(rng, cluster, 0.7, 0.7, 0.7)[0], np.arange(len(cluster)))

    assert coverage(draw, 0.7) < 0.88


@pytest.mark.parametrize(
    ("kind", "groups", "rho", "p", "q"),
    [
        ("single", 150, 0, 0.8, 0.6),
        ("single", 400, 0, 0.9, 0.9),
        ("four", 100, 0.5, 0.85, 0.7),
        ("varied", 100, 0.5, 0.7, 0.7),
    ],
)
def test_difference_covers(
    rng: np.random.Generator, kind: str, groups: int, rho: float, p: float, q: float
) -> None:
    def draw() -> Estimate:
        cluster = clusters(rng, kind, groups)
        a, b = answers(rng, cluster, rho, p, q)
        return difference(a.astype(int) - b, cluster, 1000, rng)

    assert_covers(draw, p - q)


@pytest.mark.parametrize(("kind", "groups"), [("single", 200), ("varied", 80)])
def test_mean_covers(rng: np.random.Generator, kind: str, groups: int) -> None:
    def draw() -> Estimate:
        cluster = clusters(rng, kind, groups)
        shared = rng.gamma(2, 0.25, groups)[cluster]
        return mean(shared + rng.gamma(1, 0.5, len(cluster)), cluster)

    assert_covers(draw, 1.0, 2 * DRAWS)


@pytest.mark.parametrize(("kind", "groups"), [("single", 150), ("four", 80)])
def test_auroc_and_difference_cover(rng: np.random.Generator, kind: str, groups: int) -> None:
    pairs: list[Rows] = []
    for _ in range(DRAWS):
        cluster = clusters(rng, kind, groups)
        shared = rng.normal(size=groups)[cluster] if kind != "single" else rng.normal(size=len(cluster))
        signal = (shared + rng.normal(size=len(cluster))) / np.sqrt(2)
        label = signal + rng.normal(size=len(cluster)) > -0.8
        noise = rng.normal(size=(2, len(cluster)))
        pairs.append((signal + 0.7 * noise[0], signal + 1.5 * noise[1], label))
    # The true areas, by one sample large enough to call exact.
    signal, noise = rng.normal(size=400_000), rng.normal(size=(3, 400_000))
    label, everyone = signal + noise[0] > -0.8, np.arange(400_000)
    first, second = signal + 0.7 * noise[1], signal + 1.5 * noise[2]
    area = auroc(first, label, everyone).value
    gap = auroc_difference(first, second, label, everyone).value
    assert area is not None
    assert gap is not None
    cluster = clusters(rng, kind, groups)
    one, two = iter(pairs), iter(pairs)
    assert_covers(lambda: (lambda r: auroc(r[0], r[2], cluster))(next(one)), area)
    assert_covers(lambda: (lambda r: auroc_difference(*r, cluster))(next(two)), gap)


@pytest.mark.parametrize(("kind", "groups", "shift"), [("single", 400, 0.1), ("four", 150, 0.15)])
def test_calibration_error_covers(rng: np.random.Generator, kind: str, groups: int, shift: float) -> None:
    def draw() -> Estimate:
        cluster = clusters(rng, kind, groups)
        top = rng.uniform(0.4, 1.0, len(cluster))
        luck = norm.cdf(answers_latent(rng, cluster, 0.3))
        return calibration_error(top, (luck < top - shift).astype(float), cluster, 400, rng)

    assert_covers(draw, shift, DRAWS // 2)


def answers_latent(rng: np.random.Generator, cluster: np.ndarray, rho: float) -> np.ndarray:
    """Standard normal, correlated by rho within groups."""
    own = rng.normal(size=len(cluster))
    return np.sqrt(rho) * rng.normal(size=cluster.max() + 1)[cluster] + np.sqrt(1 - rho) * own


def test_a_calibrated_model_may_be_calibrated(rng: np.random.Generator) -> None:
    reaches_zero = 0
    for _ in range(200):
        top = rng.uniform(0.4, 1.0, 300)
        right = (rng.random(300) < top).astype(float)
        reaches_zero += calibration_error(top, right, np.arange(300), 200, rng).low == 0
    print("interval reaches 0 in", reaches_zero, "of 200")
    assert reaches_zero > 200 * 0.95 - SIGMAS * np.sqrt(200 * 0.95 * 0.05)


@pytest.mark.parametrize(
    ("kind", "groups", "rho"),
    [
        ("four", 80, 0.6),
        pytest.param("single", 200, 0.0, marks=pytest.mark.soak),
        pytest.param("varied", 30, 0.6, marks=pytest.mark.soak),
        pytest.param("varied", 100, 0.9, marks=pytest.mark.soak),
    ],
)
def test_paired_test_keeps_its_level(rng: np.random.Generator, kind: str, groups: int, rho: float) -> None:
    rejected = plain = 0
    draws = 2 * DRAWS
    for _ in range(draws):
        cluster = clusters(rng, kind, groups)
        # A condition helps some pictures and hurts others, alike for all questions of a picture.
        swing = rho * rng.normal(size=groups)[cluster] * rng.choice([-1, 1])
        first, second = answers_latent(rng, cluster, 0.3), answers_latent(rng, cluster, 0.3)
        delta = (first + swing < 0.5).astype(int) - (second - swing < 0.5)
        rejected += mcnemar(delta, cluster) <= 0.05
        plain += mcnemar(delta, np.arange(len(delta))) <= 0.05
    print("false positives", rejected / draws, "as if without groups", plain / draws)
    assert rejected / draws <= 0.05 + SIGMAS * np.sqrt(0.05 * 0.95 / draws)
    if kind != "single":
        assert plain > rejected


def test_paired_test_sees_a_difference(rng: np.random.Generator) -> None:
    result = 0
    for _ in range(300):
        cluster = clusters(rng, "four", 150)
        a, b = answers(rng, cluster, 0.4, 0.8, 0.68)
        result += mcnemar(a.astype(int) - b, cluster) <= 0.05
    print("power", result / 300)
    assert result > 270
