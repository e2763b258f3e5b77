"""FID, KID and CMMD against torchmetrics, SciPy and plain loops; their intervals against simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import linalg, stats

from illinstr.evaluation.metrics import distribution
from illinstr.evaluation.metrics.distribution import cmmd, frechet_distance, kernel_distance, replicates

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


@pytest.mark.parametrize("name", ["fid", "kid", "cmmd"])
def test_without_a_group_is_the_distance_of_what_is_left(name):
    whole = {"fid": frechet_distance, "kid": kernel_distance, "cmmd": cmmd}[name]
    a, b = features(0, 40), features(1, 44, shift=0.4)
    groups_a, groups_b = np.arange(40) % 7, np.arange(44) % 7
    found = replicates(name, a, b, groups_a, groups_b)
    assert found.value == pytest.approx(whole(a, b), rel=1e-9)
    expected = [whole(a[groups_a != group], b[groups_b != group]) for group in range(7)]
    np.testing.assert_allclose(found.without, expected, rtol=1e-8)
    mean = np.mean(expected)
    error = math.sqrt(6 / 7 * sum((value - mean) ** 2 for value in expected))
    interval = found.interval(0.9)
    assert interval.high - found.value == pytest.approx(stats.t.ppf(0.95, 6) * error)
    assert found.value - interval.low == pytest.approx(interval.high - found.value)


def test_groups_hold_whole_articles_in_nearly_equal_numbers():
    keys = [f"article {i}" for i in range(47) for _ in range(6)]
    groups = distribution.article_groups(keys, seed=0)
    sizes = np.bincount(list(groups.values()))
    assert len(groups) == 47 and len(sizes) == distribution.GROUPS
    assert sizes.max() - sizes.min() <= 1
    assert groups == distribution.article_groups(keys[::-1], seed=0) != distribution.article_groups(keys, seed=1)
    assert set(distribution.article_groups(["a", "b", "a"], seed=0).values()) == {0, 1}


@pytest.mark.parametrize("name", ["kid", "cmmd"])
def test_the_jackknife_covers_at_about_the_stated_rate_where_articles_cluster(name):
    """Four images an article share most of what they show; an interval over images would be half as wide."""
    whole = {"kid": kernel_distance, "cmmd": cmmd}[name]

    def articles(generator, count, shift):
        return (
            np.repeat(generator.normal(size=(count, 5)), 4, axis=0)
            + 0.3 * generator.normal(size=(4 * count, 5))
            + shift
        )

    reference = np.random.default_rng(5)
    true = whole(articles(reference, 600, 0.0), articles(reference, 600, 0.6))
    keys = np.repeat(np.arange(40), 4)
    hits, by_image = 0, 0
    for trial in range(100):
        generator = np.random.default_rng(trial)
        a, b = articles(generator, 40, 0.0), articles(generator, 40, 0.6)
        groups = keys % 20
        interval = replicates(name, a, b, groups, groups).interval(0.9)
        hits += interval.low <= true <= interval.high
        mixed = np.random.default_rng(trial).permutation(160) % 20
        naive = replicates(name, a, b, mixed, mixed).interval(0.9)
        by_image += naive.low <= true <= naive.high
    assert 0.82 <= hits / 100 <= 0.98
    assert by_image < hits
