"""Distances between two *sets* of images: FID, KID and CMMD, with intervals over articles.

Where faithfulness and consistency ask about one image or article, these ask whether a model's images as a whole
look like the truth's. Each is a function of two feature arrays, (m, d) and (n, d); all arithmetic is in float64.

A run and its ground truth answer the same goals, so images come in pairs that are alike for their goal's sake. KID and
CMMD of a run are therefore taken over pairs of different goals (``GoalPairs``); over sets without common goals they are
the numbers that torchmetrics and CMMD's released code give (``kernel_distance``, ``cmmd``).

Sources: Heusel et al. 2017 (FID); Binkowski et al. 2018 (KID); Jayasumana et al. 2024 (CMMD, its sigma and scale as in
the released code). Intervals: Hoeffding 1948, Huskova and Janssen 1993 (multiplier bootstrap of U-statistics); Kunsch
1989 and Shao and Tu 1995, section 2.3 (delete-group jackknife).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from illinstr.evaluation.metrics.statistics import Floats, Interval, student_limits, student_p

Features = NDArray[Any]
Groups = Sequence[int] | NDArray[Any]
Kernel = Callable[[Floats, Floats], Floats]

CMMD_SIGMA, CMMD_SCALE = 10.0, 1000.0
GROUPS = 20  # of the jackknife
MIN_GROUPS = 5
MAX_UNITS = 200  # goals beyond are put together, so that memory stays small
BLOCK = 1024  # rows of a kernel held at a time


def frechet_distance(a: Features, b: Features) -> float:
    """FID: squared Frechet distance of two Gaussians with the means and covariances (m - 1) of the features.

    The trace of the root of the product of covariances is taken from a symmetric matrix with the same eigenvalues,
    which stays real and finite where fewer images than dimensions leave a covariance singular.
    """
    a, b = a.astype(np.float64), b.astype(np.float64)
    shift = a.mean(axis=0) - b.mean(axis=0)
    cov_a, cov_b = np.atleast_2d(np.cov(a, rowvar=False)), np.atleast_2d(np.cov(b, rowvar=False))
    values, vectors = np.linalg.eigh(cov_a)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    product = np.linalg.eigvalsh(root @ cov_b @ root)
    overlap = np.sqrt(np.clip(product, 0, None)).sum()
    return float(max(shift @ shift + np.trace(cov_a) + np.trace(cov_b) - 2 * overlap, 0.0))


def polynomial_kernel(a: Floats, b: Floats) -> Floats:
    """KID's kernel, (x . y / d + 1) ** 3."""
    return np.asarray((a @ b.T / a.shape[1] + 1.0) ** 3)


def gaussian_kernel(a: Floats, b: Floats) -> Floats:
    """CMMD's kernel, exp(-|x - y|^2 / (2 sigma^2)) with sigma 10."""
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2 * a @ b.T
    return np.asarray(np.exp(-np.clip(squares, 0, None) / (2 * CMMD_SIGMA**2)))


def kernel_distance(a: Features, b: Features) -> float:
    """KID: unbiased squared MMD (Gretton et al. 2012, lemma 6), polynomial kernel, over all images (no subsets)."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    within = [(_total(x, x, polynomial_kernel) - _own(x, polynomial_kernel)) / (len(x) * (len(x) - 1)) for x in (a, b)]
    return sum(within) - 2 * _total(a, b, polynomial_kernel) / (len(a) * len(b))


def cmmd(a: Features, b: Features) -> float:
    """CMMD: 1000 x squared MMD with the Gaussian kernel over all pairs, over CLIP features brought to length 1."""
    a, b = unit(a), unit(b)
    within = [_total(x, x, gaussian_kernel) / len(x) ** 2 for x in (a, b)]
    return CMMD_SCALE * (sum(within) - 2 * _total(a, b, gaussian_kernel) / (len(a) * len(b)))


def _total(a: Floats, b: Floats, kernel: Kernel) -> float:
    """Sum of the kernel over all pairs, one block of rows at a time."""
    return sum(float(kernel(a[start : start + BLOCK], b).sum()) for start in range(0, len(a), BLOCK))


def _own(a: Floats, kernel: Kernel) -> float:
    return sum(float(kernel(row[None], row[None])[0, 0]) for row in a)


def unit(features: Features) -> Floats:
    """Each row divided by its length; a zero row stays."""
    wide = features.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    return np.asarray(wide / np.where(lengths > 0, lengths, 1.0))


class Estimate(Protocol):
    """A distance between two sets of images, and what its interval is made of."""

    @property
    def value(self) -> float:
        """The distance."""

    def interval(self, confidence: float, *, resamples: int, seed: int) -> Interval:
        """The interval of the distance over goals."""

    def p_value(self, *, resamples: int, seed: int) -> float:
        """Two-sided p of the distance against 0."""


@dataclass(frozen=True)
class GoalPairs:
    """A squared MMD as a mean over pairs of *different* goals; differences of two are of the same form.

    ``pairs`` (g, g) holds k(a_i, a_j) + k(b_i, b_j) - k(a_i, b_j) - k(b_i, a_j) for goals i and j, each term the mean
    over the images of the two goals; its diagonal is 0 and never used. Two images of one goal resemble each other for
    that reason alone, within a set and across, so pairs of one goal would pull the distance below its true value; over
    different goals its expectation is 0 where both sets come from the same distribution, whatever the goals share.
    """

    pairs: Floats

    @property
    def value(self) -> float:
        """The mean over pairs of different goals: a U-statistic over goals, which may lie below 0."""
        count = len(self.pairs)
        return float(self.pairs.sum() / (count * (count - 1)))

    def __sub__(self, other: GoalPairs) -> GoalPairs:
        return GoalPairs(self.pairs - other.pairs)

    def deviations(self, *, resamples: int, seed: int) -> Floats:
        """How far the value strays from the truth: draws (resamples,) by a multiplier bootstrap.

        The statistic is split into goals' own parts and a rest over pairs (Hoeffding 1948); each part gets normal
        multipliers by goal (Huskova and Janssen 1993). Where both sets are alike the own parts are 0 and what is seen
        of them is noise of the rest, whose variance is taken off, else intervals would be far too wide there.
        """
        from scipy.stats import norm, t

        pairs, count = self.pairs, len(self.pairs)
        own = (pairs.sum(axis=1) - (count - 1) * self.value) / (count - 2)
        rest = pairs - self.value - own[:, None] - own[None, :]
        np.fill_diagonal(rest, 0.0)
        noise = (rest**2).sum() / (count * (count - 3)) * (count - 1) / (count - 2) ** 2
        variance = (own**2).sum() / (count - 1)
        kept = np.sqrt(max(0.0, 1 - noise / variance)) if variance > 0 else 0.0
        multipliers = np.random.default_rng(seed).normal(size=(resamples, count))
        linear = 2 / count * kept * (multipliers @ own) * np.sqrt(count / (count - 1))
        quadratic = ((multipliers @ rest) * multipliers).sum(axis=1) / (count * (count - 1))
        quadratic *= np.sqrt((count - 1) / (count - 3))
        few = float(t.ppf(0.975, count - 1) / norm.ppf(0.975))  # as Student's t is wider than the normal
        return np.asarray(few * (linear + quadratic))

    def interval(self, confidence: float, *, resamples: int, seed: int) -> Interval:
        """The multiplier bootstrap's interval; none with fewer than ``MIN_GROUPS`` goals."""
        if len(self.pairs) < MIN_GROUPS:
            return Interval(None, None, "none")
        drawn = self.deviations(resamples=resamples, seed=seed)
        low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
        return Interval(self.value - float(high), self.value - float(low), "multiplier")

    def p_value(self, *, resamples: int, seed: int) -> float:
        """Share of deviations at least as far from 0 as the value, itself counted; 1 with too few goals."""
        if len(self.pairs) < MIN_GROUPS:
            return 1.0
        drawn = self.deviations(resamples=resamples, seed=seed)
        far = np.count_nonzero(np.abs(drawn) >= abs(self.value) - 1e-12)
        return float((far + 1) / (resamples + 1))


def goal_pairs(name: str, a: Features, b: Features, articles_a: Sequence[str], articles_b: Sequence[str],
               units: Mapping[str, int]) -> GoalPairs:  # fmt: skip
    """ "kid" or "cmmd" over pairs of different goals.

    Args:
        name: the metric.
        a: (m, d).
        b: (n, d).
        articles_a: the article of each row of ``a``; an article counts the same whatever its number of images.
        articles_b: of each row of ``b``.
        units: the goal of each article, numbered from 0, or the group of goals where there are very many.
    """
    kernel, scale = (polynomial_kernel, 1.0) if name == "kid" else (gaussian_kernel, CMMD_SCALE)
    x, y = (each.astype(np.float64) if name == "kid" else unit(each) for each in (a, b))
    of_x, of_y = (_weights(articles, units) for articles in (articles_a, articles_b))
    across = _means(x, of_x, y, of_y, kernel)
    pairs = scale * (_means(x, of_x, x, of_x, kernel) + _means(y, of_y, y, of_y, kernel) - across - across.T)
    np.fill_diagonal(pairs, 0.0)
    return GoalPairs(pairs)


def _weights(articles: Sequence[str], units: Mapping[str, int]) -> Floats:
    """(units, images): what each image weighs in the mean of its unit; every article of a unit weighs the same."""
    images = Counter(articles)
    weights = np.zeros((max(units.values()) + 1, len(articles)))
    for place, article in enumerate(articles):
        weights[units[article], place] = 1 / images[article]
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _means(x: Floats, of_x: Floats, y: Floats, of_y: Floats, kernel: Kernel) -> Floats:
    """(units, units): the mean of the kernel over the images of two units, one block of rows at a time."""
    total = np.zeros((len(of_x), len(of_y)))
    for start in range(0, len(x), BLOCK):
        total += of_x[:, start : start + BLOCK] @ (kernel(x[start : start + BLOCK], y) @ of_y.T)
    return total


@dataclass(frozen=True)
class Replicates:
    """A distance that is no mean over pairs (FID), over everything and less one group of articles at a time (g,)."""

    value: float
    without: Floats

    def __sub__(self, other: Replicates) -> Replicates:
        return Replicates(self.value - other.value, self.without - other.without)

    @property
    def error(self) -> float:
        """Standard error by the delete-group jackknife; 0 where there are no groups."""
        count = len(self.without)
        if count < MIN_GROUPS:
            return 0.0
        return float(np.sqrt((count - 1) / count * ((self.without - self.without.mean()) ** 2).sum()))

    def interval(self, confidence: float, *, resamples: int = 0, seed: int = 0) -> Interval:
        """Value -/+ Student's t times the standard error; none with fewer than ``MIN_GROUPS`` groups."""
        count = len(self.without)
        if count < MIN_GROUPS:
            return Interval(None, None, "none")
        low, high = student_limits(self.value, self.error, count - 1, confidence)
        return Interval(low, high, "jackknife")

    def p_value(self, *, resamples: int = 0, seed: int = 0) -> float:
        """Student's t over jackknife groups; 1 with too few of them."""
        count = len(self.without)
        return student_p(self.value, self.error, count - 1) if count >= MIN_GROUPS else 1.0


def goal_groups(goals: Sequence[str], seed: int, at_most: int) -> dict[str, int]:
    """Goals assigned at random to at most ``at_most`` groups of nearly equal size."""
    distinct = sorted(set(goals))
    count = min(at_most, len(distinct))
    order = np.random.default_rng(seed).permutation(len(distinct))
    return {distinct[place]: rank % count for rank, place in enumerate(order)}


def frechet_replicates(a: Features, b: Features, groups_a: Groups, groups_b: Groups) -> Replicates:
    """FID of two sets, over everything and less one group of articles, in both sets, at a time.

    The set less a group keeps what images of one article share, so the interval rests on articles, not on images.
    """
    of_a, of_b = np.asarray(groups_a), np.asarray(groups_b)
    count = int(max(of_a.max(), of_b.max())) + 1
    dropped = range(count) if count >= MIN_GROUPS else range(0)
    without = [frechet_distance(a[of_a != group], b[of_b != group]) for group in dropped]
    return Replicates(frechet_distance(a, b), np.array(without))
