"""FID, KID and CMMD against torchmetrics, SciPy and plain loops; their intervals against simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import linalg, stats

from illinstr.evaluation.metrics import distribution
from illinstr.evaluation.metrics.distribution import (
    cmmd,
    frechet_distance,
    frechet_replicates,
    goal_pairs,
    kernel_distance,
)

SIDE = 4  # "images" of 4x4 pixels whose features are their own 48 values


def features(seed, rows, width=6, *, shift=0.0, scale=1.0):
    mixing = np.random.default_rng(99).normal(size=(width, width))
    drawn = np.random.default_rng(seed).normal(size=(rows, width)) @ mixing * scale + shift
    return drawn.astype(np.float32)


@pytest.mark.parametrize(("rows", "width"), [(60, 6), (40, 3), (12, 20)])
def test_frechet_distance_equals_a_form_without_any_matrix_root(rows, width):
    """tr (AB)^1/2 is the sum of singular values of the centred images' products, also for singular covariances."""
    a, b = features(0, rows, width), features(1, rows + 5, width, shift=0.3, scale=1.4)
    centred = [s.astype(float) - s.astype(float).mean(axis=0) for s in (a, b)]
    spread = [(c**2).sum() / (len(c) - 1) for c in centred]
    overlap = linalg.svdvals(centred[0] @ centred[1].T).sum() / math.sqrt((len(a) - 1) * (len(b) - 1))
    gap = a.astype(float).mean(axis=0) - b.astype(float).mean(axis=0)
    assert frechet_distance(a, b) == pytest.approx((gap**2).sum() + sum(spread) - 2 * overlap, rel=1e-5)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-4)
    assert frechet_distance(b, a) == pytest.approx(frechet_distance(a, b), rel=1e-5)
    if rows > width:
        root = linalg.sqrtm(np.cov(a.astype(float).T) @ np.cov(b.astype(float).T))
        assert np.trace(root).real == pytest.approx(overlap, rel=1e-6)


def test_kernel_distance_equals_the_sum_over_pairs():
    a, b = features(0, 9, 4), features(1, 7, 4, shift=0.5)

    def kernel(x, y):
        return (sum(float(i) * float(j) for i, j in zip(x, y, strict=True)) / 4 + 1) ** 3

    within = [
        sum(kernel(s[i], s[j]) for i in range(len(s)) for j in range(len(s)) if i != j) / (len(s) * (len(s) - 1))
        for s in (a, b)
    ]
    across = sum(kernel(x, y) for x in a for y in b) / (len(a) * len(b))
    assert kernel_distance(a, b) == pytest.approx(sum(within) - 2 * across, rel=1e-9)


def test_cmmd_equals_the_sum_over_all_pairs_of_unit_vectors():
    a, b = features(0, 8, 5), features(1, 6, 5, shift=0.8)
    unit = [[[float(v) / math.hypot(*map(float, row)) for v in row] for row in s] for s in (a, b)]

    def mean(s, t):
        return np.mean([math.exp(-(math.dist(x, y) ** 2) / 200) for x in s for y in t])

    expected = 1000 * (mean(unit[0], unit[0]) + mean(unit[1], unit[1]) - 2 * mean(*unit))
    assert cmmd(a, b) == pytest.approx(expected, rel=1e-7)
    assert cmmd(3 * a, b) == pytest.approx(cmmd(a, b), rel=1e-7)


class PixelFeatures(torch.nn.Module):
    """The network whose features torchmetrics and we both take: an image's own pixels, weighted."""

    num_features = 3 * SIDE * SIDE

    def __init__(self) -> None:
        super().__init__()
        weights = torch.rand(self.num_features, generator=torch.Generator().manual_seed(0))
        self.register_buffer("weights", weights)

    def forward(self, images):
        return images.flatten(1).float() / 255 * self.weights


def images(seed, rows, *, high=256):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, high, (rows, 3, SIDE, SIDE), generator=generator, dtype=torch.uint8)


@pytest.fixture(scope="module")
def both():
    network = PixelFeatures()
    sets = images(0, 90), images(1, 80, high=200)
    return network, sets, [network(each).numpy() for each in sets]


def test_fid_equals_torchmetrics(both):
    from torchmetrics.image.fid import FrechetInceptionDistance

    network, (real, fake), (a, b) = both
    metric = FrechetInceptionDistance(feature=network, input_img_size=(3, SIDE, SIDE))
    metric.set_dtype(torch.float64)
    metric.update(real, real=True)
    metric.update(fake, real=False)
    assert frechet_distance(a, b) == pytest.approx(float(metric.compute()), abs=1e-4)


@pytest.mark.filterwarnings("ignore:Metric `Kernel Inception Distance` will save:UserWarning")
def test_kid_equals_torchmetrics_over_the_whole_set(both):
    from torchmetrics.image.kid import KernelInceptionDistance

    network, _, _ = both
    real, fake = images(0, 80), images(1, 80, high=200)
    metric = KernelInceptionDistance(feature=network, subsets=1, subset_size=80)
    metric.update(real, real=True)
    metric.update(fake, real=False)
    mean, _ = metric.compute()
    assert kernel_distance(network(real).numpy(), network(fake).numpy()) == pytest.approx(float(mean), abs=1e-4)


def test_fid_without_a_group_is_the_distance_of_what_is_left():
    a, b = features(0, 40), features(1, 44, shift=0.4)
    groups_a, groups_b = np.arange(40) % 7, np.arange(44) % 7
    found = frechet_replicates(a, b, groups_a, groups_b)
    assert found.value == pytest.approx(frechet_distance(a, b), rel=1e-9)
    expected = [frechet_distance(a[groups_a != group], b[groups_b != group]) for group in range(7)]
    np.testing.assert_allclose(found.without, expected, rtol=1e-8)
    mean = np.mean(expected)
    error = math.sqrt(6 / 7 * sum((value - mean) ** 2 for value in expected))
    interval = found.interval(0.9)
    assert interval.high - found.value == pytest.approx(stats.t.ppf(0.95, 6) * error)
    assert found.value - interval.low == pytest.approx(interval.high - found.value)
    assert found.p_value() == pytest.approx(2 * stats.t.sf(found.value / error, 6))


@pytest.mark.parametrize("name", ["kid", "cmmd"])
def test_pairs_of_one_goal_are_left_out_and_articles_weigh_the_same(name):
    """Against four nested loops over goals and images; lengths differ between goals and between the two sides."""

    def kernel(x, y):
        if name == "kid":
            return (float(x @ y) / len(x) + 1) ** 3
        x, y = x / np.linalg.norm(x), y / np.linalg.norm(y)
        return 1000 * math.exp(-float((x - y) @ (x - y)) / 200)

    def mean(first, second):
        return np.mean([kernel(x, y) for x in first for y in second])

    lengths = {"p": (3, 2), "q": (1, 4), "r": (2, 2), "s": (5, 1)}
    a = {key: features(place, count[0]) for place, (key, count) in enumerate(lengths.items())}
    b = {key: features(place + 9, count[1], shift=0.3) for place, (key, count) in enumerate(lengths.items())}
    expected = np.mean([
        mean(a[i], a[j]) + mean(b[i], b[j]) - mean(a[i], b[j]) - mean(b[i], a[j])
        for i in lengths for j in lengths if i != j
    ])  # fmt: skip
    rows = [[key for key in side for _ in side[key]] for side in (a, b)]
    found = goal_pairs(name, np.concatenate(list(a.values())), np.concatenate(list(b.values())), *rows,
                       {key: place for place, key in enumerate(lengths)})  # fmt: skip
    assert found.value == pytest.approx(expected, rel=1e-5)
    assert (found - found).value == 0
    assert found.interval(0.95, resamples=100, seed=0).method == "none"  # four goals are too few
    assert found.p_value(resamples=100, seed=0) == 1


def test_groups_hold_whole_goals_in_nearly_equal_numbers():
    goals = [f"goal {i}" for i in range(47) for _ in range(6)]
    groups = distribution.goal_groups(goals, 0, 20)
    sizes = np.bincount(list(groups.values()))
    assert len(groups) == 47 and len(sizes) == 20
    assert sizes.max() - sizes.min() <= 1
    assert groups == distribution.goal_groups(goals[::-1], 0, 20) != distribution.goal_groups(goals, 1, 20)
    assert set(distribution.goal_groups(["a", "b", "a"], 0, 20).values()) == {0, 1}


def two_sides(seed, goals, shift):
    """Two sets on the same goals, three images an article: goal, article and image each add to what is shown."""
    generator = np.random.default_rng(seed)
    goal = generator.normal(size=(goals, 5))
    both = [np.repeat(goal + 0.5 * generator.normal(size=(goals, 5)), 3, axis=0) for _ in range(2)]
    return [side + 0.3 * generator.normal(size=side.shape) + shift * place for place, side in enumerate(both)]


def of_pairs(name, sides):
    keys = [str(place // 3) for place in range(len(sides[0]))]
    return goal_pairs(name, *sides, keys, keys, {key: int(key) for key in keys})


@pytest.mark.parametrize("name", ["kid", "cmmd"])
@pytest.mark.parametrize("goals", [8, 40])
def test_where_both_sides_are_alike_the_interval_covers_0_at_its_rate(name, goals):
    """The goals are the same on both sides; over pairs of different goals the distance is 0 in the mean."""
    found = [of_pairs(name, two_sides(trial, goals, 0.0)) for trial in range(120)]
    values = np.array([each.value for each in found])
    assert abs(values.mean()) < 3 * values.std() / math.sqrt(len(values))
    intervals = [each.interval(0.9, resamples=400, seed=trial) for trial, each in enumerate(found)]
    assert 0.85 <= np.mean([each.low <= 0 <= each.high for each in intervals]) <= 1
    assert np.mean([each.p_value(resamples=400, seed=0) < 0.1 for each in found]) <= 0.15


@pytest.mark.parametrize("name", ["kid", "cmmd"])
def test_where_sides_differ_the_interval_covers_the_difference(name):
    truth = of_pairs(name, two_sides(10_000, 600, 2.0)).value
    found = [of_pairs(name, two_sides(trial, 30, 2.0)) for trial in range(100)]
    intervals = [each.interval(0.9, resamples=300, seed=trial) for trial, each in enumerate(found)]
    assert 0.8 <= np.mean([each.low <= truth <= each.high for each in intervals]) <= 0.98
    assert max(each.p_value(resamples=300, seed=0) for each in found) < 0.05
