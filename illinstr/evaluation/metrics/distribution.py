"""Distances between two *sets* of images: FID, KID and CMMD, with intervals over articles.

Where faithfulness and consistency ask about one image or article, these ask whether a model's images as a whole
look like the truth's. Each is a function of two feature arrays, (m, d) and (n, d); all arithmetic is in float64.

Sources: Heusel et al. 2017 (FID); Binkowski et al. 2018 (KID); Jayasumana et al. 2024 (CMMD, its sigma and scale as in
the released code). Intervals: Kunsch 1989 and Shao and Tu 1995, section 2.3 (delete-group jackknife).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from illinstr.evaluation.metrics.statistics import Floats, Interval, student_limits

Features = NDArray[Any]
Groups = Sequence[int] | NDArray[Any]

CMMD_SIGMA, CMMD_SCALE = 10.0, 1000.0
GROUPS = 20
MIN_GROUPS = 5


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


@dataclass(frozen=True)
class KernelSums:
    """Sums of a kernel over pairs of groups: all that a squared MMD, whole or less one group, is made of.

    ``aa``, ``bb`` and ``ab`` are (g, g), ``self_a`` and ``self_b`` the kernel of each feature with itself, summed by
    group (g,), ``count_a`` and ``count_b`` images by group (g,).
    """

    aa: Floats
    bb: Floats
    ab: Floats
    self_a: Floats
    self_b: Floats
    count_a: Floats
    count_b: Floats

    def without(self, group: int) -> KernelSums:
        """The sums as they would be had the group never been there."""
        kept = np.arange(len(self.self_a)) != group
        square = np.ix_(kept, kept)
        return KernelSums(
            self.aa[square],
            self.bb[square],
            self.ab[square],
            self.self_a[kept],
            self.self_b[kept],
            self.count_a[kept],
            self.count_b[kept],
        )

    def unbiased(self) -> float:
        """Squared MMD without the pairs of a feature with itself (Gretton et al. 2012, lemma 6). May be below 0."""
        m, n = self.count_a.sum(), self.count_b.sum()
        within_a = (self.aa.sum() - self.self_a.sum()) / (m * (m - 1))
        within_b = (self.bb.sum() - self.self_b.sum()) / (n * (n - 1))
        return float(within_a + within_b - 2 * self.ab.sum() / (m * n))

    def biased(self) -> float:
        """Squared MMD over all pairs, as CMMD's released code takes it. Never below 0 but for rounding."""
        m, n = self.count_a.sum(), self.count_b.sum()
        return float(self.aa.sum() / m**2 + self.bb.sum() / n**2 - 2 * self.ab.sum() / (m * n))


def polynomial_kernel(a: Floats, b: Floats) -> Floats:
    """KID's kernel, (x . y / d + 1) ** 3."""
    return np.asarray((a @ b.T / a.shape[1] + 1.0) ** 3)


def gaussian_kernel(a: Floats, b: Floats) -> Floats:
    """CMMD's kernel, exp(-|x - y|^2 / (2 sigma^2)) with sigma 10."""
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2 * a @ b.T
    return np.asarray(np.exp(-np.clip(squares, 0, None) / (2 * CMMD_SIGMA**2)))


def kernel_sums(
    a: Features,
    b: Features,
    kernel: Callable[[Floats, Floats], Floats],
    groups_a: Groups | None = None,
    groups_b: Groups | None = None,
) -> KernelSums:
    """Sum a kernel by pairs of groups, one block of rows at a time; without groups every image is in group 0."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    of_a = np.zeros(len(a), int) if groups_a is None else np.asarray(groups_a)
    of_b = np.zeros(len(b), int) if groups_b is None else np.asarray(groups_b)
    count = int(max(of_a.max(), of_b.max())) + 1

    def pairs(x: Floats, of_x: NDArray[Any], y: Floats, of_y: NDArray[Any]) -> Floats:
        columns = np.eye(count)[of_y]
        total = np.zeros((count, count))
        for group in range(count):
            rows = x[of_x == group]
            if len(rows):
                total[group] = (kernel(rows, y) @ columns).sum(axis=0)
        return total

    def own(x: Floats, of_x: NDArray[Any]) -> Floats:
        values = np.array([float(kernel(row[None], row[None])[0, 0]) for row in x])
        return np.asarray(np.bincount(of_x, weights=values, minlength=count), dtype=np.float64)

    return KernelSums(
        pairs(a, of_a, a, of_a),
        pairs(b, of_b, b, of_b),
        pairs(a, of_a, b, of_b),
        own(a, of_a),
        own(b, of_b),
        np.bincount(of_a, minlength=count).astype(np.float64),
        np.bincount(of_b, minlength=count).astype(np.float64),
    )


def kernel_distance(a: Features, b: Features) -> float:
    """KID: unbiased squared MMD with the polynomial kernel, over all images at once (no subsets)."""
    return kernel_sums(a, b, polynomial_kernel).unbiased()


def cmmd(a: Features, b: Features) -> float:
    """CMMD: 1000 x squared MMD with the Gaussian kernel, over CLIP features brought to length 1."""
    return CMMD_SCALE * kernel_sums(unit(a), unit(b), gaussian_kernel).biased()


def unit(features: Features) -> Floats:
    """Each row divided by its length; a zero row stays."""
    wide = features.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    return np.asarray(wide / np.where(lengths > 0, lengths, 1.0))


@dataclass(frozen=True)
class Replicates:
    """A distance over everything, and less one group of articles at a time (g,)."""

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

    def interval(self, confidence: float) -> Interval:
        """Value -/+ Student's t times the standard error; none with fewer than ``MIN_GROUPS`` groups."""
        count = len(self.without)
        if count < MIN_GROUPS:
            return Interval(None, None, "none")
        low, high = student_limits(self.value, self.error, count - 1, confidence)
        return Interval(low, high, "jackknife")


def article_groups(keys: Sequence[str], seed: int) -> dict[str, int]:
    """Articles assigned at random to at most ``GROUPS`` groups of nearly equal size, by key."""
    distinct = sorted(set(keys))
    count = min(GROUPS, len(distinct))
    order = np.random.default_rng(seed).permutation(len(distinct))
    return {distinct[place]: rank % count for rank, place in enumerate(order)}


def replicates(name: str, a: Features, b: Features, groups_a: Groups, groups_b: Groups) -> Replicates:
    """ "fid", "kid" or "cmmd" of two sets, over everything and less one group of articles at a time.

    The set less a group keeps what images of one article share, so the interval rests on articles, not on images.
    """
    of_a, of_b = np.asarray(groups_a), np.asarray(groups_b)
    count = int(max(of_a.max(), of_b.max())) + 1
    dropped = range(count) if count >= MIN_GROUPS else range(0)
    if name == "fid":
        without = [frechet_distance(a[of_a != group], b[of_b != group]) for group in dropped]
        return Replicates(frechet_distance(a, b), np.array(without))
    if name == "kid":
        sums = kernel_sums(a, b, polynomial_kernel, of_a, of_b)
        return Replicates(sums.unbiased(), np.array([sums.without(group).unbiased() for group in dropped]))
    sums = kernel_sums(unit(a), unit(b), gaussian_kernel, of_a, of_b)
    without = [CMMD_SCALE * sums.without(group).biased() for group in dropped]
    return Replicates(CMMD_SCALE * sums.biased(), np.array(without))
