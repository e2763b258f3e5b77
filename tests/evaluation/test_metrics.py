"""Every metric against a second implementation that shares no code with it, and against what it must mean."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from illinstr.evaluation.metrics import definitions as metrics

SEEDS = range(5)


def features(seed, rows, width=7):
    return np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)


def slow_cosine(a, b):
    dot = sum(float(x) * float(y) for x, y in zip(a, b, strict=True))
    return dot / math.sqrt(sum(float(x) ** 2 for x in a)) / math.sqrt(sum(float(y) ** 2 for y in b))


@pytest.mark.parametrize("seed", SEEDS)
def test_cosine_equals_the_sum_over_coordinates(seed):
    images, texts = features(seed, 4), features(seed + 100, 3)
    expected = [[slow_cosine(image, text) for text in texts] for image in images]
    np.testing.assert_allclose(metrics.cosine_similarity(images, texts), expected, rtol=1e-9)


def test_a_zero_vector_has_cosine_zero():
    assert metrics.cosine_similarity(np.zeros((1, 3)), np.ones((2, 3))).tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize(
    ("similarities", "own", "credit"),
    [([0.9, 0.1], 0, 1), ([0.1, 0.9], 0, 0), ([0.1, 0.9], 1, 1), ([0.5, 0.5, 0.1], 0, 0.5), ([0.2] * 4, 3, 0.25)],
)
def test_choice_credit_divides_ties(similarities, own, credit):
    assert metrics.choice_credit(np.array(similarities), own) == credit


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=6))
def test_choice_credits_of_all_candidates_sum_to_one(values):
    similarities = np.array(values, dtype=float)
    assert sum(metrics.choice_credit(similarities, own) for own in range(len(values))) == pytest.approx(1)


@pytest.mark.parametrize("seed", SEEDS)
def test_softmax_over_images_equals_a_plain_loop(seed):
    images, texts = features(seed, 4), features(seed + 100, 4)
    raw = [[math.exp(slow_cosine(image, text)) for text in texts] for image in images]
    for i in range(4):
        shares = [raw[i][t] / sum(raw[j][t] for j in range(4)) for t in range(4)]
        assert metrics.softmax_over_images_credit(images, texts)[i] == float(shares.index(max(shares)) == i)


def test_of_two_equal_texts_the_first_is_taken():
    image, text = features(1, 1), features(2, 1)
    both = metrics.softmax_over_images_credit(np.concatenate([image, image]), np.concatenate([text, text]))
    assert both.tolist() == [1, 0]


def test_the_reproduction_softmax_is_not_the_clean_retrieval():
    # Image 0 is nearest to text 1, but image 1 owns text 1 more firmly: the hybrid forgives image 0.
    images = np.array([[0.6, 0.8], [0.0, 1.0]])
    texts = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert metrics.choice_credit(metrics.cosine_similarity(images, texts)[0], 0) == 0
    assert metrics.softmax_over_images_credit(images, texts)[0] == 1


@pytest.mark.parametrize("rows", [2, 3, 6])
def test_mean_pairwise_distance_equals_the_mean_over_pairs(rows):
    vectors = features(rows, rows)
    pairs = [math.dist(a.tolist(), b.tolist()) for a, b in itertools.combinations(vectors, 2)]
    assert metrics.mean_pairwise_distance(vectors) == pytest.approx(sum(pairs) / len(pairs), rel=1e-9)
    assert metrics.mean_pairwise_distance(3 * vectors) == pytest.approx(3 * sum(pairs) / len(pairs), rel=1e-6)


def test_one_image_has_no_pairwise_distance():
    with pytest.raises(ValueError, match="two images"):
        metrics.mean_pairwise_distance(features(0, 1))


@settings(max_examples=30)
@given(st.floats(0.01, 1000), st.integers(0, 1000))
def test_relative_spread_ignores_scale(scale, seed):
    vectors = features(seed, 4).astype(np.float64)
    length = np.mean([math.hypot(*row) for row in vectors])
    expected = metrics.mean_pairwise_distance(vectors) / length
    assert metrics.relative_spread(scale * vectors) == pytest.approx(expected, rel=1e-9)


def test_identical_images_fall_under_the_diversity_floor_and_others_do_not():
    one = features(0, 1)
    assert metrics.relative_spread(np.repeat(one, 5, axis=0)) < metrics.DIVERSITY_FLOOR
    assert metrics.relative_spread(np.zeros((3, 4))) == 0
    assert metrics.relative_spread(features(0, 5)) > metrics.DIVERSITY_FLOOR


@pytest.mark.parametrize("seed", SEEDS)
def test_clip_score_is_a_hundred_cosines_and_never_negative(seed):
    image, text = features(seed, 2)
    assert metrics.clip_score(image, text) == pytest.approx(max(100 * slow_cosine(image, text), 0), rel=1e-9)
    assert metrics.clip_score(image, -image) == 0
