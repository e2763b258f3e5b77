"""Intervals against SciPy and a plain loop, and whether they cover what they claim to cover."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from illinstr.evaluation.metrics.statistics import (
    Interval,
    absolute_interval,
    holm,
    mean_interval,
    replicate_means,
    standardised_difference,
    statistic_interval,
    swap_test,
    win_share,
)


def skewed(seed, count):
    return np.random.default_rng(seed).exponential(size=count)


@pytest.mark.parametrize("seed", range(3))
def test_bca_agrees_with_scipy(seed):
    values = skewed(seed, 25)
    ours = mean_interval(values, replicates=20_000, seed=seed)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="BCa", rng=seed).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.03)
    percentile = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", rng=seed)
    assert abs(ours.high - percentile.confidence_interval.high) > abs(ours.high - theirs.high)


def test_replicates_are_means_of_resampled_rows():
    values = np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]])
    means = replicate_means(values, 4000, seed=1)
    assert means.shape == (4000, 2)
    np.testing.assert_allclose(means[:, 1], 10 * means[:, 0])  # rows stay together
    sums = {round(sum(draw), 9) for draw in np.array(np.meshgrid(*[values[:, 0]] * 3)).reshape(3, -1).T}
    assert {round(3 * mean, 9) for mean in means[:, 0]} == sums
    assert means[:, 0].mean() == pytest.approx(7 / 3, abs=0.05)
    assert means[:, 0].std() == pytest.approx(values[:, 0].std() / np.sqrt(3), rel=0.05)


def test_the_interval_covers_at_about_the_stated_rate():
    trials, hits = 400, {0.95: 0, 0.6: 0}
    for trial in range(trials):
        values = skewed(trial, 40)
        for confidence in hits:
            found = mean_interval(values, replicates=400, seed=trial, confidence=confidence)
            hits[confidence] += found.low <= 1.0 <= found.high
    assert 0.90 <= hits[0.95] / trials <= 0.98
    assert 0.53 <= hits[0.6] / trials <= 0.66


def test_resampling_articles_is_wider_than_resampling_images_would_be():
    articles = np.repeat(np.random.default_rng(0).integers(0, 2, 12), 6).reshape(12, 6).astype(float)
    by_article = mean_interval(articles.mean(axis=1), replicates=2000, seed=0)
    by_image = mean_interval(articles.ravel(), replicates=2000, seed=0)
    assert by_article.high - by_article.low > 1.8 * (by_image.high - by_image.low)


def test_same_seed_same_interval_other_seed_another():
    values = skewed(0, 20)
    assert mean_interval(values, replicates=500, seed=3) == mean_interval(values, replicates=500, seed=3)
    assert mean_interval(values, replicates=500, seed=3) != mean_interval(values, replicates=500, seed=4)


@pytest.mark.parametrize(("right", "count"), [(5, 5), (0, 5), (20, 20), (17, 20), (3, 9)])
def test_limits_of_shares_of_0_and_1_are_clopper_and_pearsons(right, count):
    exact = stats.binomtest(right, count).proportion_ci(0.95, method="exact")
    values = np.array([1.0] * right + [0.0] * (count - right))
    found = mean_interval(values, replicates=20_000, seed=0, bounds=(0, 1))
    assert found.method == "gaffke"
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=1e-3 if right in (0, count) else 0.01)


@pytest.mark.parametrize(("value", "bounds"), [(0.0, (-1, 1)), (1.0, (-1, 1)), (0.25, (0, 1)), (-0.5, (-1, 1))])
def test_equal_values_leave_room_for_the_articles_that_were_not_seen(value, bounds):
    """The limits are means over a world in which the largest share of other articles not ruled out lies at a bound."""
    found = mean_interval(np.full(8, value), replicates=2000, seed=0, bounds=bounds)
    share = 1 - stats.binomtest(8, 8).proportion_ci(0.95, method="exact").low
    worlds = [share * end + (1 - share) * value for end in bounds]
    assert (found.low, found.high) == (pytest.approx(worlds[0], abs=4e-3), pytest.approx(worlds[1], abs=4e-3))
    assert mean_interval(np.full(8, value), replicates=100, seed=0).low == value


@pytest.mark.parametrize("seed", range(20))
def test_a_lower_value_never_moves_a_limit_up(seed):
    generator = np.random.default_rng(seed)
    values = generator.integers(3, 7, size=generator.integers(5, 12)) / 6
    lower = values.copy()
    lower[generator.integers(len(values))] -= 1 / 6
    for start, less in ((np.ones(5), np.array([1, 1, 1, 1, 5 / 6])), (values, lower)):
        before, after = (mean_interval(each, replicates=300, seed=seed, bounds=(0, 1)) for each in (start, less))
        assert after.low < before.low and after.high <= before.high


@pytest.mark.parametrize("mean", [0.98, 0.7])
def test_limits_of_shares_cover_where_a_bootstrap_does_not(mean):
    hits = bootstrap = 0
    for trial in range(300):
        values = np.random.default_rng(trial).binomial(6, mean, size=8) / 6
        found = mean_interval(values, replicates=400, seed=trial, bounds=(0, 1))
        plain = mean_interval(values, replicates=400, seed=trial)
        hits += found.low <= mean <= found.high
        bootstrap += plain.low <= mean <= plain.high
    assert hits / 300 >= 0.95 > bootstrap / 300


def test_fewer_than_five_articles_give_no_interval():
    for count in (1, 4):
        for bounds in (None, (0, 1)):
            few = mean_interval(np.linspace(0, 1, count), replicates=100, seed=0, bounds=bounds)
            assert few == Interval(None, None, "none")
        assert statistic_interval(np.ones((count, 2)), lambda m: m[:, 0], replicates=100, seed=0).method == "none"


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [((1, 3), (1, 3)), ((-3, -1), (1, 3)), ((-1, 3), (0, 3)), ((-3, 1), (0, 3)), ((None, None), (None, None))],
)
def test_absolute_interval(bounds, expected):
    found = absolute_interval(Interval(*bounds, "bca"))
    assert (found.low, found.high) == expected


def plain(means):
    return means[:, 0] - means[:, 1]


def test_pairing_finds_a_small_steady_difference_that_unpaired_intervals_miss():
    base = np.random.default_rng(0).normal(size=30)
    steady = base - 0.1 + np.random.default_rng(1).normal(size=30) * 0.02
    found = mean_interval(base - steady, replicates=2000, seed=0)
    assert 0 < found.low < 0.1 < found.high
    alone = [mean_interval(side, replicates=2000, seed=0) for side in (base, steady)]
    assert alone[0].low < alone[1].high
    assert swap_test(np.stack([base, steady], axis=1), plain, seed=0) < 0.001
    assert swap_test(np.stack([base, base[::-1]], axis=1), plain, seed=0) > 0.5


@pytest.mark.parametrize("count", [4, 9, 25])
def test_swap_test_agrees_with_scipy(count):
    a, b = np.random.default_rng(count).normal([[0.4], [0.0]], 1, size=(2, count))
    theirs = stats.permutation_test(
        (a, b), lambda x, y, axis: (x - y).mean(axis=axis), permutation_type="samples", n_resamples=20_000, rng=1,
        vectorized=True,
    )  # fmt: skip
    ours = swap_test(np.stack([a, b], axis=1), plain, seed=0)
    assert ours == pytest.approx(theirs.pvalue, abs=1e-12 if count < 12 else 0.01)


def test_swap_test_of_equal_runs_is_uniform_and_never_zero():
    values = [
        swap_test(np.random.default_rng(seed).normal(size=(30, 2)), plain, replicates=199, seed=seed)
        for seed in range(300)
    ]
    assert stats.kstest(values, "uniform").pvalue > 0.01
    far = np.stack([np.arange(40) + 100.0, np.arange(40)], axis=1)
    assert swap_test(far, plain, replicates=199, seed=0) == pytest.approx(1 / 200)


@pytest.mark.parametrize("p_values", [[0.01, 0.04, 0.03], [0.5], [], [0.2, 0.2, 0.9, 0.001], [1.0, 1.0]])
def test_holm_rejects_exactly_what_stepping_down_rejects(p_values):
    adjusted = holm(p_values)
    for level in (0.005, 0.05, 0.1, 0.3):
        rejected, left = set(), sorted(range(len(p_values)), key=lambda i: p_values[i])
        while left and p_values[left[0]] * len(left) <= level:
            rejected.add(left.pop(0))
        assert {i for i, p in enumerate(adjusted) if p <= level} == rejected


def test_holm_keeps_the_family_wise_rate():
    generator = np.random.default_rng(0)
    false_alarms = sum(min(holm(generator.random(8).tolist())) < 0.05 for _ in range(2000))
    assert 0.035 < false_alarms / 2000 < 0.065


def test_effect_sizes():
    a, b = np.array([1.0, 2.0, 4.0, 4.0]), np.array([0.0, 2.0, 1.0, 5.0])
    difference = [1.0, 0.0, 3.0, -1.0]
    assert standardised_difference(a, b) == pytest.approx(np.mean(difference) / np.std(difference, ddof=1))
    assert win_share(a, b) == (2 + 0.5) / 4
    assert standardised_difference(a, a - 1) is None
    assert standardised_difference(a[:1], b[:1]) is None


def test_statistic_interval_equals_a_plain_bootstrap_of_the_statistic():
    values = np.random.default_rng(0).normal([0.5, -0.2], 1, size=(40, 2))
    found = statistic_interval(values, lambda m: np.abs(m[:, 0]) - np.abs(m[:, 1]), replicates=20_000, seed=0)
    generator = np.random.default_rng(9)
    plain = []
    for _ in range(20_000):
        a, b = values[generator.integers(0, 40, 40)].mean(axis=0)
        plain.append(abs(a) - abs(b))
    assert (found.low, found.high) == pytest.approx(np.quantile(plain, [0.025, 0.975]), abs=0.03)


def test_the_interval_of_a_gap_covers_at_about_the_stated_rate():
    """|mean of a| - |mean of b| with correlated a and b, as two runs on the same goals give."""
    trials, hits = 300, 0
    for trial in range(trials):
        generator = np.random.default_rng(trial)
        shared = generator.normal(size=(40, 1))
        pairs = shared + generator.normal([0.9, -0.5], 0.7, size=(40, 2))
        found = statistic_interval(pairs, lambda m: np.abs(m[:, 0]) - np.abs(m[:, 1]), replicates=400, seed=trial)
        hits += found.low <= 0.4 <= found.high
    assert 0.90 <= hits / trials <= 0.985


def test_the_interval_of_an_absolute_mean_covers():
    for true in (0.0, 0.2, 1.0):
        hits = 0
        for trial in range(200):
            values = np.random.default_rng(trial).normal(true, 1, size=40)
            found = absolute_interval(mean_interval(values, replicates=400, seed=trial))
            hits += found.low <= true <= found.high
        assert hits / 200 >= 0.9
